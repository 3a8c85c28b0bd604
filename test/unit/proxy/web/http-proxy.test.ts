/** The HTTP proxy against servers of this test, behind every way to be led astray. */
import type { LookupAddress } from 'node:dns';
import { once } from 'node:events';
import { createServer, type IncomingMessage, request } from 'node:http';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { closeAll, closeLater, proxyWith, serve } from '../../../support/http-proxy-scene.ts';
import type { ProxyFixture } from '../../../support/proxy-fixture.ts';
import { type RawRequest, rawRequest } from '../../../support/raw-request.ts';

afterEach(closeAll);

const ask = (proxy: ProxyFixture, path: string, options: RawRequest = {}) =>
  rawRequest(proxy.url, `/http_proxy/${path}`, options);

async function readAll(message: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of message) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}

describe('what goes on', () => {
  test('path and query as they came, the headers of the list, and nothing else', async () => {
    let seen: IncomingMessage | undefined;
    const port = await serve((message, reply) => {
      seen = message;
      reply.end('x');
    });
    const proxy = await proxyWith(['127.0.0.1:*']);
    const sent = {
      'content-type': 'text/a',
      accept: 'text/b',
      'accept-language': 'fr',
      range: 'bytes=0-',
      'if-modified-since': 'Fri, 02 Jan 2026 03:04:05 GMT',
      'if-none-match': '"e"',
      'user-agent': 'browser',
      authorization: 'Basic YTpi',
      origin: 'http://page',
    };
    const others = {
      cookie: 'secret=1',
      'proxy-authorization': 'Basic YTpi',
      'x-computer-id': 'COMP-1',
      'x-computer-partition-id': 'slappart0',
      'x-forwarded-for': '1.2.3.4',
      referer: 'http://inner/',
      'accept-encoding': 'gzip',
      upgrade: 'websocket',
    };
    const path = `http/127.0.0.1:${port}/a%2fb/../c%20d;e=1?q=%3f&r=//x?y`;
    await ask(proxy, path, { headers: { ...sent, ...others } });
    expect(seen?.url).toBe('/a%2fb/../c%20d;e=1?q=%3f&r=//x?y');
    expect(seen?.headers).toEqual({
      ...sent,
      'accept-encoding': 'identity',
      connection: 'close',
      host: `127.0.0.1:${port}`,
      via: expect.stringMatching(/^1\.1 slapos-\w{32}$/),
    });
    await ask(proxy, `http/127.0.0.1:${port}`);
    expect(seen?.url).toBe('/');
  });

  test('not what tells us who asks', async () => {
    const port = await serve((message, reply) =>
      reply.end(message.headers.authorization ?? 'none'),
    );
    const proxy = await proxyWith(['127.0.0.1:*']);
    const authorization = 'X-SlapPartition computer_id=COMP-1, computer_partition_id=slappart0';
    const answer = await ask(proxy, `http/127.0.0.1:${port}/`, { headers: { authorization } });
    expect(answer.text).toBe('none');
  });

  test.each(['GET', 'HEAD', 'OPTIONS'])('%s, with a body', async (method) => {
    const port = await serve(async (message, reply) => {
      const text = `${message.method} ${await readAll(message)}`;
      reply.setHeader('x-said', text);
      reply.setHeader('last-modified', text);
      reply.setHeader('content-length', text.length);
      reply.end(text);
    });
    const proxy = await proxyWith(['127.0.0.1:*']);
    for (const headers of [{}, { 'transfer-encoding': 'chunked' }]) {
      const answer = await ask(proxy, `http/127.0.0.1:${port}/`, { method, body: 'body', headers });
      expect(answer).toMatchObject({
        status: 200,
        text: method === 'HEAD' ? '' : `${method} body`,
        headers: { 'last-modified': `${method} body`, 'content-length': `${method.length + 5}` },
      });
      expect(answer.headers['x-said']).toBeUndefined();
    }
  });

  test('no other method', async () => {
    const proxy = await proxyWith(['127.0.0.1:*']);
    for (const method of ['POST', 'PUT', 'DELETE', 'PATCH']) {
      const answer = await ask(proxy, 'http/127.0.0.1/', { method });
      expect([method, answer.status]).toEqual([method, 405]);
      expect(answer.headers.allow).toBe('GET, HEAD, OPTIONS');
    }
  });
});

