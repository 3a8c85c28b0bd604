import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { SlaposError } from '../../../src/errors/slapos-error.ts';
import { judgeNames, selectStatus } from '../../../src/status/select-status.ts';
import { ServiceReader } from '../../../src/status/supervised-services.ts';
import type { ProcessInfo } from '../../../src/supervisor/client.ts';
import { RpcFault } from '../../../src/supervisor/rpc/xml-rpc.ts';
import { fakeSupervisor, processInfo, StatusSite } from '../../support/status-site.ts';

const unknown = () => {
  throw new RpcFault(1, 'UNKNOWN_METHOD');
};
const unreachable = (code: string) => () => {
  const cause = Object.assign(new Error(code), { code });
  throw new SlaposError('SLAPOS_ERR_SUPERVISOR', 'The supervisor cannot be reached.', { cause });
};
const failed = processInfo({
  name: 'bad',
  state: 200,
  statename: 'FATAL',
  stop: 150,
  pid: 0,
  exitstatus: 3,
  description: 'Exited too quickly (process log may have details)',
});
const reason = {
  name: 'bad',
  group: 'slappart0',
  last_exit: { known: true, time: 1_795_217_532, status: 3, signal: '', core: false },
  last_line: 'no luck',
};

describe('ServiceReader', () => {
  let site: StatusSite;
  let answers: Record<string, (...params: readonly unknown[]) => unknown>;
  let supervisor: ReturnType<typeof fakeSupervisor>;
  let reader: ServiceReader;
  let tokens: unknown[];

  const change = (
    full: boolean,
    processes: readonly ProcessInfo[],
    removed: readonly string[] = [],
  ) => {
    answers['slapos.getChanges'] = (token) => {
      tokens.push(token);
      return { token: `a.${tokens.length}`, full, processes, removed };
    };
  };

  beforeEach(() => {
    site = new StatusSite();
    tokens = [];
    answers = { 'slapos.explainProcesses': () => [reason] };
    supervisor = fakeSupervisor(answers);
    const { host } = site.open();
    reader = new ServiceReader({
      files: host.files,
      instanceRoot: site.root,
      openClient: () => supervisor,
    });
  });
  afterEach(() => site.remove());

  it('tells of each service what supervisorctl tells, and why it does not run', async () => {
    change(true, [
      processInfo(),
      failed,
      processInfo({ name: 'new', start: 0, statename: 'STOPPED' }),
    ]);
    const { groups, supervisor: state } = await reader.read();
    expect(state).toEqual({ isAvailable: true, reason: '' });
    expect(groups.get('slappart0')?.services).toEqual([
      {
        name: 'bad',
        state: 'FATAL',
        pid: null,
        startedAtMs: 100_000,
        stoppedAtMs: 150_000,
        exitStatus: 3,
        reason: expect.stringMatching(
          /^Exited too quickly .*; exit status 3 at 2026-.*; last line: no luck$/,
        ),
      },
      {
        name: 'httpd',
        state: 'RUNNING',
        pid: 42,
        startedAtMs: 100_000,
        stoppedAtMs: null,
        exitStatus: null,
        reason: '',
      },
      expect.objectContaining({ name: 'new', startedAtMs: null }),
    ]);
  });

  it('asks for what changed, and leaves the other groups as they are', async () => {
    change(true, [processInfo(), processInfo({ group: 'slappart1' }), failed]);
    const before = await reader.read();
    change(false, []);
    expect((await reader.read()).groups).toBe(before.groups);
    change(false, [processInfo({ pid: 43 })], ['slappart0:bad', 'gone:gone']);
    const { groups } = await reader.read();
    expect(tokens).toEqual(['', 'a.1', 'a.2']);
    expect(groups.get('slappart0')?.services).toMatchObject([{ name: 'httpd', pid: 43 }]);
    expect(groups.get('slappart1')).toBe(before.groups.get('slappart1'));
    change(false, [], ['slappart1:httpd']);
    expect([...(await reader.read()).groups.keys()]).toEqual(['slappart0']);
    change(true, [processInfo({ group: 'slappart2' })]);
    expect([...(await reader.read()).groups.keys()]).toEqual(['slappart2']);
    expect(supervisor.calls.filter((call) => call === 'close')).toEqual([]);
  });

  it('works with a stock supervisor', async () => {
    answers['slapos.getChanges'] = unknown;
    answers['slapos.explainProcesses'] = unknown;
    answers['supervisor.getAllProcessInfo'] = () => [processInfo(), failed];
    const [service] = (await reader.read()).groups.get('slappart0')?.services ?? [];
    expect(service?.reason).toBe('Exited too quickly (process log may have details)');
    answers['supervisor.getAllProcessInfo'] = () => [processInfo()];
    expect((await reader.read()).groups.get('slappart0')?.services).toHaveLength(1);
  });

  it.each([
    ['ENOENT', /^The supervisor does not run: nothing listens on .*sv\.sock\.$/],
    ['ECONNREFUSED', /does not run/],
    ['EACCES', /^Only root may ask the supervisor/],
    ['ETIMEDOUT', /cannot be reached/],
  ])('says why there is none: %s', async (code, text) => {
    change(true, [processInfo()]);
    await reader.read();
    answers['slapos.getChanges'] = unreachable(code);
    const { groups, supervisor: state } = await reader.read();
    expect(state).toEqual({ isAvailable: false, reason: expect.stringMatching(text) });
    expect(groups.size).toBe(0);
    change(true, [processInfo()]);
    expect((await reader.read()).groups.size).toBe(1);
    expect(tokens).toEqual(['', '']);
  });

  it('gives those who ask meanwhile the same answer', async () => {
    change(true, [processInfo()]);
    const [one, two] = await Promise.all([reader.read(), reader.read()]);
    expect(one).toBe(two);
    expect(tokens).toHaveLength(1);
  });
});

