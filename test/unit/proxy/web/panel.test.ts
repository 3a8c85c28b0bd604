/** `/`, `/panel/` and the public files, with the names that an attacker would ask for. */
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { NO_WEB } from '../../../../src/proxy/web/web-options.ts';
import { type ProxyFixture, startProxy } from '../../../support/proxy-fixture.ts';
import { rawBytes, rawRequest } from '../../../support/raw-request.ts';

let folder: string;
let proxy: ProxyFixture;
const MODIFIED = new Date('2026-01-02T03:04:05Z');

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'slapos-public-'));
  const place = join(folder, 'public');
  mkdirSync(join(place, 'software', 'kvm'), { recursive: true });
  writeFileSync(join(folder, 'secret'), 'secret');
  writeFileSync(join(place, 'software', 'kvm', 'software.cfg.json'), '{"name":"kvm"}');
  writeFileSync(join(place, 'digits.txt'), '0123456789');
  writeFileSync(join(place, 'a "b" é.bin'), 'x');
  writeFileSync(join(place, '..odd'), 'odd');
  writeFileSync(join(place, 'empty'), '');
  utimesSync(join(place, 'digits.txt'), MODIFIED, MODIFIED);
  symlinkSync('digits.txt', join(place, 'inside'));
  symlinkSync('../secret', join(place, 'outside'));
  symlinkSync(folder, join(place, 'parent'));
  symlinkSync('loop', join(place, 'loop'));
  proxy = await startProxy({ web: { ...NO_WEB, publicFolder: place } });
});
afterEach(async () => {
  await proxy.close();
  rmSync(folder, { recursive: true });
});

const get = (path: string, headers: Record<string, string> = {}, method = 'GET') =>
  rawRequest(proxy.url, path, { headers, method });

describe('the panel', () => {
  test('is where / leads, also behind a reverse proxy', async () => {
    expect(await get('/')).toMatchObject({ status: 302, headers: { location: '/panel/' } });
    const behind = { 'x-forwarded-prefix': '/pre' };
    expect((await get('/', behind)).headers.location).toBe('/pre/panel/');
    for (const prefix of ['//evil', '/\\evil', '/a//evil', 'evil', '/a?b', '/a/..//b']) {
      const answer = await get('/', { 'x-forwarded-prefix': prefix });
      expect([prefix, answer.headers.location]).toEqual([prefix, '/panel/']);
    }
    expect(await get('/panel?a=1')).toMatchObject({
      status: 308,
      headers: { location: '/panel/?a=1' },
    });
    expect(await get('/panel/')).toMatchObject({ status: 404, text: 'This proxy has no panel.\n' });
    const wrong = await get('/panel/', {}, 'POST');
    expect(wrong).toMatchObject({ status: 405, headers: { allow: 'GET, HEAD' } });
  });

  test('is there for a client that names no sensible host', async () => {
    const answer = await rawBytes(
      proxy.url,
      'GET / HTTP/1.1\r\nHost: a b[\r\nConnection: close\r\n\r\n',
    );
    expect(answer).toMatch(/^HTTP\/1.1 302 .*\r\nlocation: \/panel\/\r\n/s);
  });
});

