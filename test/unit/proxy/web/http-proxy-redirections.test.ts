/** Redirections that the HTTP proxy follows, and those that it does not. */
import type { IncomingMessage } from 'node:http';
import { afterEach, describe, expect, test } from 'vitest';
import { closeAll, proxyWith, serve } from '../../../support/http-proxy-scene.ts';
import type { ProxyFixture } from '../../../support/proxy-fixture.ts';
import { type RawRequest, rawRequest } from '../../../support/raw-request.ts';

afterEach(closeAll);

const ask = (proxy: ProxyFixture, path: string, options: RawRequest = {}) =>
  rawRequest(proxy.url, `/http_proxy/${path}`, options);

describe('redirections', () => {
  test('are followed, with a password for the server that was meant only', async () => {
    const seen: string[] = [];
    const note = (message: IncomingMessage) =>
      seen.push(`${message.method} ${message.url} ${message.headers.authorization ?? '-'}`);
    const other = await serve((message, reply) => {
      note(message);
      reply.end('there');
    });
    const port = await serve((message, reply) => {
      note(message);
      const location = message.url === '/1' ? '/2' : `http://127.0.0.1:${other}/3?q`;
      reply.writeHead(302, { location }).end('moved');
    });
    const proxy = await proxyWith(['127.0.0.1:*']);
    const headers = { authorization: 'Basic YTpi' };
    const answer = await ask(proxy, `http/127.0.0.1:${port}/1`, { headers });
    expect(answer).toMatchObject({ status: 200, text: 'there' });
    expect(seen).toEqual(['GET /1 Basic YTpi', 'GET /2 Basic YTpi', 'GET /3?q -']);
  });

  test.each<[status: number, method: string, then: string]>([
    [301, 'OPTIONS', 'GET'],
    [302, 'HEAD', 'HEAD'],
    [303, 'OPTIONS', 'GET'],
    [307, 'OPTIONS', 'OPTIONS'],
    [308, 'HEAD', 'HEAD'],
  ])('of status %i turn %s into %s', async (status, method, then) => {
    const seen: Array<string | undefined> = [];
    const port = await serve((message, reply) => {
      seen.push(message.method);
      if (message.url === '/') reply.writeHead(status, { location: '/next' });
      reply.end();
    });
    const proxy = await proxyWith(['127.0.0.1:*']);
    await ask(proxy, `http/127.0.0.1:${port}/`, { method });
    expect(seen).toEqual([method, then]);
  });

  test.each<[what: string, location: string, status: number, times: number]>([
    ['to what is not in the list', 'http://127.0.0.2:PORT/', 403, 1],
    ['to the machine by another name', 'http://localhost:PORT/', 403, 1],
    ['to a file', 'file:///etc/passwd', 400, 1],
    ['to nowhere', 'http://', 400, 1],
    ['without end', '/', 520, 31],
    ['that are none', '', 302, 1],
  ])('%s', async (_what, location, status, times) => {
    let count = 0;
    const port = await serve((_message, reply) => {
      count += 1;
      if (location !== '') reply.setHeader('location', location.replace('PORT', String(port)));
      reply.writeHead(302).end();
    });
    const proxy = await proxyWith(['127.0.0.1:*']);
    expect((await ask(proxy, `http/127.0.0.1:${port}/`)).status).toBe(status);
    expect(count).toBe(times);
  });

  test('with a body that would be needed again', async () => {
    const port = await serve((_message, reply) => reply.writeHead(307, { location: '/x' }).end());
    const proxy = await proxyWith(['127.0.0.1:*']);
    const answer = await ask(proxy, `http/127.0.0.1:${port}/`, { method: 'OPTIONS', body: 'x' });
    expect(answer.status).toBe(520);
  });
});
