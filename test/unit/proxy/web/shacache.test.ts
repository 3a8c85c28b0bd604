/** The cache of software that the proxy keeps, without another one behind it. */
import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { NO_WEB } from '../../../../src/proxy/web/web-options.ts';
import { type ProxyFixture, startProxy } from '../../../support/proxy-fixture.ts';
import { type RawRequest, rawRequest } from '../../../support/raw-request.ts';

const SOON = { timeout: 30_000 };
let folder: string;
let proxy: ProxyFixture;
const content = () => join(folder, 'data');
const metadata = () => join(folder, 'dir');
const digest = (text: string) => createHash('sha512').update(text).digest('hex');
const ask = (path: string, options: RawRequest = {}) =>
  rawRequest(proxy.url, `/shacache/${path}`, options);
const put = (path: string, body: string) => ask(path, { method: 'PUT', body });
const post = (path: string, body: string) => ask(path, { method: 'POST', body });
const entry = (sha512: string, more = {}) => JSON.stringify({ sha512, ...more });
const pair = (text: string, signature = 'c2ln') => JSON.stringify([text, signature]);
const get = async (key: string): Promise<unknown> => JSON.parse((await ask(`dir/${key}`)).text);

const settings = (changes = {}) => ({
  ...NO_WEB,
  shacache: {
    ...NO_WEB.shacache,
    contentFolder: content(),
    metadataFolder: metadata(),
    maxBlobBytes: 1_000_000,
    ...changes,
  },
});

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'slapos-shacache-'));
  for (const path of [content(), metadata()]) mkdirSync(path);
  proxy = await startProxy({ web: settings() });
});
afterEach(async () => {
  await proxy.close();
  rmSync(folder, { recursive: true });
});

describe('contents', () => {
  test('are stored under their digest and given back', async () => {
    for (const path of ['cache', 'cache/']) {
      const text = `blob of ${path}`;
      expect(await post(path, text)).toMatchObject({ status: 201, text: digest(text) });
      const answer = await ask(`cache/${digest(text)}`);
      expect(answer).toMatchObject({
        status: 200,
        text,
        headers: {
          'accept-ranges': 'bytes',
          'content-disposition': `attachment; filename="${digest(text)}"`,
          'content-length': String(text.length),
          'content-type': 'application/octet-stream',
          etag: `"${digest(text)}"`,
        },
      });
    }
    const path = `cache/${digest('blob of cache')}`;
    const part = await ask(path, { headers: { range: 'bytes=5-' } });
    expect(part).toMatchObject({ status: 206, text: 'of cache' });
    expect(await ask(path, { method: 'HEAD' })).toMatchObject({ status: 200, text: '' });
    expect((await put(`cache/${digest('x')}`, 'x')).text).toBe(digest('x'));
    expect(await post('cache', '')).toMatchObject({ status: 201, text: digest('') });
    expect(statSync(join(content(), digest('x'))).mode & 0o777).toBe(0o644);
    expect(readdirSync(content()).every((name) => /^[0-9a-f]{128}$/.test(name))).toBe(true);
  });

  test('of any type of body, compressed or not, are bytes', async () => {
    const headers = { 'content-type': 'application/json', 'content-encoding': 'gzip' };
    const answer = await ask('cache', { method: 'POST', body: '{', headers });
    expect(answer).toMatchObject({ status: 201, text: digest('{') });
  });

  test('with another digest are refused and leave nothing', async () => {
    for (const name of [digest('y'), digest('x').toUpperCase(), 'x', '..%2fx', '%00']) {
      const answer = await put(`cache/${name}`, 'x');
      expect([name, answer.status, answer.text]).toEqual([name, 400, 'Checksum mismatch\n']);
    }
    expect(readdirSync(content())).toEqual([]);
  });

  test.each([
    'a'.repeat(128).replace('a', 'A'),
    'x',
    '..%2f..%2fetc%2fpasswd',
    '%2e%2e',
    `${'a'.repeat(128)}%00`,
    `${'a'.repeat(128)}/x`,
    'a'.repeat(128),
  ])('are not there under %s', async (name) => {
    expect((await ask(`cache/${name}`)).status).toBe(404);
  });

  test('are neither read nor written through a link', async () => {
    writeFileSync(join(folder, 'secret'), 'secret');
    const name = digest('blob');
    symlinkSync(join(folder, 'secret'), join(content(), name));
    expect((await ask(`cache/${name}`)).status).toBe(404);
    expect((await put(`cache/${name}`, 'blob')).status).toBe(201);
    expect(readFileSync(join(folder, 'secret'), 'utf8')).toBe('secret');
    expect((await ask(`cache/${name}`)).text).toBe('blob');
  });

  test('larger than the limit are refused while the API takes no more than before', async () => {
    const large = 'x'.repeat(1_000_001);
    expect(await post('cache', large)).toMatchObject({ status: 413 });
    const chunked = { 'transfer-encoding': 'chunked' };
    expect(await ask('cache', { method: 'POST', body: large, headers: chunked })).toMatchObject({
      status: 413,
    });
    expect(readdirSync(content())).toEqual([]);
    expect((await post('cache', large.slice(1))).status).toBe(201);
  });

  test('that are cut off leave nothing', async () => {
    const { port } = new URL(proxy.url);
    const headers = { 'content-length': '100000' };
    const sent = request({ port, method: 'POST', path: '/shacache/cache', headers, agent: false });
    sent.on('error', () => undefined);
    sent.write('x'.repeat(1000));
    await vi.waitFor(() => expect(readdirSync(content())).toHaveLength(1), SOON);
    sent.destroy();
    await vi.waitFor(() => expect(readdirSync(content())).toEqual([]), SOON);
  });

  test('being written by a process that was killed are cleared later', async () => {
    const [old, recent] = ['.slapos-new-1-1', '.slapos-new-1-2'].map((name) =>
      join(content(), name),
    );
    for (const path of [old, recent]) writeFileSync(String(path), 'half');
    const long = new Date(Date.now() - 7_200_000);
    utimesSync(String(old), long, long);
    const other = await startProxy({ web: settings() });
    await vi.waitFor(() => expect(existsSync(String(old))).toBe(false), SOON);
    await other.close();
    expect(existsSync(String(recent))).toBe(true);
  });
});