describe('/panel/public/', () => {
  test('gives files as attachments', async () => {
    const file = await get('/panel/public/software/kvm/software.cfg.json');
    expect(file).toMatchObject({
      status: 200,
      text: '{"name":"kvm"}',
      headers: {
        'content-type': 'application/json',
        'content-disposition': 'attachment; filename="software.cfg.json"',
        'content-length': '14',
        'cache-control': 'no-cache',
        'accept-ranges': 'bytes',
        'x-content-type-options': 'nosniff',
      },
    });
    const odd = await get('/panel/public/a%20%22b%22%20%C3%A9.bin');
    expect(odd).toMatchObject({ status: 200, text: 'x' });
    expect(odd.headers['content-disposition']).toBe(
      `attachment; filename="a _b_ _.bin"; filename*=UTF-8''a%20%22b%22%20%C3%A9.bin`,
    );
    expect((await get('/panel/public/empty')).headers['content-length']).toBe('0');
    expect((await get('/panel/public/..odd')).text).toBe('odd');
    const head = await get('/panel/public/digits.txt', {}, 'HEAD');
    expect(head).toMatchObject({ status: 200, text: '', headers: { 'content-length': '10' } });
    expect(await get('/panel/public/digits.txt', {}, 'PUT')).toMatchObject({ status: 405 });
  });

  test('answers conditional requests and those for a part', async () => {
    const { headers } = await get('/panel/public/digits.txt');
    const etag = String(headers.etag);
    expect(headers['last-modified']).toBe('Fri, 02 Jan 2026 03:04:05 GMT');
    const ask = (more: Record<string, string>) => get('/panel/public/digits.txt', more);
    const since = String(headers['last-modified']);
    const known = await ask({ 'if-none-match': `"x", W/${etag}` });
    expect(known).toMatchObject({ status: 304, text: '', headers: { etag } });
    expect(known.headers['content-type']).toBeUndefined();
    expect((await ask({ 'if-modified-since': since })).status).toBe(304);
    expect((await ask({ 'if-none-match': '"x"', 'if-modified-since': since })).status).toBe(200);
    expect((await ask({ 'if-modified-since': 'nonsense' })).status).toBe(200);
    expect(await ask({ range: 'bytes=2-4' })).toMatchObject({
      status: 206,
      text: '234',
      headers: { 'content-range': 'bytes 2-4/10', 'content-length': '3' },
    });
    const parts: ReadonlyArray<readonly [range: string, status: number, text: string]> = [
      ['bytes=7-', 206, '789'],
      ['bytes=-3', 206, '789'],
      ['bytes=-30', 206, '0123456789'],
      ['bytes=8-99', 206, '89'],
      ['bytes=10-', 416, ''],
      ['bytes=-0', 416, ''],
      ['bytes=4-2', 200, '0123456789'],
      ['bytes=0-1,3-4', 200, '0123456789'],
      ['lines=0-1', 200, '0123456789'],
      ['bytes=-', 200, '0123456789'],
    ];
    for (const [range, status, text] of parts) {
      const answer = await ask({ range });
      expect([range, answer.status, answer.text]).toEqual([range, status, text]);
    }
    expect((await ask({ range: 'bytes=10-' })).headers['content-range']).toBe('bytes */10');
    expect((await ask({ range: 'bytes=1-1', 'if-range': etag })).text).toBe('1');
    expect((await ask({ range: 'bytes=1-1', 'if-range': since })).text).toBe('1');
    expect((await ask({ range: 'bytes=1-1', 'if-range': '"x"' })).status).toBe(200);
  });

  test('follows links, but not out of the folder', async () => {
    expect((await get('/panel/public/inside')).text).toBe('0123456789');
    for (const path of ['outside', 'parent/secret', 'parent/public/digits.txt/..', 'loop']) {
      expect([path, (await get(`/panel/public/${path}`)).status]).toEqual([path, 404]);
    }
  });

  test.each([
    '../secret',
    '..%2fsecret',
    '%2e%2e/secret',
    '%2e%2e%2fsecret',
    'software/../../secret',
    'software/kvm/%2e%2e/%2e%2e/%2e%2e/secret',
    '..%5csecret',
    '/etc/passwd',
    '%2fetc%2fpasswd',
    'digits.txt%00',
    'digits.txt%00.json',
    'digits.txt/',
    'software',
    'software/',
    '.',
    '',
    'a'.repeat(5000),
    '%ff',
    '%252e%252e/secret',
  ])('has no file %s', async (name) => {
    const answer = await get(`/panel/public/${name}`);
    expect([name, answer.status]).toEqual([name, name === '%ff' ? 400 : 404]);
    expect(answer.text).not.toContain('secret\n');
    expect(answer.text).not.toBe('secret');
  });

  test('is refused where no folder is configured', async () => {
    const other = await startProxy();
    try {
      for (const path of ['/panel/public/x', '/panel/public/x/']) {
        const answer = await rawRequest(other.url, path);
        expect(answer.status).toBe(403);
        expect(answer.text).toBe('The public directory path is not configured.\n');
      }
    } finally {
      await other.close();
    }
  });
});
