/**
 * What the XML-RPC interface answers (spec/supervisor.md 4), method by method, as one contract for
 * the stock supervisord and ours. Calls run in order against the programs of
 * supervisor-programs.ts.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { isRpcFault, type RpcValue } from '../../src/supervisor/rpc/xml-rpc.ts';
import { PeerDaemon } from './supervisor-peers.ts';
import { LATER, PROGRAMS } from './supervisor-programs.ts';

/** A method, its parameters, and its answer: a value or a fault. */
type Case = readonly [method: string, params: readonly RpcValue[], answer: unknown];

const fault = (faultCode: number, text: string) => ({ faultCode, faultString: text });
const BAD_PARAMS = fault(2, 'INCORRECT_PARAMETERS');
const ok = (group: string, name = group) => ({ name, group, status: 80, description: 'OK' });
const NUMBER = expect.any(Number);
const TEXT = expect.any(String);

const STOPPED_B = {
  name: 'b',
  group: 'g',
  start: 0,
  stop: 0,
  now: NUMBER,
  state: 0,
  statename: 'STOPPED',
  spawnerr: '',
  exitstatus: 0,
  logfile: 'ROOT/b.log',
  stdout_logfile: 'ROOT/b.log',
  stderr_logfile: 'ROOT/b.err',
  pid: 0,
  description: 'Not started',
};

const DAEMON: readonly Case[] = [
  ['supervisor.getAPIVersion', [], '3.0'],
  ['supervisor.getVersion', [], '3.0'],
  ['supervisor.getSupervisorVersion', [], expect.stringMatching(/^4\.\d\.\d$/)],
  ['supervisor.getIdentification', [], 'supervisor'],
  ['supervisor.getPID', [], NUMBER],
  ['supervisor.getState', [], { statecode: 1, statename: 'RUNNING' }],
  ['supervisor.readLog', [0, 10], expect.stringMatching(/^.{10}$/)],
  ['supervisor.readMainLog', [-5, 0], expect.stringMatching(/^.{5}$/s)],
  ['supervisor.readLog', [-5, 3], fault(3, 'BAD_ARGUMENTS')],
  ['supervisor.readLog', [0, -1], fault(3, 'BAD_ARGUMENTS')],
  ['supervisor.readLog', [0], BAD_PARAMS],
  ['supervisor.getPID', [1], BAD_PARAMS],
  ['supervisor.nothing', [], fault(1, 'UNKNOWN_METHOD')],
  ['supervisor._run', [], fault(1, 'UNKNOWN_METHOD')],
  ['nothing.getPID', [], fault(1, 'UNKNOWN_METHOD')],
  ['getPID', [], fault(1, 'UNKNOWN_METHOD')],
  ['supervisor.getPID.x', [], fault(1, 'UNKNOWN_METHOD')],
  ['supervisor.clearLog', [], true],
  ['supervisor.sendRemoteCommEvent', ['kind', 'words\nmore'], true],
  ['supervisor.sendRemoteCommEvent', ['kind'], BAD_PARAMS],
];

const INFO: readonly Case[] = [
  ['supervisor.getProcessInfo', ['g:b'], STOPPED_B],
  ['supervisor.getProcessInfo', ['g:*'], fault(10, 'BAD_NAME: g:*')],
  ['supervisor.getProcessInfo', ['g:'], fault(10, 'BAD_NAME: g:')],
  ['supervisor.getProcessInfo', ['g'], fault(10, 'BAD_NAME: g')],
  ['supervisor.getProcessInfo', ['nope'], fault(10, 'BAD_NAME: nope')],
  ['supervisor.getProcessInfo', ['auto:auto'], expect.objectContaining({ statename: 'RUNNING' })],
  ['supervisor.getProcessInfo', [], BAD_PARAMS],
];

