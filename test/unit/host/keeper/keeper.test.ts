import { describe, expect, it } from 'vitest';
import {
  connectKeeper,
  encodeServiceSpawn,
  type KeeperAddon,
  type LinkEvent,
} from '../../../../src/host/keeper/keeper.ts';
import { decodeKeeperEvent } from '../../../../src/host/keeper/keeper-event.ts';
import {
  decodeKeeperMessage,
  encodeKeeperMessage,
  KeeperFields,
} from '../../../../src/host/keeper/keeper-message.ts';

type Listener = (data: Uint8Array | null, fds: readonly number[]) => void;

/** A keeper that notes what it is sent and says what the test wants. */
function fakeKeeper() {
  const sent: Array<{ words: string[]; fds: readonly number[] }> = [];
  let listener: Listener = () => {};
  const addon: KeeperAddon = {
    keeperConnect: (_, onMessage) => {
      listener = onMessage;
    },
    keeperSend: ({ data, fds }) => {
      sent.push({ words: Buffer.from(data).toString().split('\0').slice(0, -1), fds });
    },
    fdDuplicate: ({ fd }) => fd,
  };
  return {
    addon,
    sent,
    say: (words: string[], fds: number[] = []) =>
      listener(Buffer.from(`${words.join('\0')}\0`), fds),
    close: () => listener(null, []),
  };
}

function connect() {
  const keeper = fakeKeeper();
  const events: LinkEvent[] = [];
  const link = connectKeeper({ fd: 3, listenFd: 4 }, (event) => events.push(event), keeper.addon);
  return { keeper, events, link };
}

const SPAWN = { name: 'g:p', file: '/bin/p', args: ['p', '-x'], env: ['A=b'] };

describe('a keeper message', () => {
  it('reads as it was written', () => {
    const fields: Array<[string, string]> = [
      ['arg', 'a=b'],
      ['arg', ''],
      ['text', 'é\n'],
    ];
    const message = { verb: 'spawn', fields };
    expect(decodeKeeperMessage(encodeKeeperMessage(message))).toEqual(message);
  });

  it('cannot hold a NUL', () => {
    expect(() => encodeKeeperMessage({ verb: 'v', fields: [['k', 'a\0b']] })).toThrow(
      expect.objectContaining({ code: 'SLAPOS_ERR_SUPERVISOR' }),
    );
  });

  it('gives fields by key, with plain defaults', () => {
    const fields = new KeeperFields(decodeKeeperMessage(Buffer.from('v\0a=1\0a=2\0b=x\0junk\0')));
    expect([fields.text('a'), fields.number('a'), fields.flag('a')]).toEqual(['1', 1, true]);
    expect(fields.list('a')).toEqual(['1', '2']);
    expect([fields.text('c'), fields.number('b'), fields.flag('b')]).toEqual(['', 0, false]);
  });
});

describe('an event of the keeper', () => {
  const decode = (words: string[], fds: number[] = []) =>
    decodeKeeperEvent(decodeKeeperMessage(Buffer.from(`${words.join('\0')}\0`)), fds);

  it('tells of a process with the descriptors that were kept for it', () => {
    const words = ['child', 'name=g:p', 'pid=7', 'start=8', 'time=9', 'adopted=1'];
    expect(decode([...words, 'keep=1:out:x', 'keep=0:in', 'keep=5:none'], [20, 21])).toEqual({
      kind: 'child',
      process: { name: 'g:p', pid: 7, startTicks: 8, timeMs: 9, tag: '' },
      isAdopted: true,
      pidfd: -1,
      kept: [
        { label: 'out:x', fd: 21 },
        { label: 'in', fd: 20 },
      ],
    });
  });

  it.each(['__proto__', 'constructor', 'toString', ''])('is none of the verb %j', (verb) => {
    expect(decode([verb, 'name=g:p'])).toBeUndefined();
  });

  it('tells how a process ended', () => {
    const words = ['exit', 'serial=3', 'name=p', 'pid=7', 'start=8', 'time=9', 'status=-1'];
    expect(decode([...words, 'signal=11', 'core=1'])).toEqual({
      kind: 'exit',
      exit: {
        ...{ serial: 3, name: 'p', pid: 7, startTicks: 8, timeMs: 9, tag: '' },
        ...{ status: -1, signal: 11, hasDumpedCore: true, isLost: false },
      },
    });
  });

  it('is nothing for a verb of a newer keeper', () => {
    expect(decode(['novelty', 'a=b'])).toBeUndefined();
  });
});

describe('a request to start a service', () => {
  it('names each descriptor once, by its place', () => {
    const { message, fds } = encodeServiceSpawn(4, {
      ...SPAWN,
      ...{ stdin: 10, stdout: 11, stderr: 11, umask: 0o22, isNewSession: true },
      keep: [{ label: 'stdin', fd: 12 }],
      user: { uid: 1, gid: 2, groups: [2, 3] },
      limits: [{ resource: 7, soft: 10, hard: Number.POSITIVE_INFINITY }],
    });
    expect(fds).toEqual([10, 11, 12]);
    expect(message.fields.map(([key, value]) => `${key}=${value}`)).toEqual([
      ...['id=4', 'name=g:p', 'file=/bin/p', 'arg=p', 'arg=-x', 'env=A=b', 'cwd=/'],
      ...['uid=1', 'gid=2', 'group=2', 'group=3', 'limit=7:10:-', 'umask=18'],
      ...['stdin=0', 'stdout=1', 'stderr=1', 'keep=2:stdin', 'session=1'],
    ]);
  });
});

