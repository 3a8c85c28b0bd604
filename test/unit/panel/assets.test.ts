/** The files of the page. */
import { gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type PanelScene, startPanelScene } from '../../support/panel-scene.ts';
import { rawBytes } from '../../support/raw-request.ts';

let scene: PanelScene;
beforeAll(async () => {
  scene = await startPanelScene();
});
afterAll(() => scene.close());

const CSP = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'self'",
  "frame-ancestors 'none'",
].join('; ');

describe('the page', () => {
  test.each(['', 'panel.js', 'login.css', 'api/overview', 'api/nothing', '%2e%2e/secret'])(
    '%s forbids what is from elsewhere',
    async (path) => {
      const { headers } = await scene.ask(path);
      expect(headers).toMatchObject({
        'content-security-policy': CSP,
        'x-content-type-options': 'nosniff',
        'referrer-policy': 'no-referrer',
        'cross-origin-resource-policy': 'same-origin',
      });
    },
  );

  test('is kept by browsers as long as it is the same', async () => {
    const first = await scene.ask('panel.js');
    expect(first.headers).toMatchObject({
      'content-type': 'text/javascript; charset=utf-8',
      'cache-control': 'no-cache',
      vary: 'accept-encoding',
    });
    const etag = String(first.headers.etag);
    const known = await scene.ask('panel.js', { headers: { 'if-none-match': `W/${etag}` } });
    expect(known).toMatchObject({ status: 304, text: '', headers: { etag } });
    const other = await scene.ask('panel.js', { headers: { 'if-none-match': '"other"' } });
    expect(other.status).toBe(200);
  });

  test.each([
    ['gzip, br', true],
    ['br;q=1, GZIP;q=0.5', true],
    ['gzip;q=0', false],
    ['br', false],
    ['x-gzip', false],
  ])('comes packed for who accepts %s: %j', async (accepted, isPacked) => {
    const plain = await scene.ask('panel.js');
    const answer = await scene.ask('panel.js', { headers: { 'accept-encoding': accepted } });
    expect(answer.headers['content-encoding']).toBe(isPacked ? 'gzip' : undefined);
    expect(String(isPacked ? gunzipSync(answer.body) : answer.body)).toBe(plain.text);
    expect(answer.headers.etag === plain.headers.etag).toBe(!isPacked);
  });

  test('is where it is below a prefix too', async () => {
    const headers = { 'x-forwarded-prefix': '/node' };
    const answer = await scene.ask('', { headers });
    // Behind a reverse proxy everybody needs the token.
    expect(answer.status).toBe(401);
    expect(answer.text).not.toContain('/node');
    expect(answer.text).not.toMatch(/(href|action|src)="\//);
  });

  test.each([
    'serve.js',
    'index.html',
    'charts.js',
    'secret',
    '../secret',
    '%2e%2e/secret',
    '..%2fsecret',
    'panel.js/',
    'panel.js%00',
    '/panel.js',
    'constructor',
  ])('has nothing at %s', async (path) => {
    const answer = await scene.ask(path);
    expect([path, answer.status]).toEqual([path, 404]);
    expect(answer.text).not.toMatch(/code of the server|^secret/);
  });

  test('goes nowhere else by any path', async () => {
    for (const path of ['/panel/../panel/serve.js', '/panel//etc/passwd', '/panel/\\..\\secret']) {
      const answer = await rawBytes(
        scene.url,
        `GET ${path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`,
      );
      expect(answer).toMatch(/^HTTP\/1.1 404 /);
    }
  });
});

test('a tree that was never built says so', async () => {
  const other = await startPanelScene();
  const { rmSync } = await import('node:fs');
  rmSync(other.assetsFolder, { recursive: true });
  const answer = await other.ask('').finally(() => other.close());
  expect(answer).toMatchObject({ status: 404, text: expect.stringContaining('not built wholly') });
});