const RUNNING: readonly Case[] = [
  ['supervisor.startProcess', ['nope'], fault(10, 'BAD_NAME: nope')],
  [
    'supervisor.startProcess',
    ['missing'],
    fault(20, "NO_FILE: can't find command '/nonexistent/program'"),
  ],
  [
    'supervisor.startProcess',
    ['folder'],
    fault(21, "NOT_EXECUTABLE: command at 'ROOT' is a directory"),
  ],
  [
    'supervisor.startProcess',
    ['plain'],
    fault(21, "NOT_EXECUTABLE: command at 'ROOT/main.conf' is not executable"),
  ],
  ['supervisor.startProcess', ['empty'], fault(21, 'NOT_EXECUTABLE: command is empty')],
  [
    'supervisor.startProcess',
    ['unclosed'],
    fault(21, 'NOT_EXECUTABLE: can\'t parse command "/bin/sh -c \'open": No closing quotation'),
  ],
  ['supervisor.getProcessInfo', ['missing'], expect.objectContaining({ state: 0, start: 0 })],
  ['supervisor.startProcess', ['auto'], fault(60, 'ALREADY_STARTED: auto')],
  ['supervisor.startProcess', ['auto:auto', false], fault(60, 'ALREADY_STARTED: auto:auto')],
  ['supervisor.startProcess', ['quick'], fault(50, 'SPAWN_ERROR: quick')],
  ['supervisor.startProcess', ['g:a-on-watch'], true],
  ['supervisor.startProcess', ['g:err', false], true],
  ['supervisor.startProcess', ['g:err', 1, 2], BAD_PARAMS],
  ['supervisor.startProcess', [], BAD_PARAMS],
  ['supervisor.startProcessGroup', ['nope'], fault(10, 'BAD_NAME: nope')],
  [
    'supervisor.startProcessGroup',
    ['many', false],
    ['01', '02', '03'].map((n) => ok('many', `many-${n}`)),
  ],
  ['supervisor.startProcessGroup', ['many'], []],
  ['supervisor.startProcess', ['many:*'], []],
  ['supervisor.signalProcess', ['auto', 'CONT'], true],
  ['supervisor.signalProcess', ['auto', 'FOO'], fault(11, 'BAD_SIGNAL: FOO')],
  ['supervisor.signalProcess', ['nope', 'CONT'], fault(10, 'BAD_NAME: nope')],
  ['supervisor.signalProcess', ['g:b', 'CONT'], fault(70, 'NOT_RUNNING: g:b')],
  [
    'supervisor.signalProcess',
    ['many:*', '18'],
    ['01', '02', '03'].map((n) => ok('many', `many-${n}`)),
  ],
  ['supervisor.signalProcessGroup', ['g', 'SIGCONT'], [ok('g', 'a-on-watch'), ok('g', 'err')]],
  ['supervisor.signalProcessGroup', ['nope', 'CONT'], fault(10, 'BAD_NAME: nope')],
  [
    'supervisor.signalProcessGroup',
    ['many', 'FOO'],
    ['01', '02', '03'].map((n) => {
      return { name: `many-${n}`, group: 'many', status: 11, description: 'BAD_SIGNAL: FOO' };
    }),
  ],
  ['supervisor.signalAllProcesses', ['CONT'], expect.arrayContaining([ok('auto')])],
  ['supervisor.stopProcess', ['nope'], fault(10, 'BAD_NAME: nope')],
  ['supervisor.stopProcess', ['g:b'], fault(70, 'NOT_RUNNING: g:b')],
  ['supervisor.stopProcess', ['many:many-01'], true],
  ['supervisor.stopProcess', ['many:many-02', false], true],
  ['supervisor.stopProcessGroup', ['nope'], fault(10, 'BAD_NAME: nope')],
  ['supervisor.stopProcessGroup', ['missing'], []],
];

