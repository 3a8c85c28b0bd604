import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import {
  type BangPorts,
  BangQueue,
  mustBang,
} from '../../../../src/supervisor/event/bang-queue.ts';
import { EventReader, runWatchdog, selectEnd } from '../../../../src/supervisor/event/watchdog.ts';

const PAYLOAD = 'processname:a-on-watch groupname:slappart0 from_state:RUNNING expected:1 pid:77';

function frame(name: string, payload: string): string {
  return `ver:3.0 server:s serial:1 pool:watchdog poolserial:1 eventname:${name} len:${[...payload].length}\n${payload}`;
}

const PENDING = '/srv/var/run/slapos-watchdog.pending';
const BANGED = '/srv/slappart0/.slapos_latest_bang_timestamp';
const MESSAGE = 'a-on-watch process in partition slappart0 encountered a problem';

/** A Master that refuses as often as told, and files in memory. */
function setUp(content: Record<string, string> = {}, refusals: readonly unknown[] = []) {
  const banged: string[] = [];
  const logged: string[] = [];
  const left = [...refusals];
  const files = new Map(Object.entries(content));
  const ports: BangPorts = {
    files: {
      read: async (root, path) => {
        const text = files.get(`${root}/${path}`);
        return text === undefined ? undefined : Buffer.from(text);
      },
      write: async (root, path, data) => void files.set(`${root}/${path}`, String(data)),
    },
    bang: async (id, message) => {
      if (left.length > 0) throw left.shift();
      banged.push(`${id}: ${message}`);
    },
    log: (text) => void logged.push(text),
  };
  const retry = { firstMs: 5, longestMs: 20, graceMs: 100, parallel: 2 };
  const queue = () => new BangQueue({ instanceRoot: '/srv' }, ports, retry);
  return { banged, logged, files, ports, queue, left };
}

/** Feeds a watchdog and waits, before its input ends, until something is so. */
async function run(
  queue: BangQueue,
  chunks: readonly string[],
  isDone: () => boolean = () => true,
): Promise<string> {
  let output = '';
  async function* input() {
    for (const chunk of chunks) yield Buffer.from(chunk);
    const deadline = performance.now() + 5000;
    while (!isDone() && performance.now() < deadline) await sleep(2);
  }
  await runWatchdog(queue, {
    input: input(),
    write: (text) => {
      output += text;
    },
  });
  return output;
}

