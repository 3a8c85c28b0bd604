/** The configuration language: what the stock supervisord reads, and what it refuses, so do we. */
import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ConfigurationReader } from '../../src/supervisor/configuration/configuration.ts';
import { diskFiles } from '../../src/supervisor/configuration/configuration-files.ts';
import {
  ConfigurationError,
  type ProcessConfig,
} from '../../src/supervisor/configuration/program-config.ts';
import { UserTable } from '../../src/supervisor/configuration/users.ts';
import { findPeerPython, runPython } from '../support/peer-python.ts';

const PROGRAM = `
import contextlib, io, json, os, sys
from supervisor.options import ServerOptions
from supervisor.datatypes import Automatic

def log(value):
    return 'auto' if value is Automatic else value

def read(path):
    options = ServerOptions()
    text = options.stderr = io.StringIO()
    try:
        with contextlib.redirect_stderr(text):
            options.realize(['-n', '-c', path])
    except SystemExit:
        return {'error': text.getvalue().split('\\n')[0]}
    return {'groups': [{
        'name': group.name,
        'priority': group.priority,
        # A process of the same name replaces the one before when the group is made.
        'processes': list({p.name: {
            'name': p.name, 'command': p.command, 'priority': p.priority, 'uid': p.uid,
            'autostart': p.autostart, 'autorestart': str(getattr(p.autorestart, '__name__', p.autorestart)),
            'startsecs': p.startsecs, 'startretries': p.startretries, 'exitcodes': p.exitcodes,
            'stopsignal': int(p.stopsignal), 'stopwaitsecs': p.stopwaitsecs,
            'stopasgroup': p.stopasgroup, 'killasgroup': p.killasgroup,
            'directory': p.directory, 'umask': p.umask, 'redirect_stderr': p.redirect_stderr,
            'stdout': log(p.stdout_logfile), 'stdout_maxbytes': p.stdout_logfile_maxbytes,
            'stdout_backups': p.stdout_logfile_backups, 'environment': p.environment or {},
        } for p in group.process_configs}.values()),
    } for group in options.process_group_configs]}

json.dump([read(path) for path in json.load(sys.stdin)], sys.stdout)
`;