const LOGS: readonly Case[] = [
  ['supervisor.readProcessStdoutLog', ['g:a-on-watch', 0, 5], 'hello'],
  ['supervisor.readProcessLog', ['g:a-on-watch', -6, 0], 'world\n'],
  ['supervisor.readProcessStdoutLog', ['g:a-on-watch', 0, 0], 'hello\nworld\n'],
  ['supervisor.readProcessStdoutLog', ['g:a-on-watch', 6, 100], 'world\n'],
  ['supervisor.readProcessStdoutLog', ['g:a-on-watch', 100, 5], ''],
  ['supervisor.readProcessStdoutLog', ['g:a-on-watch', -1, 1], fault(3, 'BAD_ARGUMENTS')],
  ['supervisor.readProcessStdoutLog', ['g:*', 0, 0], fault(10, 'BAD_NAME: g:*')],
  ['supervisor.readProcessStdoutLog', ['nope', 0, 0], fault(10, 'BAD_NAME: nope')],
  ['supervisor.readProcessStdoutLog', ['silent', 0, 0], fault(20, 'NO_FILE')],
  ['supervisor.readProcessStdoutLog', ['talker', 0, 0], fault(20, 'NO_FILE: ROOT/talker.log')],
  ['supervisor.readProcessStderrLog', ['g:err', 0, 0], 'err\n'],
  ['supervisor.readProcessStderrLog', ['g:a-on-watch', 0, 0], fault(20, 'NO_FILE')],
  ['supervisor.tailProcessStdoutLog', ['g:a-on-watch', 0, 5], ['orld\n', 12, true]],
  ['supervisor.tailProcessLog', ['g:a-on-watch', 0, 100], ['hello\nworld\n', 12, false]],
  ['supervisor.tailProcessStdoutLog', ['g:a-on-watch', 12, 100], ['', 12, false]],
  ['supervisor.tailProcessStdoutLog', ['g:a-on-watch', 5, 2], ['d\n', 12, true]],
  ['supervisor.tailProcessStdoutLog', ['silent', 0, 10], ['', 0, false]],
  ['supervisor.tailProcessStdoutLog', ['talker', 0, 10], ['', 0, false]],
  ['supervisor.tailProcessStdoutLog', ['nope', 0, 10], fault(10, 'BAD_NAME: nope')],
  ['supervisor.tailProcessStderrLog', ['g:err', 0, 10], ['err\n', 4, false]],
  ['supervisor.clearProcessLogs', ['g:err'], true],
  ['supervisor.clearProcessLog', ['g:err'], true],
  ['supervisor.clearProcessLogs', ['nope'], fault(10, 'BAD_NAME: nope')],
  ['supervisor.tailProcessStderrLog', ['g:err', 0, 10], ['', 0, false]],
  ['supervisor.clearAllProcessLogs', [], expect.arrayContaining([ok('g', 'err')])],
];

const INPUT: readonly Case[] = [
  ['supervisor.startProcess', ['cat'], true],
  ['supervisor.sendProcessStdin', ['cat', 'words\n'], true],
  ['supervisor.sendProcessStdin', ['g:b', 'words'], fault(70, 'NOT_RUNNING: g:b')],
  ['supervisor.sendProcessStdin', ['nope', 'words'], fault(10, 'BAD_NAME: nope')],
  ['supervisor.sendProcessStdin', ['cat'], BAD_PARAMS],
];

const GROUPS: readonly Case[] = [
  ['supervisor.reloadConfig', [], [[['later'], [], []]]],
  ['supervisor.addProcessGroup', ['nope'], fault(10, 'BAD_NAME: nope')],
  ['supervisor.addProcessGroup', ['g'], fault(90, 'ALREADY_ADDED: g')],
  ['supervisor.addProcessGroup', ['later'], true],
  ['supervisor.removeProcessGroup', ['nope'], fault(10, 'BAD_NAME: nope')],
  ['supervisor.removeProcessGroup', ['g'], fault(91, 'STILL_RUNNING: g')],
  ['supervisor.removeProcessGroup', ['missing'], true],
  ['supervisor.getProcessInfo', ['missing'], fault(10, 'BAD_NAME: missing')],
  ['supervisor.reloadConfig', [], [[['missing'], [], []]]],
];

