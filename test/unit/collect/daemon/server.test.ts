/** Who takes what the daemon serves slowly, or not at all. */
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { CollectServer } from '../../../../src/collect/daemon/server.ts';
import { openDaemonSocket } from '../../../../src/host/keeper/daemon-socket.ts';
import { until } from '../../../support/supervisor-run.ts';

const MEBIBYTE = 1024 * 1024;
const LOCAL = { host: '127.0.0.1', port: 0 };

describe('CollectServer', () => {
  let server: CollectServer;
  let folder: string;
  let sample: Buffer;
  let nowMs: number;
  let sockets: Socket[];

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'slapos-server-'));
    [sample, nowMs, sockets] = [Buffer.from('{}'), 0, []];
  });
  afterEach(async () => {
    for (const socket of sockets) {
      const ended = socket.closed ? undefined : once(socket, 'close');
      socket.destroy();
      await ended;
    }
    await server.close();
    rmSync(folder, { recursive: true });
  });

  function create(answerMs = 60_000): CollectServer {
    server = new CollectServer(
      { metrics: () => sample, sampleJson: () => sample, series: () => undefined },
      { answerMs, followerMs: 60_000, monotonicMs: () => nowMs },
    );
    return server;
  }

  /** At a unix socket, whose buffers do not grow. */
  async function listenInFolder(): Promise<string> {
    mkdirSync(join(folder, 'var'), { mode: 0o755 });
    await create().listenOn((await openDaemonSocket(folder, 'var/d.sock')).fd);
    return join(folder, 'var/d.sock');
  }

  async function readRest(socket: Socket): Promise<string> {
    const pieces: Buffer[] = [];
    const ended = once(socket, 'close');
    socket.on('data', (piece) => pieces.push(piece)).resume();
    await ended;
    return Buffer.concat(pieces).toString();
  }

  /** @param address of http, or the path of a socket */
  async function ask(address: string, path: string): Promise<Socket> {
    const isPath = address.startsWith('/');
    const socket = isPath ? connect(address) : connect(Number(new URL(address).port), LOCAL.host);
    sockets.push(socket);
    socket.on('error', () => undefined);
    await once(socket, 'connect');
    socket.write(`GET ${path} HTTP/1.1\r\nhost: localhost\r\n\r\n`);
    return socket;
  }

  /** @returns what it has heard by now */
  async function follow(address: string): Promise<() => string> {
    const socket = await ask(address, '/events');
    let heard = '';
    socket.setEncoding('utf8').on('data', (text) => {
      heard += text;
    });
    await until(() => (/retry|followers/.test(heard) ? true : undefined), 'an answer');
    return () => heard;
  }

  it('has room for the followers of one address whoever follows at another', async () => {
    const [first, second] = [await create().listen(LOCAL), await server.listen(LOCAL)];
    for (let index = 0; index < 32; index += 1) await follow(first);
    expect((await follow(first))()).toContain('503');
    const heard = await follow(second);
    server.publish();
    await until(() => (heard().includes('data: {}') ? true : undefined), 'a sample');
  });

  it('drops a follower that takes nothing for a minute, and none that is quiet', async () => {
    const path = await listenInFolder();
    const heard = await follow(path);
    const stalled = await ask(path, '/events');
    await once(stalled, 'readable');
    // More than the kernel takes for who does not read, and less than is kept for followers.
    sample = Buffer.alloc(2 * MEBIBYTE, 'x');
    server.publish();
    await until(() => (heard().length > 2 * MEBIBYTE ? true : undefined), 'a sample');
    sample = Buffer.from('{"atMs":2}');
    nowMs = 61_000;
    server.publish();
    await until(() => (heard().includes('"atMs":2') ? true : undefined), 'the next sample');
    expect(await readRest(stalled)).not.toContain('"atMs":2');
    expect(stalled.bytesRead).toBeLessThan(2 * MEBIBYTE);
  });

  it('gives up an answer that nobody takes, and no follower that hears nothing', async () => {
    const address = await create(1000).listen(LOCAL);
    const heard = await follow(address);
    sample = Buffer.alloc(16 * MEBIBYTE, 'x');
    const stalled = await ask(address, '/partitions');
    await once(stalled, 'readable');
    const countEnds = () =>
      process.getActiveResourcesInfo().filter((name) => name === 'TCPSocketWrap').length;
    await until(() => (countEnds() < 4 ? true : undefined), 'the end at the side of the server');
    await readRest(stalled);
    expect(stalled.bytesRead).toBeLessThan(16 * MEBIBYTE);
    sample = Buffer.from('{"atMs":3}');
    server.publish();
    await until(() => (heard().includes('"atMs":3') ? true : undefined), 'a sample');
  });
});
