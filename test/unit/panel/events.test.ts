/** Server-sent events over real sockets, those included that do not read. */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { PanelOverview } from '../../../src/panel/api.ts';
import { FakeNode, partitionStatus, promise } from '../../support/panel-node.ts';
import { type PanelScene, startPanelScene } from '../../support/panel-scene.ts';

let node: FakeNode;
let scene: PanelScene;
const sockets: Socket[] = [];
beforeEach(async () => {
  node = new FakeNode();
  scene = await startPanelScene({ view: node, hubLimits: { refreshMs: 20, wakeMs: 1 } });
});
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  await scene.close();
});

/** Opens a stream; nothing of the answer is read unless told. */
async function open(): Promise<Socket> {
  const { hostname, port } = new URL(scene.url);
  const socket = connect({ host: hostname, port: Number(port) });
  sockets.push(socket);
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  socket.write(`GET /panel/api/events HTTP/1.1\r\nHost: ${scene.host}\r\n\r\n`);
  return socket;
}

/** The overviews of a stream as they come. */
function follow(socket: Socket) {
  let text = '';
  const seen: PanelOverview[] = [];
  const waiting: Array<() => void> = [];
  socket.setEncoding('utf8').on('data', (piece: string) => {
    text += piece;
    for (let end = text.indexOf('\n\n'); end >= 0; end = text.indexOf('\n\n')) {
      const [, data] = /\ndata: (.*)$/s.exec(text.slice(0, end)) ?? [];
      text = text.slice(end + 2);
      if (data !== undefined) seen.push(JSON.parse(withoutFrames(data)) as PanelOverview);
      for (const wake of waiting.splice(0)) wake();
    }
  });
  return {
    seen,
    async until(isDone: (overview: PanelOverview) => boolean): Promise<PanelOverview> {
      for (;;) {
        const found = seen.find(isDone);
        if (found !== undefined) return found;
        await new Promise<void>((resolve) => waiting.push(resolve));
      }
    },
  };
}

/** Sizes of chunks between the pieces. */
function withoutFrames(text: string): string {
  return text.replace(/\r\n[0-9a-f]+\r\n/g, '');
}

const until = async (isDone: () => boolean): Promise<void> => {
  while (!isDone()) await new Promise((resolve) => setImmediate(resolve));
};
const titles = ({ instances }: PanelOverview) => instances.map(({ title }) => title);

describe('a follower', () => {
  test('gets the present state, then every change and nothing else', async () => {
    const follower = follow(await open());
    await follower.until(() => true);
    expect(follower.seen).toHaveLength(1);
    await scene.request('one');
    await follower.until((overview) => titles(overview).includes('one'));
    const reads = node.reads;
    scene.pass(5_000);
    await until(() => node.reads > reads);
    node.partitions = [partitionStatus('slappart0', { promises: [promise('p', true)] })];
    scene.pass(5_000);
    await follower.until(({ nodes }) => nodes[0]?.partitions[0]?.promises?.failed === 1);
    const texts = follower.seen.map((overview) => JSON.stringify({ ...overview, takenAtMs: 0 }));
    expect(new Set(texts).size).toBe(texts.length);
  });

  test('leaves, and nobody looks any more', async () => {
    const socket = await open();
    await follow(socket).until(() => true);
    expect(scene.panel.streamCount).toBe(1);
    socket.destroy();
    await until(() => scene.panel.streamCount === 0);
    const { reads } = node;
    scene.pass(60_000);
    for (let turn = 0; turn < 20; turn += 1) await scene.ask('login.css');
    expect(node.reads).toBe(reads);
  });

  test('of a node that hangs gets the rest', async () => {
    node.failure = new Error('gone');
    const follower = follow(await open());
    const { nodes } = await follower.until(() => true);
    expect(nodes[0]?.problems[0]).toContain('gone');
  });

  test('does not keep the proxy from its end', async () => {
    const other = await startPanelScene({ view: node });
    const { hostname, port } = new URL(other.url);
    const socket = connect(Number(port), hostname);
    sockets.push(socket);
    socket.write(`GET /panel/api/events HTTP/1.1\r\nHost: ${other.host}\r\n\r\n`);
    await follow(socket).until(() => true);
    await other.close();
  });

  test('is one of a limited number', async () => {
    const other = await startPanelScene({ view: node, hubLimits: { streams: 2 } });
    try {
      const { hostname, port } = new URL(other.url);
      for (let count = 0; count < 2; count += 1) {
        const socket = connect(Number(port), hostname);
        sockets.push(socket);
        socket.write(`GET /panel/api/events HTTP/1.1\r\nHost: ${other.host}\r\n\r\n`);
        await follow(socket).until(() => true);
      }
      expect(await other.ask('api/events')).toMatchObject({
        status: 503,
        text: expect.stringContaining('2 pages follow the panel already'),
      });
      expect((await other.ask('api/overview')).status).toBe(200);
    } finally {
      await other.close();
    }
  });
});