const SYSTEM: readonly Case[] = [
  ['system.listMethods', [], expect.arrayContaining(['supervisor.getState', 'system.multicall'])],
  ['system.methodHelp', ['supervisor.getPID'], TEXT],
  ['system.methodHelp', ['nope'], fault(4, 'SIGNATURE_UNSUPPORTED')],
  ['system.methodSignature', ['nope'], fault(4, 'SIGNATURE_UNSUPPORTED')],
  ['system.methodSignature', ['supervisor.getPID'], ['int']],
  ['system.methodSignature', ['supervisor.startProcess'], ['boolean', 'string', 'boolean']],
  ['system.methodSignature', ['supervisor.getAllProcessInfo'], ['array']],
  ['system.methodSignature', ['supervisor.readLog'], ['string', 'int', 'int']],
  ['system.methodSignature', ['system.multicall'], ['array', 'array']],
  [
    'system.multicall',
    [
      [
        { methodName: 'supervisor.getAPIVersion', params: [] },
        { methodName: 'supervisor.getProcessInfo', params: ['nope'] },
        { methodName: 'system.multicall', params: [[]] },
        { params: [] },
        { methodName: 'supervisor.stopProcess', params: ['g:err'] },
        { methodName: 'supervisor.startProcess', params: ['g:err'] },
        { methodName: 'supervisor.nothing', params: [] },
        { methodName: 'supervisor.getIdentification' },
      ],
    ],
    [
      '3.0',
      fault(10, 'BAD_NAME: nope'),
      fault(2, 'INCORRECT_PARAMETERS: Recursive system.multicall forbidden'),
      fault(2, 'INCORRECT_PARAMETERS: No methodName'),
      true,
      true,
      fault(1, 'UNKNOWN_METHOD'),
      'supervisor',
    ],
  ],
  ['system.multicall', [[]], []],
];

/** Names of the 37 methods of `supervisor.` and the 4 of `system.`. */
export const METHOD_NAMES: readonly string[] = [
  ...['addProcessGroup', 'clearAllProcessLogs', 'clearLog', 'clearProcessLog', 'clearProcessLogs'],
  ...['getAPIVersion', 'getAllConfigInfo', 'getAllProcessInfo', 'getIdentification', 'getPID'],
  ...['getProcessInfo', 'getState', 'getSupervisorVersion', 'getVersion', 'readLog', 'readMainLog'],
  ...['readProcessLog', 'readProcessStderrLog', 'readProcessStdoutLog', 'reloadConfig'],
  ...['removeProcessGroup', 'restart', 'sendProcessStdin', 'sendRemoteCommEvent', 'shutdown'],
  ...['signalAllProcesses', 'signalProcess', 'signalProcessGroup', 'startAllProcesses'],
  ...['startProcess', 'startProcessGroup', 'stopAllProcesses', 'stopProcess', 'stopProcessGroup'],
  ...['tailProcessLog', 'tailProcessStderrLog', 'tailProcessStdoutLog'],
].map((name) => `supervisor.${name}`);

const CONFIG_KEYS = [
  ...['autostart', 'directory', 'uid', 'command', 'exitcodes', 'group', 'group_prio', 'inuse'],
  ...['killasgroup', 'name', 'process_prio', 'redirect_stderr', 'startretries', 'startsecs'],
  ...[
    'capture_maxbytes',
    'events_enabled',
    'logfile',
    'logfile_backups',
    'logfile_maxbytes',
  ].flatMap((key) => [`stdout_${key}`, `stderr_${key}`]),
  ...['stdout_syslog', 'stderr_syslog', 'stopsignal', 'stopwaitsecs', 'serverurl'],
];

