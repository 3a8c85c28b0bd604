/** The HTTP server against clients that misbehave, on a real socket. */
import { mkdtempSync, rmSync } from 'node:fs';
import type { Server } from 'node:http';
import { createConnection, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { SupervisorClient } from '../../../../src/supervisor/client.ts';
import type { ServerConfig } from '../../../../src/supervisor/configuration/program-config.ts';
import type { RpcContext } from '../../../../src/supervisor/rpc/rpc-method.ts';
import { createRpcServer } from '../../../../src/supervisor/rpc/rpc-server.ts';
import { encodeCall } from '../../../../src/supervisor/rpc/xml-rpc.ts';
import { SupervisorBench } from '../../../support/fake-keeper.ts';

const LIMITS = { bodyBytes: 100_000, allBodiesBytes: 150_000, requestMs: 400, answerMs: 400 };

describe('the server with bad clients', () => {
  let folder: string;
  let path: string;
  let server: Server;
  let client: SupervisorClient;
  let sockets: Socket[];
  let bench: SupervisorBench;

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'slapos-rpc-'));
    path = join(folder, 'sock');
    bench = new SupervisorBench();
    const { controller } = bench;
    const context = {
      controller,
      log: controller.log,
      identifier: 'x'.repeat(1000),
      daemonPid: 1,
      ownUid: process.geteuid?.(),
      upgrade: async () => {},
    };
    const config = { kind: 'unix', path } as unknown as ServerConfig;
    server = createRpcServer(context as unknown as RpcContext, config, LIMITS);
    await new Promise<void>((resolve) => server.listen(path, resolve));
    client = new SupervisorClient(path);
    sockets = [];
  });

  afterEach(() => {
    client.close();
    for (const socket of sockets) socket.destroy();
    server.close();
    server.closeAllConnections();
    rmSync(folder, { recursive: true });
  });

  /** Sends bytes; `ended` gives all that was answered once the server closes. */
  function connect(text: string): { socket: Socket; ended: Promise<string> } {
    const socket = createConnection(path);
    sockets.push(socket);
    let answer = '';
    socket.setEncoding('utf8').on('data', (more: string) => {
      answer += more;
    });
    const ended = new Promise<string>((resolve) => {
      socket.on('error', () => {}).on('close', () => resolve(answer));
    });
    socket.write(text);
    return { socket, ended };
  }

  function post(body: string, length = Buffer.byteLength(body)): string {
    return `POST /RPC2 HTTP/1.1\r\nHost:\r\nContent-Length: ${length}\r\n\r\n${body}`;
  }

  const isServed = () => client.call('supervisor.getVersion').then((version) => version === '3.0');

  it('lets go of half a request, in the head and in the body', async () => {
    const silent = connect('');
    const halfHead = connect('POST /RPC2 HTTP/1.1\r\nContent-Le');
    const halfBody = connect(post('<methodCall>', 5000));
    expect(await isServed()).toBe(true);
    expect(await halfHead.ended).toMatch(/^HTTP\/1.1 408 /);
    expect(await halfBody.ended).toMatch(/^(HTTP\/1.1 408 |$)/);
    await silent.ended;
    expect(await isServed()).toBe(true);
  });

  it('keeps a connection that is idle between two requests', async () => {
    const call = post(encodeCall('supervisor.getVersion', []));
    const { socket } = connect(call);
    let answers = 0;
    socket.on('data', (text: string) => {
      answers += text.split('HTTP/1.1 200').length - 1;
    });
    await sleep(3 * LIMITS.requestMs);
    socket.write(call);
    await sleep(100);
    expect([answers, socket.destroyed]).toEqual([2, false]);
  });

  it('refuses a body that is too long before it is sent, and one without a length', async () => {
    expect(await connect(post('', 104_857_600)).ended).toMatch(/^HTTP\/1.1 413 /);
    const chunked = 'POST /RPC2 HTTP/1.1\r\nHost:\r\nTransfer-Encoding: chunked\r\n\r\n';
    expect(await connect(chunked).ended).toMatch(/^HTTP\/1.1 411 /);
    const long = `POST /RPC2 HTTP/1.1\r\nHost:\r\nX: ${'x'.repeat(100_000)}\r\n\r\n`;
    expect(await connect(long).ended).toMatch(/^HTTP\/1.1 431 /);
    expect(await isServed()).toBe(true);
  });

  it('bounds what many clients send at the same time', async () => {
    const first = connect(post('x', 90_000));
    await sleep(50);
    expect(await connect(post('x', 90_000)).ended).toMatch(/^HTTP\/1.1 503 /);
    expect(await isServed()).toBe(true);
    await first.ended;
    const after = connect(post('x'.repeat(90_000)));
    await sleep(100);
    after.socket.end();
    expect(await after.ended).toMatch(/^HTTP\/1.1 400 /);
  });

  it('lets go of a client that never reads', async () => {
    const body = encodeCall('system.multicall', [
      Array.from({ length: 400 }, () => ({
        methodName: 'supervisor.getIdentification',
        params: [],
      })),
    ]);
    const { socket, ended } = connect(post(body));
    socket.pause();
    for (let count = 0; count < 50; count += 1) socket.write(post(body));
    expect(await isServed()).toBe(true);
    await sleep(3 * LIMITS.answerMs);
    expect(
      await new Promise((resolve) => server.getConnections((_, count) => resolve(count))),
    ).toBe(1);
    socket.resume();
    await ended;
  });

  it('answers a call of many that is none', async () => {
    const [answer] = (await client.call('system.multicall', [null])) as unknown[];
    expect(answer).toEqual({
      faultCode: 2,
      faultString: 'INCORRECT_PARAMETERS: No methodName',
    });
  });

  it('answers nonsense with 400 and goes on', async () => {
    const nested = `<methodCall><methodName>x</methodName><params><param>${'<value><array><data>'.repeat(4000)}`;
    for (const text of [
      '',
      'x',
      '<methodCall/>',
      nested,
      '<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>',
    ]) {
      const { socket, ended } = connect(post(text));
      await sleep(30);
      socket.end();
      expect(await ended).toMatch(/^HTTP\/1.1 400 /);
    }
    expect(await connect('\x00\x01garbage\r\n\r\n').ended).toMatch(/^HTTP\/1.1 400 /);
    expect(await isServed()).toBe(true);
  });

  it('leaves what it would decide to its successor once it has handed over', async () => {
    bench.controller.freeze();
    const before = client.call('supervisor.startAllProcesses').then(
      () => 'answered',
      () => 'cut off',
    );
    const other = new SupervisorClient(path);
    // Who asked for it hears of it; that the connections end is the end of the process.
    await expect(other.call('slapos.upgrade', '/new/keeper', [])).resolves.toBe(true);
    other.close();
    server.closeAllConnections();
    expect(await before).toBe('cut off');
  });
});