describe('readers that do not read', () => {
  const STALLED = 200;
  /** The kernel keeps some 4 MB for each: no more of them than a small machine has room for. */
  const FULL = 16;

  /** Every state is another one, and larger than what the kernel keeps for a connection. */
  function change(round: number): void {
    const message = `${round} `.padEnd(64 * 1024, '.');
    const names = Array.from({ length: 4 }, (_, index) => `slappart${index}`);
    node.partitions = names.map((name) =>
      partitionStatus(name, { promises: [promise('p', true)] }),
    );
    node.consumption = { isAvailable: false, reason: message, source: 'daemon' };
    scene.pass(5_000);
  }

  /** Opens streams that are not read, and one that is. */
  async function stall(count: number) {
    change(0);
    const stalled = await Promise.all(Array.from({ length: count }, open));
    for (const socket of stalled) socket.pause();
    await until(() => scene.panel.streamCount === count);
    return follow(await open());
  }

  /** One change after the other, each of which the reader sees. */
  async function go(
    reader: ReturnType<typeof follow>,
    first: number,
    last: number,
    each: (round: number) => unknown,
  ) {
    for (let round = first; round <= last; round += 1) {
      change(round);
      const mark = `${round} .`;
      await reader.until(({ nodes }) => nodes[0]?.problems[0]?.startsWith(mark) === true);
      await each(round);
    }
  }

  test('are two hundred, and hold nobody up', async () => {
    const reader = await stall(STALLED);
    const eventBytes = (await scene.ask('api/overview')).body.length + 100;
    await go(reader, 1, 12, async (round) => {
      expect((await scene.ask('api/overview')).status).toBe(200);
      await scene.request(`instance-${round % 4}`);
      expect(scene.panel.bufferedBytes).toBeLessThan((STALLED + 1) * eventBytes * 1.2);
    });
    expect(scene.panel.streamCount).toBe(STALLED + 1);
  }, 60_000);

  /** Until something has waited for stalled readers for so many rounds. */
  const WAITING_ROUNDS = 20;

  async function fill(reader: ReturnType<typeof follow>) {
    let [rounds, waiting, largest] = [0, 0, 0];
    while (waiting < WAITING_ROUNDS) {
      rounds += 1;
      await go(reader, rounds, rounds, () => {
        const { bufferedBytes } = scene.panel;
        waiting = bufferedBytes === 0 ? 0 : waiting + 1;
        largest = Math.max(largest, bufferedBytes);
      });
    }
    return { largest, rounds };
  }

  test('hold one event each once the kernel takes no more', async () => {
    const reader = await stall(FULL);
    const eventBytes = (await scene.ask('api/overview')).body.length + 100;
    const { largest } = await fill(reader);
    // What a heartbeat and the frame of a chunk add is less than a hundredth.
    expect(largest).toBeLessThan((FULL + 1) * eventBytes * 1.01);
  }, 60_000);

  test('get the newest state when they read again', async () => {
    change(0);
    const socket = await open();
    socket.pause();
    await until(() => scene.panel.streamCount === 1);
    const reader = follow(await open());
    const { rounds } = await fill(reader);
    const late = follow(socket);
    socket.resume();
    const mark = `${rounds} .`;
    await late.until(({ nodes }) => nodes[0]?.problems[0]?.startsWith(mark) === true);
    expect(late.seen.length).toBeLessThan(rounds);
  }, 60_000);

  test('are given up after a while', async () => {
    const limits = { refreshMs: 5, wakeMs: 1, heartbeatMs: 5, stallMs: 60_000 };
    await scene.close();
    scene = await startPanelScene({ view: node, hubLimits: limits });
    change(0);
    const socket = await open();
    socket.pause();
    await until(() => scene.panel.streamCount === 1);
    for (let round = 1; scene.panel.bufferedBytes === 0; round += 1) {
      change(round);
      await scene.ask('api/overview');
    }
    scene.pass(60_001);
    await until(() => scene.panel.streamCount === 0);
    expect(scene.panel.bufferedBytes).toBe(0);
  });
});