/** Runs the contract against a daemon. */
export function describeRpc(title: string, command: readonly string[]): void {
  describe(title, () => {
    let daemon: PeerDaemon;

    const call = async (method: string, params: readonly RpcValue[]): Promise<unknown> => {
      try {
        const answer = await daemon.client.call(method, ...params);
        return JSON.parse(JSON.stringify(answer).replaceAll(daemon.root, 'ROOT'));
      } catch (error) {
        if (!isRpcFault(error)) throw error;
        return fault(error.faultCode, error.message.replaceAll(daemon.root, 'ROOT'));
      }
    };
    const check = async ([method, params, answer]: Case) => {
      expect(await call(method, params), `${method}(${JSON.stringify(params)})`).toEqual(answer);
    };
    const checkAll = async (cases: readonly Case[]) => {
      for (const each of cases) await check(each);
    };

    beforeAll(async () => {
      daemon = new PeerDaemon(command, PROGRAMS);
      await daemon.start();
      await daemon.awaitState('auto', 'RUNNING');
      await daemon.awaitState('recorder', 'RUNNING');
    });
    afterAll(() => daemon.stop());

    it('lists its methods, ours last', async () => {
      const names = (await call('system.listMethods', [])) as string[];
      const system = ['listMethods', 'methodHelp', 'methodSignature', 'multicall'];
      expect(names.slice(0, 41)).toEqual([
        ...[...METHOD_NAMES].sort(),
        ...system.map((name) => `system.${name}`),
      ]);
      expect(names.slice(41).every((name) => name.startsWith('slapos.'))).toBe(true);
    });

    it('answers about itself', () => checkAll(DAEMON));
    it('tells of processes', () => checkAll(INFO));

    it('gives the 14 fields in order, processes in lexical order', async () => {
      const all = (await call('supervisor.getAllProcessInfo', [])) as Array<
        Record<string, unknown>
      >;
      const names = all.map(({ group, name }) => `${group}:${name}`);
      expect(names).toEqual([...names].sort());
      expect(names).toContain('g:a-on-watch');
      for (const info of all) expect(Object.keys(info)).toEqual(Object.keys(STOPPED_B));
    });

    it('gives the settings of every process', async () => {
      const all = (await call('supervisor.getAllConfigInfo', [])) as Array<Record<string, unknown>>;
      const found = all.find(({ name }) => name === 'a-on-watch');
      expect(Object.keys(found ?? {})).toEqual(expect.arrayContaining(CONFIG_KEYS));
      expect(found).toMatchObject({
        ...{ group: 'g', directory: 'none', uid: 'none', exitcodes: [0], group_prio: 999 },
        ...{ inuse: true, killasgroup: true, redirect_stderr: true, serverurl: 'none' },
        ...{ startsecs: 0, stopsignal: 15, stopwaitsecs: 60, stdout_logfile: 'ROOT/.g_a.log' },
        ...{ stdout_logfile_maxbytes: 102_400, stdout_logfile_backups: 1, autostart: false },
      });
      expect(all.find(({ name }) => name === 'auto')).toMatchObject({
        stdout_logfile: expect.stringMatching(/^ROOT\/auto\/auto-stdout---supervisor-.{8}\.log$/),
      });
      expect(all.find(({ name }) => name === 'silent')).toMatchObject({ stdout_logfile: 'none' });
    });

    it('starts, signals and stops', () => checkAll(RUNNING));

    it('reads, tails and clears logs', async () => {
      await new Promise((resolve) => setTimeout(resolve, 300));
      await checkAll(LOGS);
    });

    it('writes to standard input', async () => {
      await checkAll(INPUT);
      await new Promise((resolve) => setTimeout(resolve, 300));
      await check(['supervisor.readProcessLog', ['cat', 0, 0], 'words\n']);
    });

    it('adds and removes groups', async () => {
      daemon.write('conf.d/later.conf', LATER);
      await checkAll(GROUPS);
    });

    it('answers about its methods and runs several', () => checkAll(SYSTEM));

    it('has help and a signature for every method', async () => {
      for (const name of METHOD_NAMES) {
        expect(await call('system.methodHelp', [name]), name).not.toEqual('');
        expect(await call('system.methodSignature', [name]), name).toEqual(
          expect.arrayContaining([TEXT]),
        );
      }
    });

    it('does not close an idle connection', async () => {
      await call('supervisor.getState', []);
      await new Promise((resolve) => setTimeout(resolve, 7000));
      await check(['supervisor.getState', [], { statecode: 1, statename: 'RUNNING' }]);
    });

    it('refuses calls while it stops what is slow', async () => {
      await check(['supervisor.startProcess', ['deaf'], true]);
      const { pid } = daemon;
      await check(['supervisor.shutdown', [], true]);
      await new Promise((resolve) => setTimeout(resolve, 300));
      await check(['supervisor.getState', [], fault(6, 'SHUTDOWN_STATE')]);
      await check(['supervisor.getPID', [], fault(6, 'SHUTDOWN_STATE')]);
      await check(['supervisor.sendRemoteCommEvent', ['a', 'b'], true]);
      await daemon.awaitEnd(pid);
    });
  });
}
