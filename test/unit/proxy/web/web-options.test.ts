/** Options of the cache, the public files and the HTTP proxy, as people write them. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readConfig } from '../../../../src/config/read.ts';
import { renderProxyConfig } from '../../../../src/config/render-node-config.ts';
import { parseProxyOptions } from '../../../../src/proxy/options.ts';
import { NO_WEB } from '../../../../src/proxy/web/web-options.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'slapos-options-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

function parse(text: string) {
  const path = join(folder, 'slapos-proxy.cfg');
  writeFileSync(path, text);
  return parseProxyOptions(readConfig(path), {}).web;
}
const withKeys = (lines: string) =>
  parse(`[slapproxy]\ncomputer_id = C\ndatabase_uri = x\n${lines}\n`);

test('nothing is on by itself', () => {
  expect(withKeys('')).toEqual(NO_WEB);
  expect(withKeys('http_proxy_allow =\nshacache_content_directory =').httpProxy.allow).toEqual([]);
});

test('dashes and underscores mean the same', () => {
  const web = withKeys(
    'shacache-content-directory = /c\nshacache_metadata_directory = /m\nshacache-max-upload = 2G\nhttp-proxy-tls-verify = off\nhttp_proxy_ca_file = /ca',
  );
  expect(web.shacache).toMatchObject({
    contentFolder: '/c',
    metadataFolder: '/m',
    maxBlobBytes: 2 * 1024 ** 3,
  });
  expect(web.httpProxy).toEqual({ allow: [], isTlsVerified: false, caFile: '/ca' });
});

test('what configure local writes is understood', () => {
  const values = {
    instanceRoot: '/srv/slapgrid',
    softwareRoot: '/opt/slapgrid',
    computerId: 'C',
    host: '127.0.0.1',
    port: 5000,
    databaseUri: 'x',
  };
  const on = renderProxyConfig({ ...values, shacacheFolder: '/srv/slapgrid/shacache' });
  expect(parse(on).shacache).toMatchObject({
    contentFolder: '/srv/slapgrid/shacache/data',
    metadataFolder: '/srv/slapgrid/shacache/dir',
    upstreamCacheUrl: expect.stringMatching(/^http/),
    upstreamDirUrl: expect.stringMatching(/^http/),
  });
  expect(parse(renderProxyConfig(values))).toEqual(NO_WEB);
});

test('places are lines', () => {
  const { allow } = withKeys('http_proxy_allow =\n  https://a.example\n\n  [::1]:*').httpProxy;
  expect(allow).toEqual([
    { scheme: 'https', port: 'own', name: 'a.example', isBelow: false },
    { scheme: undefined, port: 'any', network: { address: 1n, prefixLength: 128 } },
  ]);
});

test.each<[lines: string, what: RegExp]>([
  ['http_proxy_allow = *', /http_proxy_allow .* \*: the proxy would be open to everything/],
  ['http_proxy_allow =\n  a.example\n  a b', /a b: it is no name of a host/],
  ['http_proxy_tls_verify = maybe', /neither true nor false: maybe/],
  ['shacache_max_upload = much', /no size: much/],
  ['shacache_max_upload = 0', /no size: 0/],
  ['shacache_upstream_cache_url = cache.example', /no address of a web server: cache.example/],
  ['shacache_upstream_dir_url = file:///etc', /no address of a web server: file/],
])('a start with %s is refused', (lines, what) => {
  expect(() => withKeys(lines)).toThrow(what);
  expect(() => withKeys(lines)).toThrow(
    expect.objectContaining({ code: 'SLAPOS_ERR_CONFIG_VALUE' }),
  );
});
