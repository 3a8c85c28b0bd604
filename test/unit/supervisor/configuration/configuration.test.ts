import { describe, expect, it } from 'vitest';
import { ConfigurationReader } from '../../../../src/supervisor/configuration/configuration.ts';
import type { ConfigurationFiles } from '../../../../src/supervisor/configuration/configuration-files.ts';
import { ConfigurationError } from '../../../../src/supervisor/configuration/program-config.ts';
import { diffGroups, isSameGroup } from '../../../../src/supervisor/group-diff.ts';

const failure = (call: string) =>
  Object.assign(new Error(`EIO: i/o error, ${call}`), { errno: -5, code: 'EIO' });

class FakeFiles implements ConfigurationFiles {
  readonly content = new Map<string, { text: string; version: number }>();
  readonly reads: string[] = [];
  /** Calls that fail. */
  failing = '';

  write(path: string, text: string): void {
    this.content.set(path, { text, version: (this.content.get(path)?.version ?? 0) + 1 });
  }

  version(path: string): string | undefined {
    if (this.failing === 'version') throw failure('stat');
    const file = this.content.get(path);
    return file === undefined ? undefined : String(file.version);
  }

  read(path: string): string {
    this.reads.push(path);
    return this.content.get(path)?.text ?? '';
  }

  list(folder: string): string[] {
    if (this.failing === 'list') throw failure('scandir');
    const names = [...this.content.keys()].filter((path) => path.startsWith(`${folder}/`));
    return names.map((path) => path.slice(folder.length + 1)).filter((name) => !name.includes('/'));
  }

  isDirectory(path: string): boolean {
    return path !== '/missing';
  }
}

const MAIN = `[supervisord]
pidfile = /r/pid
environment = SITE="paris"
[unix_http_server]
file=/r/sv.sock
[include]
files = conf.d/*.conf
`;

function setUp() {
  const files = new FakeFiles();
  files.write('/r/main.conf', MAIN);
  const reader = new ConfigurationReader('/r/main.conf', {
    files,
    env: { LANG: 'C' },
    hostName: 'node1',
    cwd: '/',
    temporaryFolder: '/tmp',
    users: {
      findUid: (user) => ({ '1001': 1001, bob: 7 })[user],
      findOwner: (text) => (text === 'bob' ? { uid: 7, gid: 8 } : undefined),
      version: () => '1',
    },
  });
  return { files, reader };
}

const PARTITION = `[group:slappart0]
programs=slappart0_init,slappart0_httpd

[program:slappart0_init]
command=/srv/init
process_name=init
autostart=false

[program:slappart0_httpd]
directory=/srv/slappart0
command=/srv/httpd
process_name=httpd-on-watch
autostart=false
autorestart=false
startsecs=0
startretries=0
exitcodes=0
stopsignal=TERM
stopwaitsecs=60
stopasgroup=true
killasgroup=true
user=1001
group=1001
serverurl=AUTO
redirect_stderr=true
stdout_logfile=/srv/slappart0/.httpd.log
stdout_logfile_maxbytes=100KB
stdout_logfile_backups=1
environment=USER="slapuser0",HOME="/srv/slappart0"
`;