const CASES: ReadonlyArray<readonly [title: string, text: string]> = [
  ['nothing', ''],
  ['defaults', '[program:a]\ncommand=/bin/a'],
  ['no command', '[program:a]\nautostart=true'],
  ['an empty command', '[program:a]\ncommand='],
  [
    'comments',
    '[program:a]\n; one\n# two\ncommand=/bin/a ;three\ndirectory=/a;b\nstopsignal=INT #x',
  ],
  ['quotes and comments', '[program:a]\ncommand=/bin/a "b ;c" d'],
  ['continuation', '[program:a]\ncommand=/bin/a\n  b\n\tc\nautostart=no'],
  ['colons', '[program:a]\ncommand: /bin/a\nstartsecs : 7'],
  ['upper case', '[program:a]\nCOMMAND=/bin/a\nAutoStart=FALSE'],
  ['defaults section', '[DEFAULT]\nstartsecs=9\n[program:a]\ncommand=/bin/a'],
  ['sections twice', '[program:a]\ncommand=/bin/a\n[program:a]\nstartsecs=3'],
  ['a key without a value', '[program:a]\ncommand=/bin/a\nwords'],
  ['unknown keys', '[program:a]\ncommand=/bin/a\ngroup=99\nfoo=bar\n[strange]\nx=1'],
  ['expansions', '[program:a]\ncommand=/bin/a %(program_name)s %(group_name)s %(here)s 100%%'],
  ['host', '[program:a]\ncommand=/bin/a %(host_node_name)s'],
  ['process_num', '[program:a]\ncommand=/bin/a %(process_num)03d|%(process_num)s|%(process_num)5d'],
  [
    'numprocs',
    '[program:a]\ncommand=/a %(numprocs)d\nprocess_name=p%(process_num)d\nnumprocs=3\nnumprocs_start=4',
  ],
  ['numprocs without a name', '[program:a]\ncommand=/a\nnumprocs=2'],
  ['numprocs 0', '[program:a]\ncommand=/a\nnumprocs=0'],
  ['an unknown name', '[program:a]\ncommand=/a %(nope)s'],
  ['a lone percent', '[program:a]\ncommand=/a 100%'],
  ['a bad conversion', '[program:a]\ncommand=/a %(here)z'],
  ['ENV', '[program:a]\ncommand=/a %(ENV_SITE)s %(ENV_OWN)s\nenvironment=OWN="x %(ENV_SITE)s"'],
  ['environment', '[program:a]\ncommand=/a\nenvironment=A=1,B="x,y",C=\'\',D="a=b",E=/x:y.z+(w)'],
  ['environment over lines', '[program:a]\ncommand=/a\nenvironment=A=1,\n  B=2'],
  ['environment without a comma', '[program:a]\ncommand=/a\nenvironment=A=a b'],
  ['environment cut off', '[program:a]\ncommand=/a\nenvironment=A='],
  ['environment without a value', '[program:a]\ncommand=/a\nenvironment=A'],
  ['environment with an odd sign', '[program:a]\ncommand=/a\nenvironment=A=a@b'],
  ['environment with a percent', '[program:a]\ncommand=/a\nenvironment=A="50%%"'],
  ['environment with a quote', '[program:a]\ncommand=/a\nenvironment=A="it\'s"'],
  ['booleans', '[program:a]\ncommand=/a\nautostart=on\nredirect_stderr=YES\nstopasgroup=1'],
  ['a bad boolean', '[program:a]\ncommand=/a\nautostart=maybe'],
  ['autorestart', '[program:a]\ncommand=/a\nautorestart=Unexpected'],
  ['a bad autorestart', '[program:a]\ncommand=/a\nautorestart=maybe'],
  ['sizes', '[program:a]\ncommand=/a\nstdout_logfile_maxbytes=2kb\nstdout_logfile_backups=0'],
  ['a bad size', '[program:a]\ncommand=/a\nstdout_logfile_maxbytes=1k'],
  ['a bad number', '[program:a]\ncommand=/a\nstartsecs=soon'],
  ['exit codes', '[program:a]\ncommand=/a\nexitcodes=0, 2,255'],
  ['no exit codes', '[program:a]\ncommand=/a\nexitcodes='],
  ['a bad exit code', '[program:a]\ncommand=/a\nexitcodes=0,256'],
  ['signals', '[program:a]\ncommand=/a\nstopsignal=sigusr1'],
  ['a signal number', '[program:a]\ncommand=/a\nstopsignal=9'],
  ['a bad signal', '[program:a]\ncommand=/a\nstopsignal=FOO'],
  ['stop without kill', '[program:a]\ncommand=/a\nstopasgroup=true\nkillasgroup=false'],
  ['umask', '[program:a]\ncommand=/a\numask=027'],
  ['a bad umask', '[program:a]\ncommand=/a\numask=9'],
  ['users', '[program:a]\ncommand=/a\nuser=root\n[program:b]\ncommand=/b\nuser=0'],
  ['an unknown user', '[program:a]\ncommand=/a\nuser=nosuchuser'],
  ['an unknown uid', '[program:a]\ncommand=/a\nuser=123456'],
  [
    'logs',
    '[program:a]\ncommand=/a\nstdout_logfile=none\n[program:b]\ncommand=/b\nstdout_logfile=AUTO',
  ],
  ['a log path', '[program:a]\ncommand=/a\nstdout_logfile=%(here)s/%(program_name)s.log'],
  ['a log in a missing folder', '[program:a]\ncommand=/a\nstdout_logfile=/nowhere/x.log'],
  ['a bad name', '[program:a b]\ncommand=/a'],
  ['a bad process name', '[program:a]\ncommand=/a\nprocess_name=x:y'],
  [
    'priorities',
    '[program:b]\ncommand=/b\npriority=5\n[program:a]\ncommand=/a\npriority=5\n[program:c]\ncommand=/c',
  ],
  [
    'groups',
    '[program:a]\ncommand=/a\n[program:b]\ncommand=/b\n[group:g]\nprograms=b, a\npriority=3',
  ],
  ['an empty group', '[group:g]\nprograms='],
  ['an unknown program', '[group:g]\nprograms=nope'],
  ['globs in a group', '[program:aa]\ncommand=/a\n[group:g]\nprograms=a*'],
  [
    'a program in two groups',
    '[program:a]\ncommand=/a\n[group:g]\nprograms=a\n[group:h]\nprograms=a',
  ],
  ['group_name in a group', '[program:a]\ncommand=/a %(group_name)s\n[group:g]\nprograms=a'],
  [
    'the same name twice',
    '[program:a]\ncommand=/a\nprocess_name=x\n[program:b]\ncommand=/b\nprocess_name=x\n[group:g]\nprograms=a,b',
  ],
  ['listeners', '[eventlistener:l]\ncommand=/l\nevents=TICK_5,PROCESS_STATE\npriority=7'],
  ['a listener without events', '[eventlistener:l]\ncommand=/l'],
  ['a listener of nothing known', '[eventlistener:l]\ncommand=/l\nevents=FOO'],
  ['a listener that redirects', '[eventlistener:l]\ncommand=/l\nevents=TICK\nredirect_stderr=true'],
  ['a listener without a buffer', '[eventlistener:l]\ncommand=/l\nevents=TICK\nbuffer_size=0'],
  ['a section twice over in an include', '[program:inc]\nstartsecs=4'],
];