describe('what comes back', () => {
  test('is the body as an attachment, with the headers of the list', async () => {
    const passed = {
      'content-type': 'text/html',
      date: 'Fri, 02 Jan 2026 03:04:05 GMT',
      'last-modified': 'Fri, 02 Jan 2026 03:04:04 GMT',
      vary: 'accept',
      'cache-control': 'no-store',
      etag: '"e"',
      'accept-ranges': 'bytes',
      'content-range': 'bytes 0-3/9',
      'www-authenticate': 'Basic realm="x"',
      'access-control-allow-origin': '*',
      'access-control-allow-methods': 'GET',
      'access-control-expose-headers': 'etag',
      'access-control-allow-headers': 'range',
      'access-control-allow-credentials': 'true',
    };
    const port = await serve((_message, reply) => {
      reply.writeHead(206, {
        ...passed,
        'content-disposition': 'inline',
        'set-cookie': 'a=b',
        'strict-transport-security': 'max-age=9',
        'x-other': '1',
      });
      reply.end('body');
    });
    const proxy = await proxyWith(['127.0.0.1:*']);
    const answer = await ask(proxy, `http/127.0.0.1:${port}/`);
    expect(answer).toMatchObject({ status: 206, text: 'body' });
    const {
      connection,
      'keep-alive': _alive,
      'transfer-encoding': _coding,
      ...headers
    } = answer.headers;
    expect(headers).toEqual({
      ...passed,
      'content-disposition': 'attachment',
      'x-content-type-options': 'nosniff',
    });
    expect(connection).toBeDefined();
  });

  test.each<[status: number, seen: number]>([
    [200, 200],
    [204, 204],
    [304, 304],
    [400, 400],
    [404, 404],
    [500, 520],
    [501, 501],
    [503, 503],
  ])('status %i as %i', async (status, seen) => {
    const port = await serve((_message, reply) => reply.writeHead(status).end());
    const proxy = await proxyWith(['127.0.0.1:*']);
    const answer = await ask(proxy, `http/127.0.0.1:${port}/`);
    expect(answer.status).toBe(seen);
    const type = status === 304 ? undefined : 'application/octet-stream';
    expect(answer.headers['content-type']).toBe(type);
  });

  test('with a Location that leads to the proxy', async () => {
    let location = '';
    const port = await serve((_message, reply) => reply.writeHead(201, { location }).end());
    const proxy = await proxyWith(['127.0.0.1:*']);
    const behind = { 'x-forwarded-proto': 'https', 'x-forwarded-prefix': '/pre', host: 'me' };
    const seen: Array<string | undefined> = [];
    for (const each of [
      '/x?y',
      'z',
      'https://[::1]:8443/a',
      'ftp://a/',
      'http://u:p@b.example/c',
    ]) {
      location = each;
      const answer = await ask(proxy, `http/127.0.0.1:${port}/d/e`, { headers: behind });
      seen.push(answer.headers.location);
    }
    const base = 'https://me/pre/http_proxy';
    expect(seen).toEqual([
      `${base}/http/127.0.0.1:${port}/x?y`,
      `${base}/http/127.0.0.1:${port}/d/z`,
      `${base}/https/%5B::1%5D:8443/a`,
      undefined,
      `${base}/http/b.example/c`,
    ]);
  });

  test('in pieces as they come, however many', async () => {
    const piece = Buffer.alloc(1024 * 1024, 'x');
    let sent = 0;
    const port = await serve((_message, reply) => {
      const push = (): void => {
        while (sent < 128) {
          sent += 1;
          if (!reply.write(piece)) return;
        }
        reply.end();
      };
      reply.on('drain', push);
      push();
    });
    const proxy = await proxyWith(['127.0.0.1:*']);
    const { port: own } = new URL(proxy.url);
    const path = `/http_proxy/http/127.0.0.1:${port}/`;
    const client = request({ port: own, path, agent: false }).end();
    const [answer] = (await once(client, 'response')) as [IncomingMessage];
    // Nobody reads: what the proxy and the sockets hold is far from all of it.
    for (let still = 0, before = 0; still < 10; before = sent) {
      await new Promise((done) => setTimeout(done, 20));
      still = sent === before ? still + 1 : 0;
    }
    expect(sent).toBeLessThan(100);
    let sizeBytes = 0;
    for await (const chunk of answer) sizeBytes += (chunk as Buffer).length;
    expect(sizeBytes).toBe(128 * piece.length);
  });
});

