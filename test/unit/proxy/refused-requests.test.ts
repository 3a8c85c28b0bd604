/** What is refused before a route is asked, and what the log says of refusals. */
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { silentLogger } from '../../../src/log/logger.ts';
import { warnKept } from '../../../src/proxy/computer.ts';
import {
  type ProxyFixture,
  postForm,
  requestFields,
  SOFTWARE,
  startProxy,
} from '../../support/proxy-fixture.ts';
import { rawRequest } from '../../support/raw-request.ts';

const FORM = { 'content-type': 'application/x-www-form-urlencoded' };
const SUPPLY = 'url=https%3A%2F%2Fexample.com%2Fs.cfg&computer_id=COMP-1&state=available';

let proxy: ProxyFixture;
let said: string[];
beforeEach(async () => {
  said = [];
  const say = (message: string): void => {
    said.push(message);
  };
  proxy = await startProxy({ log: { ...silentLogger, info: say, error: say } });
});
afterEach(() => proxy.close());

const get = (path: string, headers = {}, method = 'GET') =>
  rawRequest(proxy.url, path, { headers, method });
const supply = (headers: Record<string, string>, body: string | Uint8Array = SUPPLY) =>
  rawRequest(proxy.url, '/supplySupply', {
    method: 'POST',
    headers: { ...FORM, ...headers },
    body,
  });

test('an id with a line break writes one line into the log', async () => {
  const id = encodeURIComponent('a\n2026-11-21 slapos FAKE\u2028');
  expect((await get(`/getFullComputerInformation?computer_id=${id}`)).status).toBe(404);
  expect(said).toHaveLength(1);
  expect(said[0]).toContain('a\\n2026-11-21 slapos FAKE\\u2028');
});

test('so do names of partitions, and titles that go to another Master', async () => {
  const log = { ...silentLogger, warning: (message: string) => said.push(message) };
  warnKept('COMP\n1', ['a\nFAKE'], log);
  const url = 'http://127.0.0.1:1/';
  const elsewhere = { url, softwareReleases: [SOFTWARE], isTlsVerified: true };
  const other = await startProxy({
    log: { ...silentLogger, info: (message) => said.push(message) },
    externalMasters: [
      {
        ...elsewhere,
        keyFile: undefined,
        certFile: undefined,
        caFile: undefined,
        computerId: undefined,
        partitionId: undefined,
      },
    ],
  });
  const fields = requestFields({ partition_reference: 'a\nFAKE' });
  expect((await postForm(`${other.url}requestComputerPartition`, fields)).status).toBe(502);
  await other.close();
  expect(said.length).toBeGreaterThan(1);
  expect(said.join('\n').split('\n')).toEqual(said);
});

test.each(['/%ff', '/%', '/http_proxy/http/%ff/'])(
  'the path %s is refused in text',
  async (path) => {
    const answer = await get(path);
    expect(answer).toMatchObject({
      status: 400,
      headers: { 'content-type': expect.stringContaining('text/plain') },
      text: expect.stringMatching(/^[^{].*\n$/),
    });
    expect(said).toHaveLength(1);
  },
);

test('a body that is packed is refused by the name of its encoding', async () => {
  const packed = await supply({ 'content-encoding': 'gzip' }, gzipSync(SUPPLY));
  expect(packed).toMatchObject({ status: 415, text: expect.stringContaining('gzip') });
  const call = await rawRequest(proxy.url, '/slapos.allDocs.v0.instance_tree_list', {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'content-encoding': 'br' },
    body: '{}',
  });
  expect(call).toMatchObject({ status: 415, text: expect.stringContaining('br') });
  expect((await supply({ 'content-encoding': 'identity' })).status).toBe(200);
});

describe('a browser', () => {
  const OTHERS: ReadonlyArray<Record<string, string>> = [
    { 'sec-fetch-site': 'cross-site' },
    { 'sec-fetch-site': 'same-site' },
    { origin: 'null' },
    { origin: 'http://evil.example' },
    { origin: 'http://localhost:1' },
    { host: 'proxy.example', origin: 'https://proxy.example.evil.example' },
    { host: 'proxy.example', origin: 'https://proxy.example:8443' },
    { host: 'proxy.example', origin: 'https://proxy.example/' },
  ];

  test.each(OTHERS)('on a page of another origin is refused (%j)', async (headers) => {
    expect(await supply(headers)).toMatchObject({
      status: 403,
      text: expect.stringMatching(/^A page of another origin asks \((Sec-Fetch-Site|Origin): /),
    });
    for (const path of [
      '/getFullComputerInformation?computer_id=COMP-1',
      '/hateoas/',
      '/nobodys',
    ]) {
      expect((await get(path, headers)).status).toBe(403);
    }
    const call = { method: 'POST', body: '{}' };
    const json = { 'content-type': 'application/json', ...headers };
    for (const path of [
      '/slapos.allDocs.v0.instance_tree_list',
      '/shacache/cache',
      '/shacache/update',
    ]) {
      expect((await rawRequest(proxy.url, path, { ...call, headers: json })).status).toBe(403);
    }
    const key = `/shacache/dir/${'0'.repeat(128)}`;
    expect((await get(key, headers, 'PUT')).text).toContain('another origin');
  });

  test.each(OTHERS)('on a page of another origin may read what is public (%j)', async (headers) => {
    expect((await get('/', headers)).status).toBe(302);
    expect((await get('/panel/', headers)).text).toBe('This proxy has no panel.\n');
    for (const path of ['/http_proxy/http/x/', `/shacache/cache/${'0'.repeat(128)}`]) {
      expect((await get(path, headers)).text).not.toContain('another origin');
    }
    expect((await get('/http_proxy/http/x/', headers, 'OPTIONS')).text).toContain('is off');
  });

  test.each([
    {},
    { 'sec-fetch-site': 'same-origin' },
    { 'sec-fetch-site': 'none' },
    { host: 'proxy.example', origin: 'https://proxy.example' },
    { host: 'Proxy.example:443', origin: 'https://proxy.example' },
    { host: 'proxy.example:5000', origin: 'http://proxy.example:5000' },
    { host: '[::1]:5000', origin: 'http://[::1]:5000' },
    { 'x-forwarded-host': 'a.example, proxy.example', origin: 'https://proxy.example' },
  ])('on a page of the proxy is answered (%j)', async (headers) => {
    expect((await supply(headers)).status).toBe(200);
    expect((await get('/hateoas/', headers)).status).toBe(200);
  });
});