describe('entries', () => {
  test('are stored and given back as they came', async () => {
    const answer = await put('dir/key', JSON.stringify(['entry_json_data', 'signature_data']));
    expect(answer).toMatchObject({ status: 201, text: '' });
    const got = await ask('dir/key');
    expect(got.headers['content-type']).toMatch(/^application\/json/);
    expect(JSON.parse(got.text)).toEqual([['entry_json_data', 'signature_data']]);
    expect(await ask('dir/other')).toMatchObject({ status: 404 });
    expect(statSync(join(metadata(), 'key')).mode & 0o777).toBe(0o644);
  });

  test('of several machines stay, the last one first; the same text is there once', async () => {
    for (const [text, signature] of [
      ['one', 'a'],
      ['two', 'b'],
      ['one', 'c'],
    ] as const) {
      await put('dir/key', pair(text, signature));
    }
    expect(await get('key')).toEqual([
      ['one', 'c'],
      ['two', 'b'],
    ]);
    await Promise.all(Array.from({ length: 20 }, (_, at) => put('dir/many', pair(`${at}`))));
    expect(await get('many')).toHaveLength(20);
  });

  test('are bounded in number, the oldest goes', async () => {
    const list = Array.from({ length: 100 }, (_, at) => [`${at}`, 's']);
    writeFileSync(join(metadata(), 'full'), JSON.stringify(list));
    await put('dir/full', pair('new'));
    const now = (await get('full')) as string[][];
    expect([now.length, now[0]?.[0], now[99]?.[0]]).toEqual([100, 'new', '98']);
  });

  test.each(['"x"', '["a"]', '["a","b","c"]', '{', '', '["a",1]', 'null', '{"0":"a","1":"b"}'])(
    'that are %s are refused',
    async (body) => {
      const answer = await put('dir/key', body);
      expect([answer.status, answer.text]).toEqual([400, 'Invalid entry format\n']);
      expect(readdirSync(metadata())).toEqual([]);
    },
  );

  test('larger than 1 MiB are refused', async () => {
    expect((await put('dir/key', pair('x'.repeat(1024 * 1024)))).status).toBe(413);
  });

  test.each([
    [
      'file-urlmd5:f213fcd8e97aa729f685b8cb71b976a7',
      'file-urlmd5:f213fcd8e97aa729f685b8cb71b976a7',
    ],
    ['pypi:zc.buildout=3.0.1+slapos', 'pypi:zc.buildout=3.0.1+slapos'],
    ['a%20b%C3%A9%3F%23%25', 'a bé?#%'],
    ['__proto__', '__proto__'],
    ['-rf', '-rf'],
  ])('have the key %s', async (path, name) => {
    expect((await put(`dir/${path}`, pair('text'))).status).toBe(201);
    expect(readdirSync(metadata())).toEqual([name]);
    expect(await get(path)).toEqual([['text', 'c2ln']]);
  });

  test.each([
    '..%2fdata%2fx',
    '%2e%2e',
    '.hidden',
    'a%2fb',
    'a%00',
    'a%0ab',
    'a/b',
    'a'.repeat(256),
    '.slapos-new-1-1',
  ])('cannot have the key %s', async (path) => {
    for (const method of ['GET', 'PUT']) {
      const answer = await ask(`dir/${path}`, { method, body: pair('text') });
      expect([method, answer.status]).toEqual([method, 400]);
    }
    expect([readdirSync(metadata()), readdirSync(content())]).toEqual([[], []]);
  });

  test('are neither read nor written through a link', async () => {
    const secret = join(folder, 'secret');
    writeFileSync(secret, '[["secret","s"]]');
    symlinkSync(secret, join(metadata(), 'key'));
    expect((await ask('dir/key')).status).toBe(404);
    expect((await put('dir/key', pair('text'))).status).toBe(201);
    expect(readFileSync(secret, 'utf8')).toBe('[["secret","s"]]');
    expect(() => readlinkSync(join(metadata(), 'key'))).toThrow(/EINVAL/);
  });

  test('that are no list are as none, and the next one replaces them', async () => {
    writeFileSync(join(metadata(), 'key'), '{"half":');
    expect((await ask('dir/key')).status).toBe(404);
    await put('dir/key', pair('text'));
    expect(await get('key')).toEqual([['text', 'c2ln']]);
  });
});