describe('who is refused', () => {
  test('everybody while the list is empty', async () => {
    const proxy = await proxyWith([]);
    for (const path of ['http/127.0.0.1/', 'ftp/x', '']) {
      const answer = await ask(proxy, `${path}x`);
      expect(answer.status).toBe(403);
      expect(answer.text).toContain('http_proxy_allow');
    }
  });

  test.each<[path: string, status: number]>([
    ['ftp/127.0.0.1/', 400],
    ['HTTP/127.0.0.1/', 400],
    ['http', 400],
    ['http//x', 400],
    ['http/%2e%2e/x', 403],
    ['http/user@127.0.0.1/', 400],
    ['http/user:pass%40127.0.0.1/', 400],
    ['http/127.0.0.1%2f@x/', 400],
    ['http/127.0.0.1%23x/', 400],
    ['http/127.0.0.1%00/', 400],
    ['http/127.0.0.1:99999/', 400],
    ['http/127.0.0.1:0/', 400],
    ['http/%5Bfe80::1%25eth0%5D/', 400],
    ['http/%ff/', 400],
    ['http/localhost/', 403],
    ['http/127.0.0.2:PORT/', 403],
    ['http/0.0.0.0:PORT/', 403],
    ['http/0:PORT/', 403],
    ['http/%5B::%5D:PORT/', 403],
    ['http/%5B::1%5D:PORT/', 403],
    ['http/169.254.169.254/latest/meta-data/', 403],
    ['http/2852039166/', 403],
    ['https/127.0.0.1:PORT/', 403],
    ['http/127.1:PORT/', 200],
    ['http/2130706433:PORT/', 200],
    ['http/%5B::ffff:127.0.0.1%5D:PORT/', 200],
  ])('%s gets %i', async (path, status) => {
    const port = await serve((_message, reply) => reply.end());
    const proxy = await proxyWith(['http://127.0.0.1:*']);
    expect((await ask(proxy, path.replace('PORT', String(port)))).status).toBe(status);
  });

  test('a name that leads to this machine, unless its address is in the list too', async () => {
    const port = await serve((_message, reply) => reply.end('inner'));
    const resolve = async () => [{ address: '127.0.0.1', family: 4 }];
    const closed = await proxyWith(['evil.example:*'], { resolve });
    const answer = await ask(closed, `http/evil.example:${port}/`);
    expect(answer).toMatchObject({
      status: 403,
      text: expect.stringContaining('not a public one'),
    });
    const open = await proxyWith(['evil.example:*', '127.0.0.1:*'], { resolve });
    expect((await ask(open, `http/evil.example:${port}/`)).text).toBe('inner');
  });

  test('a name that leads elsewhere after it was looked at', async () => {
    let isLookedAt = false;
    const port = await serve((message, reply) => reply.end(`A ${message.headers.host}`));
    const inner = createServer((_message, reply) => reply.end('inner'));
    inner.listen(port, '127.0.0.2');
    await once(inner, 'listening');
    closeLater(async () => inner.close());
    const resolve = async (): Promise<LookupAddress[]> => {
      const address = isLookedAt ? '127.0.0.2' : '127.0.0.1';
      isLookedAt = true;
      return [{ address, family: 4 }];
    };
    const proxy = await proxyWith(['evil.example:*', '127.0.0.1:*'], { resolve });
    const path = `http/evil.example:${port}/`;
    expect((await ask(proxy, path)).text).toBe(`A evil.example:${port}`);
    // The next request asks anew, and is refused.
    expect((await ask(proxy, path)).status).toBe(403);
  });

  test('one address of several: the others are used', async () => {
    const port = await serve((_message, reply) => reply.end('ok'));
    const other = createServer((_message, reply) => reply.end('inner'));
    other.listen(port, '127.0.0.2');
    await once(other, 'listening');
    closeLater(async () => other.close());
    const resolve = async () => [
      { address: '127.0.0.2', family: 4 },
      { address: '127.0.0.1', family: 4 },
    ];
    const proxy = await proxyWith(['a.example:*', '127.0.0.1:*'], { resolve });
    expect((await ask(proxy, `http/a.example:${port}/`)).text).toBe('ok');
  });

  test('a name that is not in the list is not asked for', async () => {
    const resolve = vi.fn(async () => [{ address: '127.0.0.1', family: 4 }]);
    const proxy = await proxyWith(['a.example', '127.0.0.1:*'], { resolve });
    expect((await ask(proxy, 'http/secret.attacker.example/')).status).toBe(403);
    expect(resolve).not.toHaveBeenCalled();
  });

  test('the proxy itself, directly and over others', async () => {
    const proxy = await proxyWith(['127.0.0.1:*', 'me.example:*'], {
      resolve: async () => [{ address: '127.0.0.1', family: 4 }],
    });
    const { port } = new URL(proxy.url);
    for (const host of ['127.0.0.1', 'me.example', '%5B::ffff:127.0.0.1%5D']) {
      const answer = await ask(proxy, `http/${host}:${port}/getRunId`);
      expect([host, answer.status]).toEqual([host, 508]);
    }
    const around = await serve((message, reply) => {
      const headers = { via: message.headers.via ?? '' };
      const options = {
        port,
        path: `/http_proxy/http/127.0.0.1:${around}/`,
        headers,
        agent: false,
      };
      request(options, (answer) => reply.end(String(answer.statusCode))).end();
    });
    expect((await ask(proxy, `http/127.0.0.1:${around}/`)).text).toBe('508');
  });
});