describe('watchdog', () => {
  it('picks ends of watched services', () => {
    expect(selectEnd('PROCESS_STATE_EXITED', PAYLOAD)).toEqual({
      processName: 'a-on-watch',
      groupName: 'slappart0',
    });
    expect(selectEnd('PROCESS_STATE_STOPPED', PAYLOAD)).toBeUndefined();
    expect(selectEnd('PROCESS_STATE_FATAL', 'processname:a groupname:g')).toBeUndefined();
    expect(selectEnd('PROCESS_STATE_FATAL', 'processname:a-on-watch groupname:..')).toBeUndefined();
  });

  it.each(['slappart0-prerm', 'slappart0-socat'])(
    'ignores the group %s of a manager',
    async (id) => {
      const payload = PAYLOAD.replace('slappart0', id);
      expect(selectEnd('PROCESS_STATE_EXITED', payload)).toBeUndefined();
      const { queue, banged } = setUp({
        [PENDING]: `{"${id}":"x-on-watch","slappart1":"y-on-watch"}`,
      });
      await run(queue(), [frame('PROCESS_STATE_EXITED', payload)], () => banged.length > 0);
      expect(banged).toEqual([
        'slappart1: y-on-watch process in partition slappart1 encountered a problem',
      ]);
    },
  );

  it('watches partitions whose names only resemble those groups', () => {
    for (const id of ['prerm', '-prerm', 'slappart-prerm0', 'slappart0-prerms']) {
      const payload = PAYLOAD.replace('slappart0', id);
      expect(selectEnd('PROCESS_STATE_EXITED', payload)?.groupName).toBe(id);
    }
  });

  it('bangs once for each processing of the partition', () => {
    expect(mustBang(undefined, undefined)).toBe(true);
    expect(mustBang(undefined, '5')).toBe(false);
    expect(mustBang('5', '5')).toBe(false);
    expect(mustBang('5.5', '5')).toBe(true);
    expect(mustBang('4', '5')).toBe(false);
    expect(mustBang('5', 'nonsense')).toBe(true);
    expect(mustBang('nonsense', 'nonsense')).toBe(false);
    expect(mustBang('', '5')).toBe(false);
  });

  it('speaks the listener protocol, bangs and remembers', async () => {
    const { queue, banged, files } = setUp({ '/srv/slappart0/.timestamp': '7\n' });
    const text = frame('PROCESS_STATE_EXITED', PAYLOAD);
    const isTold = () => files.get(PENDING) === '{}';
    const output = await run(queue(), [text.slice(0, 50), text.slice(50), text], isTold);
    expect(output).toBe('READY\nRESULT 2\nOKREADY\nRESULT 2\nOKREADY\n');
    expect(banged).toEqual([`slappart0: ${MESSAGE}`]);
    expect(files.get(BANGED)).toBe('7');
    expect(files.get(PENDING)).toBe('{}');
  });

  it('bangs again after the next processing only', async () => {
    const { queue, banged, files } = setUp({ '/srv/slappart0/.timestamp': '7', [BANGED]: '7' });
    const text = frame('PROCESS_STATE_EXITED', PAYLOAD);
    await run(queue(), [text]);
    expect(banged).toEqual([]);
    files.set('/srv/slappart0/.timestamp', '8.25');
    await run(queue(), [text, text], () => files.get(PENDING) === '{}');
    expect(banged).toHaveLength(1);
    expect(files.get(BANGED)).toBe('8.25');
  });

  it('tells the Master once for many ends, as soon as it listens', async () => {
    const { queue, banged, logged, files } = setUp({}, [new Error('no'), new Error('not yet')]);
    const text = frame('PROCESS_STATE_EXITED', PAYLOAD);
    const output = await run(queue(), [text.repeat(50)], () => files.get(PENDING) === '{}');
    expect(output.match(/OK/g)).toHaveLength(50);
    expect(logged).toEqual([
      'slappart0: not told to the Master: no',
      'slappart0: not told to the Master: not yet',
      MESSAGE,
    ]);
    expect(banged).toHaveLength(1);
  });

  it('leaves to the next watchdog what was not told', async () => {
    const bench = setUp({}, Array(1000).fill(new Error('no')));
    await run(bench.queue(), [frame('PROCESS_STATE_EXITED', PAYLOAD)]);
    expect(bench.files.get(PENDING)).toBe('{"slappart0":"a-on-watch"}');
    expect(bench.files.has(BANGED)).toBe(false);
    bench.left.length = 0;
    await run(bench.queue(), [''], () => bench.files.get(PENDING) === '{}');
    expect(bench.banged).toEqual([`slappart0: ${MESSAGE}`]);
    expect([bench.files.get(PENDING), bench.files.get(BANGED)]).toEqual(['{}', '0']);
  });

  it('ends with its input, and gives what is under way a moment', async () => {
    const { queue, ports, files, banged } = setUp();
    const never = new Promise<void>(() => {});
    const bang = (id: string, message: string) =>
      id === 'slappart0' ? never : sleep(50).then(() => ports.bang(id, message));
    const retry = { firstMs: 5, longestMs: 20, graceMs: 500, parallel: 2 };
    const slow = new BangQueue({ instanceRoot: '/srv' }, { ...ports, bang }, retry);
    const others = [0, 1, 2, 3].map((n) =>
      frame('PROCESS_STATE_EXITED', PAYLOAD.replace('slappart0', `slappart${n}`)),
    );
    const start = performance.now();
    await run(slow, [others.join('')]);
    expect(performance.now() - start).toBeLessThan(3000);
    // The Master was asked about two at a time; the others are begun by the next watchdog.
    expect(banged).toHaveLength(1);
    expect(Object.keys(JSON.parse(files.get(PENDING) ?? ''))).toEqual([
      'slappart0',
      'slappart2',
      'slappart3',
    ]);
    await run(queue(), [''], () => files.get(PENDING) === '{}');
    expect(banged).toHaveLength(4);
  });

  it('gives up a partition that the Master does not know', async () => {
    const unknown = Object.assign(new Error('gone'), { code: 'SLAPOS_ERR_MASTER_NOT_FOUND' });
    const { queue, banged, files } = setUp({}, [unknown]);
    await run(queue(), [frame('PROCESS_STATE_FATAL', PAYLOAD)], () => files.get(PENDING) === '{}');
    expect(banged).toEqual([]);
    expect(files.get(PENDING)).toBe('{}');
  });

  it('goes on with broken files', async () => {
    const { queue, banged, logged, ports } = setUp({ [PENDING]: 'not json' });
    const refuse = async () => {
      throw new Error('no space');
    };
    const broken = { ...ports, files: { read: ports.files.read, write: refuse } };
    await run(
      new BangQueue({ instanceRoot: '/srv' }, broken),
      [frame('PROCESS_STATE_EXITED', PAYLOAD)],
      () => banged.length === 1,
    );
    expect(logged[0]).toMatch(/^cannot read what was left to tell: /);
    expect(banged).toHaveLength(1);
    await run(queue(), ['']);
  });

  it.each([
    ['1796081578.0', '1796081578', false],
    ['1796081578.25', '1796081578', true],
    ['1796081578.25', '1796081578.3', false],
    ['1796081579', '1796081578.9', true],
  ])('takes numbers with a point, where upstream dies: %s after %s', (now, banged, isDue) => {
    expect(mustBang(now, banged)).toBe(isDue);
  });

  it('counts characters, not bytes', () => {
    const reader = new EventReader();
    const bytes = Buffer.from(frame('A', 'é:ü') + frame('B', 'x:y'));
    const events = [...bytes].flatMap((byte) => reader.push(Buffer.from([byte])));
    expect(events).toEqual([
      { name: 'A', payload: 'é:ü' },
      { name: 'B', payload: 'x:y' },
    ]);
  });
});