describe('ConfigurationReader', () => {
  it('reads the daemon and a partition file', () => {
    const { files, reader } = setUp();
    files.write('/r/conf.d/slappart0.conf', PARTITION);
    const config = reader.read();
    expect(config.daemon).toMatchObject({
      pidFile: '/r/pid',
      servers: [{ kind: 'unix', path: '/r/sv.sock', mode: 0o700 }],
      logFile: '/supervisord.log',
      identifier: 'supervisor',
      environment: { SITE: 'paris' },
    });
    expect(config.groups.map(({ name }) => name)).toEqual(['slappart0']);
    const [init, httpd] = config.groups[0]?.processes ?? [];
    expect(init).toMatchObject({ name: 'init', startSecs: 1, startRetries: 3, exitCodes: [0] });
    expect(httpd).toMatchObject({
      name: 'httpd-on-watch',
      program: 'slappart0_httpd',
      isAutostart: false,
      autoRestart: false,
      startSecs: 0,
      startRetries: 0,
      stopSignal: 15,
      stopWaitSecs: 60,
      isStopAsGroup: true,
      isKillAsGroup: true,
      uid: 1001,
      directory: '/srv/slappart0',
      isStderrRedirected: true,
      environment: { USER: 'slapuser0', HOME: '/srv/slappart0' },
      stdout: {
        target: { kind: 'file', path: '/srv/slappart0/.httpd.log' },
        maxBytes: 102_400,
        backups: 1,
      },
    });
  });

  it('expands names, numbers processes, sees ENV of daemon and program', () => {
    const { files, reader } = setUp();
    files.write(
      '/r/conf.d/a.conf',
      `[program:w]
numprocs=2
numprocs_start=5
process_name=%(program_name)s_%(process_num)02d
environment=N="%(process_num)d",W=%(group_name)s
command=/bin/x %(ENV_SITE)s %(ENV_N)s %(ENV_LANG)s %(here)s %(host_node_name)s
`,
    );
    expect(reader.read().groups[0]?.processes.map((one) => [one.name, one.command])).toEqual([
      ['w_05', '/bin/x paris 5 C /r/conf.d node1'],
      ['w_06', '/bin/x paris 6 C /r/conf.d node1'],
    ]);
  });

  it('keeps the previous groups of a wrong included file and reports it', () => {
    const { files, reader } = setUp();
    files.write('/r/conf.d/a.conf', '[program:a]\ncommand=/bin/a\n');
    files.write('/r/conf.d/b.conf', '[program:b]\ncommand=/bin/b\n');
    const before = reader.read();
    files.write('/r/conf.d/a.conf', '[program:a]\nprocess_name=x y\ncommand=/bin/a\n');
    files.write('/r/conf.d/b.conf', '[program:b]\ncommand=/bin/b2\n');
    const after = reader.read();
    expect(after.groups.map(({ name }) => name)).toEqual(['a', 'b']);
    expect(diffGroups(before.groups, after.groups)).toEqual({
      added: [],
      changed: ['b'],
      removed: [],
    });
    expect(after.errors).toEqual([
      {
        file: '/r/conf.d/a.conf',
        message:
          "Invalid name: 'x y' because of character: ' ' in section 'program:a' " +
          "(file: '/r/conf.d/a.conf'), line 2, key process_name",
        line: 2,
        section: 'program:a',
        key: 'process_name',
      },
    ]);
    files.write('/r/conf.d/a.conf', 'no section\n');
    expect(reader.read()).toMatchObject({
      groups: [{ name: 'a' }, { name: 'b' }],
      errors: [{ file: '/r/conf.d/a.conf' }],
    });
  });

  it('reports bad users, log folders, formats, unknown programs', () => {
    const { files, reader } = setUp();
    const bad = {
      'user=nobody9': 'Invalid user name nobody9',
      'user=99': 'Invalid user id 99',
      'stdout_logfile=/missing/x': 'The directory named as part of the path /missing/x does not',
      'priority=x': "invalid literal for int() with base 10: 'x'",
      'stopasgroup=true\nkillasgroup=false': 'Cannot set stopasgroup=true and killasgroup=false',
      'process_name=100%': 'badly formatted',
      'process_name=%(process_num)s\nnumprocs=9007199254740993': 'numprocs is more than 10000',
    };
    for (const [line, message] of Object.entries(bad)) {
      files.write('/r/conf.d/a.conf', `[program:a]\ncommand=/bin/a\n${line}\n`);
      expect(reader.read().errors[0]?.message).toContain(message);
    }
    files.write('/r/conf.d/a.conf', '[group:g]\nprograms=zz\n');
    expect(reader.read().errors[0]?.message).toContain('names unknown program');
  });

  it('fails as a whole only when the main file is wrong', () => {
    const { files, reader } = setUp();
    files.write('/r/main.conf', `${MAIN}[program:x]\ncommand=100%\n`);
    expect(() => reader.read()).toThrow("Format string '100%' for 'program:x.command'");
    files.write('/r/main.conf', '[x]\n');
    expect(() => reader.read()).toThrow('.ini file does not include supervisord section');
    files.content.delete('/r/main.conf');
    expect(() => reader.read()).toThrow('could not find config file /r/main.conf');
  });

  it('fails as a whole where it cannot be known which files there are', () => {
    const { files, reader } = setUp();
    files.write('/r/conf.d/a.conf', PARTITION);
    expect(reader.read().groups).toHaveLength(1);
    for (const call of ['list', 'version']) {
      files.failing = call;
      const reason = call === 'list' ? 'EIO: i/o error, scandir' : 'EIO: i/o error, stat';
      expect(() => reader.read(), call).toThrow(ConfigurationError);
      expect(() => reader.read(), call).toThrow(reason);
    }
    files.failing = '';
    expect(reader.read().groups).toHaveLength(1);
  });

  it('ties files that name programs of each other', () => {
    const { files, reader } = setUp();
    files.write('/r/conf.d/a.conf', '[group:g]\nprograms=x\n');
    files.write('/r/conf.d/b.conf', '[program:x]\ncommand=/bin/x\n');
    expect(reader.read().groups.map(({ name }) => name)).toEqual(['g']);
    expect(reader.read().errors).toEqual([]);
  });

  it('parses only what changed', () => {
    const { files, reader } = setUp();
    files.write('/r/conf.d/a.conf', '[program:a]\ncommand=/bin/a\n');
    files.write('/r/conf.d/b.conf', '[program:b]\ncommand=/bin/b\n');
    const before = reader.read();
    files.reads.length = 0;
    files.write('/r/conf.d/b.conf', '[program:b]\ncommand=/bin/c\n');
    const after = reader.read();
    expect(files.reads).toEqual(['/r/conf.d/b.conf']);
    expect(after.groups[0]).toBe(before.groups[0]);
  });

  it('reads listeners', () => {
    const { files, reader } = setUp();
    files.write(
      '/r/conf.d/w.conf',
      '[eventlistener:watchdog]\ncommand=\nevents=PROCESS_STATE_EXITED, process_state_fatal\n',
    );
    expect(reader.read().groups[0]).toMatchObject({
      name: 'watchdog',
      priority: -1,
      listener: { bufferSize: 10, events: ['PROCESS_STATE_EXITED', 'PROCESS_STATE_FATAL'] },
      processes: [{ name: 'watchdog', command: '' }],
    });
  });
});