describe('update', () => {
  test('drops entries whose content is not here, and what is no list', async () => {
    await post('cache', 'blob');
    const valid = entry(digest('blob'));
    for (const text of [entry(digest('gone')), valid]) await put('dir/mixed', pair(text));
    await put('dir/whole', pair(valid));
    await put('dir/orphan', pair(entry(digest('gone'))));
    await put('dir/strange', pair(entry('../dir/whole')));
    await put('dir/text', pair('no JSON'));
    writeFileSync(join(metadata(), 'broken'), '{}');
    const { mtimeMs } = statSync(join(metadata(), 'whole'));
    const answer = await post('update', '');
    expect(answer.status).toBe(200);
    expect(JSON.parse(answer.text)).toEqual({
      removed: ['broken', 'mixed', 'orphan', 'strange', 'text'],
      updated: [],
    });
    expect(await get('mixed')).toEqual([[valid, 'c2ln']]);
    expect(readdirSync(metadata()).sort()).toEqual(['mixed', 'whole']);
    expect(statSync(join(metadata(), 'whole')).mtimeMs).toBe(mtimeMs);
    expect(JSON.parse((await post('update', '')).text)).toEqual({ removed: [], updated: [] });
  });

  test('forgets nothing when the contents are not mounted', async () => {
    await put('dir/key', pair(entry(digest('blob'))));
    rmSync(content(), { recursive: true });
    expect((await post('update', '')).status).toBe(503);
    expect(readdirSync(metadata())).toEqual(['key']);
  });
});

test('wrong methods are told which are right', async () => {
  expect(await ask('cache')).toMatchObject({ status: 405, headers: { allow: 'POST' } });
  expect(await ask('update')).toMatchObject({ status: 405, headers: { allow: 'POST' } });
  const answer = await ask(`cache/${digest('x')}`, { method: 'DELETE' });
  expect(answer).toMatchObject({ status: 405, headers: { allow: 'GET, HEAD, PUT' } });
});

const EVERY: ReadonlyArray<readonly [method: string, path: string]> = [
  ['GET', `cache/${'a'.repeat(128)}`],
  ['POST', 'cache'],
  ['POST', 'cache/'],
  ['PUT', `cache/${digest('x')}`],
  ['GET', 'dir/key'],
  ['PUT', 'dir/key'],
  ['POST', 'update'],
];

test.each([
  ['nothing', { contentFolder: undefined, metadataFolder: undefined }],
  ['no content folder', { contentFolder: undefined }],
  ['no metadata folder', { metadataFolder: undefined }],
])('every endpoint answers 503 with %s', async (_what, changes) => {
  const other = await startProxy({ web: settings(changes) });
  try {
    for (const [method, path] of EVERY) {
      const answer = await rawRequest(other.url, `/shacache/${path}`, { method, body: 'x' });
      expect([path, answer.status, answer.text]).toEqual([path, 503, 'Shacache not configured\n']);
    }
  } finally {
    await other.close();
  }
});

test.each([
  ['content', content],
  ['metadata', metadata],
])('every endpoint answers 503 while the folder of %s does not exist', async (_what, path) => {
  rmSync(path(), { recursive: true });
  for (const [method, target] of EVERY) {
    expect((await ask(target, { method, body: 'x' })).status).toBe(503);
  }
  mkdirSync(path());
  expect((await post('cache', 'x')).status).toBe(201);
});
