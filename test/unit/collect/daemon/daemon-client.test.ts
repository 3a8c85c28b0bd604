import { closeSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readPartitions, readSeries } from '../../../../src/collect/daemon/daemon-client.ts';
import { CollectServer, type ServedState } from '../../../../src/collect/daemon/server.ts';
import { openDaemonSocket } from '../../../../src/host/keeper/daemon-socket.ts';

let folder: string;
let socket: string;
const closing: Array<() => unknown> = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'slapos-client-'));
  mkdirSync(join(folder, 'var'), { mode: 0o755 });
  socket = join(folder, 'var', 'd.sock');
});

afterEach(async () => {
  for (const close of closing.splice(0)) await close();
  rmSync(folder, { recursive: true });
});

/** Of who need not wait for what never comes, and of who must not run out of it under load. */
const short = { answerMs: 100 };
const long = { answerMs: 60_000 };

/** A daemon that has taken `atMs` samples. */
function daemonState(): ServedState & { atMs: number } {
  return {
    atMs: 1,
    metrics: () => Buffer.of(),
    sampleJson() {
      return Buffer.from(
        JSON.stringify({
          atMs: this.atMs,
          partitions: [{ partition: 'slappart0', cpu: 1.5 }],
        }),
      );
    },
    series: (partition, sinceMs) => {
      if (partition !== 'slappart 0') return undefined;
      return { timesMs: [sinceMs, 9], values: { cpu: [0.5, 1] } as never };
    },
  };
}

async function startDaemon(state: ServedState): Promise<CollectServer> {
  const server = new CollectServer(state);
  closing.push(() => server.close());
  await server.listenOn((await openDaemonSocket(folder, 'var/d.sock')).fd);
  return server;
}

/** Something else that speaks HTTP, or does not. */
async function startStranger(server: Server): Promise<void> {
  await new Promise<void>((done) => server.listen(socket, done));
  closing.push(() => {
    server.closeAllConnections();
    server.close();
  });
}

describe('a daemon', () => {
  it('tells its last sample', async () => {
    await startDaemon(daemonState());
    expect(await readPartitions(socket)).toEqual({
      atMs: 1,
      partitions: [{ partition: 'slappart0', cpu: 1.5 }],
    });
  });

  it('tells the samples of one partition after a time, whatever its name', async () => {
    await startDaemon(daemonState());
    const series = await readSeries(socket, 'slappart 0', 7);
    expect(series).toEqual({
      partition: 'slappart 0',
      timesMs: [7, 9],
      values: { cpu: [0.5, 1] },
    });
    expect(await readSeries(socket, 'slappart1', 7)).toBeUndefined();
  });
});

describe('without a daemon', () => {
  async function expectNothing(): Promise<void> {
    expect(await readPartitions(socket, short)).toBeUndefined();
    expect(await readSeries(socket, 'slappart0', 0, short)).toBeUndefined();
  }

  it('nothing is told where there is no socket, or nobody behind it', async () => {
    await expectNothing();
    closeSync((await openDaemonSocket(folder, 'var/d.sock')).fd);
    await expectNothing();
  });

  it('nor by who says nothing', async () => {
    await startStranger(createServer(() => undefined));
    await expectNothing();
  });

  it('nor by who begins to speak and stops', async () => {
    await startStranger(createServer((_, reply) => void reply.write('{"partitions": [')));
    await expectNothing();
  });

  it.each(['{"partitions"', 'null', '[]', '{"partitions": 1}', ''])('nor by %j', async (text) => {
    await startStranger(createServer((_, reply) => void reply.end(`data: ${text}\n`)));
    await expectNothing();
  });

  it('nor by who never stops to speak', async () => {
    const mebibyte = 'x'.repeat(2 ** 20);
    const flood = createServer((_, reply) => {
      const pour = () => {
        while (reply.write(mebibyte));
      };
      reply.on('drain', pour);
      pour();
    });
    await startStranger(flood);
    expect(await readPartitions(socket, long)).toBeUndefined();
  }, 60_000);
});