describe('diffGroups', () => {
  it('orders added and changed by priority and name, removed as they were', () => {
    const { files, reader } = setUp();
    const program = (name: string, more = '') =>
      `[program:${name}]\ncommand=/bin/${name}\n${more}\n`;
    files.write('/r/conf.d/a.conf', program('z') + program('y') + program('c'));
    const before = reader.read().groups;
    const added = program('b') + program('a') + program('q', 'priority=1');
    files.write('/r/conf.d/a.conf', program('c', 'startsecs=2') + added);
    expect(diffGroups(before, reader.read().groups)).toEqual({
      added: ['q', 'a', 'b'],
      changed: ['c'],
      removed: ['y', 'z'],
    });
  });

  it('sees order of programs, not unknown keys, not AUTO urls', () => {
    const { files, reader } = setUp();
    const read = (text: string) => {
      files.write('/r/conf.d/a.conf', text);
      const group = reader.read().groups[0];
      if (group === undefined) throw new Error('no group');
      return group;
    };
    const programs = '[program:a]\ncommand=/a\n[program:b]\ncommand=/b\n';
    const first = read(`[group:g]\nprograms=a,b\n${programs}`);
    expect(isSameGroup(first, read(`[group:g]\nprograms=b,a\n${programs}`))).toBe(false);
    expect(isSameGroup(first, read(`[group:g]\nprograms=a,b\n${programs}group=99\n`))).toBe(true);
    const url = 'serverurl=http://x';
    expect(isSameGroup(first, read(`[group:g]\nprograms=a,b\n${programs}${url}\n`))).toBe(true);
  });
});