describe('the link to the keeper', () => {
  it('says hello first', () => {
    const { keeper } = connect();
    expect(keeper.sent).toEqual([
      { words: ['hello', 'protocol=1', `pid=${process.pid}`], fds: [] },
    ]);
  });

  it('gives each answer to the request that asked for it', async () => {
    const { keeper, link } = connect();
    const first = link.spawn(SPAWN);
    const second = link.spawn(SPAWN);
    const third = link.signal({ pid: 7, startTicks: 8, signal: 15, isGroup: true });
    keeper.say(['spawned', 'id=2', 'name=g:p', 'pid=9', 'start=1', 'time=2']);
    keeper.say(['refused', 'id=1', 'name=g:p', 'step=clone', 'errno=11', 'code=EAGAIN', 'text=t']);
    keeper.say(['signalled', 'id=3', 'result=gone']);
    expect(await second).toMatchObject({ kind: 'spawned', process: { pid: 9 } });
    expect(await first).toEqual({
      kind: 'refused',
      name: 'g:p',
      failure: { step: 'clone', errno: 11, code: 'EAGAIN', text: 't' },
    });
    expect(await third).toBe('gone');
  });

  it('tells of a process that could not reach exec', async () => {
    const { keeper, link } = connect();
    const answer = link.spawn(SPAWN);
    keeper.say(['spawned', 'id=1', 'name=g:p', 'pid=9', 'start=1', 'time=2', 'step=exec']);
    expect(await answer).toMatchObject({ kind: 'spawned', failure: { step: 'exec' } });
  });

  it('passes everything else on as it comes', () => {
    const { keeper, events } = connect();
    const command = ['program=/k', 'word=-c', 'word=/c', 'files=1024:-1'];
    const welcome = ['welcome', 'keeper=5', 'boot=b', 'starts=2', 'ready=1', 'stopping=0'];
    keeper.say([...welcome, 'version=1.2', ...command]);
    keeper.say(['stored', 'key=k', 'value=v=w']);
    keeper.say(['synced']);
    keeper.say(['forward', 'signal=15']);
    keeper.say(['reaped', 'pid=4', 'status=0', 'signal=0']);
    expect(events).toEqual([
      {
        ...{ kind: 'welcome', keeperPid: 5, bootId: 'b', controllerStarts: 2 },
        ...{ isTakeOver: true, isStopping: false, version: '1.2' },
        abilities: { landlock: 0, mounts: false, seccomp: false, cgroup: '', controllers: [] },
        command: { program: '/k', words: ['-c', '/c'], files: '1024:-1' },
      },
      { kind: 'stored', key: 'k', value: 'v=w' },
      { kind: 'synced' },
      { kind: 'forward', signal: 15 },
      { kind: 'reaped', pid: 4, status: 0, signal: 0 },
    ]);
  });

  it('sends the notes of one turn together, before whatever is asked next', async () => {
    const { keeper, link } = connect();
    link.store('a', '1');
    link.acknowledge(7);
    link.store('b', '');
    void link.signal({ pid: 0, startTicks: 0, signal: 0, isGroup: false });
    link.store('c', '2');
    await Promise.resolve();
    expect(keeper.sent.slice(1).map(({ words }) => words.slice(0, 6))).toEqual([
      ['store', 'key=a', 'value=1', 'key=b', 'value=', 'ack=7'],
      ['signal', 'id=1', 'pid=0', 'start=0', 'signal=0', 'group=0'],
      ['store', 'key=c', 'value=2'],
    ]);
  });

  it('keeps no batch that a packet could not hold', async () => {
    const { keeper, link } = connect();
    for (let index = 0; index < 100; index += 1) link.store(`k${index}`, 'x'.repeat(2000));
    await Promise.resolve();
    const sizes = keeper.sent.map(({ words }) => words.join(' ').length);
    expect(Math.max(...sizes)).toBeLessThan(128 * 1024);
    const keys = keeper.sent.flatMap(({ words }) => words.filter((each) => /^key=/.test(each)));
    expect(keys).toEqual(Array.from({ length: 100 }, (_, index) => `key=k${index}`));
    expect(() => link.store('k', 'x'.repeat(128 * 1024))).toThrow('too long for the keeper');
  });

  it('is told the limits of a group that was taken over', () => {
    const { keeper, link } = connect();
    link.limitGroup('g', { memoryMax: '64M', cpuMax: '50000 100000', pidsMax: '20' });
    expect(keeper.sent.at(-1)?.words).toEqual([
      'limit',
      'group=g',
      'memory-max=64M',
      'cpu-max=50000 100000',
      'pids-max=20',
    ]);
  });

  it('says why the keeper does not become another program', async () => {
    const { keeper, link } = connect();
    const answer = link.upgrade('/new', ['-c', '/c']);
    expect(keeper.sent.at(-1)?.words).toEqual([
      ...['upgrade', 'id=1', 'program=/new', 'word=-c', 'word=/c'],
    ]);
    keeper.say(['upgrading', 'id=1', 'errno=2', 'code=ENOENT']);
    expect(await answer).toBe('ENOENT');
  });

  it('answers nothing when the keeper is gone, and sends nothing any more', async () => {
    const { keeper, events, link } = connect();
    let isSettled = false;
    const settle = () => {
      isSettled = true;
    };
    link.spawn(SPAWN).then(settle, settle);
    keeper.close();
    keeper.close();
    link.spawn(SPAWN).then(settle, settle);
    link.ready();
    await new Promise((resolve) => setImmediate(resolve));
    expect(isSettled).toBe(false);
    expect(events).toEqual([{ kind: 'closed' }]);
    expect(keeper.sent.map(({ words }) => words[0])).toEqual(['hello', 'spawn']);
  });

  it('overlooks that the keeper has died before it was told', () => {
    const { keeper, link } = connect();
    keeper.addon.keeperSend = () => {
      throw Object.assign(new Error('gone'), { code: 'ENOTCONN' });
    };
    expect(() => link.ready()).not.toThrow();
  });
});