const HEAD = `[supervisord]
logfile=%(here)s/main.log
pidfile=%(here)s/pid
environment=SITE="paris"

[include]
files=inc/*.conf

`;

const INCLUDED = '[program:inc]\ncommand=/bin/inc %(here)s\ndirectory=%(here)s\n';

function describeProcess(config: ProcessConfig) {
  const { stdout } = config;
  return {
    ...{ name: config.name, command: config.command, priority: config.priority },
    ...{ uid: config.uid ?? null, autostart: config.isAutostart },
    autorestart:
      config.autoRestart === 'unexpected'
        ? 'RestartWhenExitUnexpected'
        : config.autoRestart
          ? 'RestartUnconditionally'
          : 'False',
    ...{ startsecs: config.startSecs, startretries: config.startRetries },
    ...{ exitcodes: config.exitCodes, stopsignal: config.stopSignal },
    ...{ stopwaitsecs: config.stopWaitSecs, stopasgroup: config.isStopAsGroup },
    ...{ killasgroup: config.isKillAsGroup, directory: config.directory ?? null },
    ...{ umask: config.umask ?? null, redirect_stderr: config.isStderrRedirected },
    stdout: stdout.target.kind === 'file' ? stdout.target.path : noneIsNull(stdout.target.kind),
    ...{ stdout_maxbytes: stdout.maxBytes, stdout_backups: stdout.backups },
    environment: config.environment,
  };
}

function noneIsNull(kind: string): string | null {
  return kind === 'none' ? null : kind;
}

function readOurs(path: string, env: Readonly<Record<string, string>>) {
  try {
    const { groups, errors } = new ConfigurationReader(path, {
      ...{ files: diskFiles, env, hostName: hostname(), cwd: dirname(path) },
      ...{ temporaryFolder: tmpdir(), users: new UserTable() },
    }).read();
    const [problem] = errors;
    if (problem !== undefined) return { error: problem.message };
    return {
      groups: groups.map(({ name, priority, processes }) => {
        return { name, priority, processes: processes.map(describeProcess) };
      }),
    };
  } catch (error) {
    if (!(error instanceof ConfigurationError)) throw error;
    return { error: error.message };
  }
}

interface Read {
  readonly error?: string;
  readonly groups?: unknown;
}

const peer = findPeerPython('supervisor');

describe.skipIf('reason' in peer)(
  `the configuration language${'reason' in peer ? ` [skipped: ${peer.reason}]` : ''}`,
  () => {
    const paths = CASES.map(([, text]) => {
      const folder = mkdtempSync(join(tmpdir(), 'sv-conf-'));
      mkdirSync(join(folder, 'inc'));
      writeFileSync(join(folder, 'inc', 'a.conf'), INCLUDED);
      const path = join(folder, 'main.conf');
      writeFileSync(path, `${HEAD}${text}\n`);
      return path;
    });
    const python = 'python' in peer ? peer.python : '';
    const theirs = 'python' in peer ? (runPython(python, PROGRAM, paths) as Read[]) : [];
    const env = Object.fromEntries(
      Object.entries(process.env).map(([key, value]) => [key, value ?? '']),
    );

    it.each(CASES.map(([title], index) => ({ title, index })))('reads $title', ({ index }) => {
      const expected = theirs[index] ?? {};
      const ours: Read = readOurs(paths[index] ?? '', env);
      if (expected.error === undefined) expect(ours).toEqual(expected);
      else expect(comparable(ours.error)).toBe(comparable(expected.error));
    });
  },
);

/** Without the start of the line, the place that we add, and the list of every known name. */
function comparable(error = 'no error'): string {
  return error
    .replace(/^Error: /, '')
    .replace(/, line \d+(, key \w+)?$/, '')
    .replace(/ in section '[^']*' \(file: '[^']*'\)$/, '')
    .replace(/Available names: .*/s, '')
    .split('\n')[0] as string;
}