describe('names as of supervisorctl', () => {
  const service = (name: string, state: string) => ({
    name,
    state,
    pid: null,
    startedAtMs: null,
    stoppedAtMs: null,
    exitStatus: null,
    reason: '',
  });
  const groups = new Map([
    ['slappart0', { services: [service('a', 'RUNNING'), service('b', 'EXITED')], logs: [] }],
    ['watchdog', { services: [service('watchdog', 'RUNNING')], logs: [] }],
  ]);

  it.each([
    [[], { isStopped: true, errors: [] }],
    [['all'], { isStopped: true, errors: [] }],
    [['slappart0:a'], { isStopped: false, errors: [] }],
    [['slappart0:*'], { isStopped: true, errors: [] }],
    [['watchdog', 'slappart0:'], { isStopped: true, errors: [] }],
    [['slappart0'], { isStopped: false, errors: ['slappart0: ERROR (no such process)'] }],
    [
      ['x:', 'y:z'],
      {
        isStopped: false,
        errors: ['x: ERROR (no such group)', 'y:z: ERROR (no such process)'],
      },
    ],
  ])('are judged: %j', (names, judged) => {
    expect(judgeNames(groups, names)).toEqual(judged);
  });

  it('select partitions and services', () => {
    const partition = (reference: string) => ({
      reference,
      path: '',
      user: '',
      uid: 1,
      instance: null,
      services: groups.get(reference)?.services ?? [],
      promises: [],
      consumption: null,
    });
    const status = {
      takenAtMs: 1,
      computerId: '',
      instanceRoot: '',
      supervisor: { isAvailable: true, reason: '' },
      consumption: { isAvailable: false, reason: '', source: 'none' as const },
      partitions: [partition('slappart0'), partition('slappart1')],
    };
    const select = (...names: string[]) =>
      selectStatus(status, names).partitions.map(({ reference, services }) => [
        reference,
        ...services.map(({ name }) => name),
      ]);
    expect(select()).toEqual([['slappart0', 'a', 'b'], ['slappart1']]);
    expect(select('slappart0:b', 'slappart0:a')).toEqual([['slappart0', 'a', 'b']]);
    expect(select('slappart1:')).toEqual([['slappart1']]);
    expect(select('watchdog:*')).toEqual([]);
  });
});
