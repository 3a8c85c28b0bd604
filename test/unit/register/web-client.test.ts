/** Slow and long answers: what came of them, and that nobody waits for ever. */
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { contactServer, sendOnce, WEB_LIMITS } from '../../../src/register/web-client.ts';

const TRUST = { authorities: undefined, isInsecure: false };

let server: Server | undefined;
afterEach(() => {
  server?.closeAllConnections();
  server?.close();
});

async function listen(answer: RequestListener): Promise<string> {
  const created = createServer(answer);
  server = created;
  await new Promise<void>((resolve) => created.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${(created.address() as AddressInfo).port}`;
}

function send(url: string, limits: Partial<typeof WEB_LIMITS>) {
  const request = { method: 'POST', url, body: 'title=n' } as const;
  return sendOnce(request, {}, TRUST, { ...WEB_LIMITS, ...limits });
}

test('an answer that stops in the middle is given as far as it came', async () => {
  const url = await listen((_request, response) => void response.writeHead(200).write('half'));
  const answer = await send(url, { timeoutMs: 4000 });
  expect(answer).toMatchObject({ status: 200, body: 'half', isComplete: false });
});

test('an answer without end is cut', async () => {
  const url = await listen((_request, response) => {
    const more = () => void response.write('x'.repeat(65_536), () => setImmediate(more));
    more();
  });
  const answer = await send(url, { maxAnswerBytes: 100_000 });
  expect(answer.isComplete).toBe(false);
  expect(answer.body.length).toBeLessThan(400_000);
});

test('silence ends', async () => {
  const url = await listen(() => {});
  await expect(send(url, { timeoutMs: 300 })).rejects.toMatchObject({
    code: 'SLAPOS_ERR_MASTER_UNAVAILABLE',
    message: expect.stringContaining('no answer within 0.3 s'),
  });
});

test('a connection that ends without an answer: the request may have arrived', async () => {
  const url = await listen((request) => void request.socket.destroy());
  await expect(send(url, {})).rejects.toMatchObject({ context: { isSent: true } });
});

test('a redirection is an answer, and is not followed', async () => {
  const paths: (string | undefined)[] = [];
  const url = await listen((request, response) => {
    paths.push(request.url);
    response.writeHead(307, { location: '/elsewhere' }).end();
  });
  expect(await send(`${url}/first`, {})).toMatchObject({ status: 307, location: '/elsewhere' });
  expect(paths).toEqual(['/first']);
});

test('a server that never ends its greeting is left', async () => {
  const { createServer: createPlain } = await import('node:net');
  const plain = createPlain(() => {});
  await new Promise<void>((resolve) => plain.listen(0, '127.0.0.1', resolve));
  const url = `https://127.0.0.1:${(plain.address() as AddressInfo).port}`;
  const limits = { ...WEB_LIMITS, connectTimeoutMs: 200 };
  await expect(contactServer(url, TRUST, limits)).rejects.toThrow('no answer within 0.2 s');
  const request = { method: 'GET', url, body: '' } as const;
  await expect(sendOnce(request, {}, TRUST, limits)).rejects.toThrow('no answer within 0.2 s');
  plain.close();
});
