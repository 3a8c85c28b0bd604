import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readConfig } from '../../../src/config/read.ts';
import { parseDatabaseUri, parseProxyOptions } from '../../../src/proxy/options.ts';
import { NO_WEB } from '../../../src/proxy/web/web-options.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'slapos-options-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

function config(text: string) {
  const path = join(folder, 'slapos.cfg');
  writeFileSync(path, text);
  return readConfig(path);
}

test('command line, then sections in file order, dashes like underscores, defaults', () => {
  const file = config(`[slapos]
computer_id = C
host = ::1
[slapproxy]
host = 127.0.0.2
port = 5001
database-uri = /x/proxy.db
[multimaster/https://other/]
key = k
`);
  expect(parseProxyOptions(file, { port: 6000 })).toEqual({
    computerId: 'C',
    databaseUri: '/x/proxy.db',
    host: '::1',
    port: 6000,
    logFile: undefined,
    products: new Map(),
    localSoftwareReleaseRoot: undefined,
    externalMasters: [
      expect.objectContaining({ url: 'https://other/', keyFile: 'k', softwareReleases: [] }),
    ],
    web: NO_WEB,
  });
  expect(parseDatabaseUri(file, { database_uri: '/y' })).toBe('/y');
});

test('host and port have defaults; brackets are taken off', () => {
  const base = '[slapproxy]\ncomputer_id = C\ndatabase_uri = x\n';
  expect(parseProxyOptions(config(base), {})).toMatchObject({ host: '127.0.0.1', port: 5000 });
  expect(parseProxyOptions(config(`${base}host = [::1]\nport =\n`), {})).toMatchObject({
    host: '::1',
    port: 5000,
  });
});

test('products: two lines after a blank one, or none', () => {
  const base = '[slapproxy]\ncomputer_id = C\ndatabase_uri = x\nsoftware_product_list =';
  const products = parseProxyOptions(
    config(`${base}\n  kvm http://kvm\n  erp5  http://erp5\n`),
    {},
  ).products;
  expect([...products]).toEqual([
    ['kvm', 'http://kvm'],
    ['erp5', 'http://erp5'],
  ]);
  expect(parseProxyOptions(config(`${base}\n`), {}).products.size).toBe(0);
});

test.each([
  ['[slapproxy]\ncomputer_id = C\n', /database-uri is required\./],
  ['[slapproxy]\ndatabase_uri = x\n', /computer_id is required/],
  ['[slapproxy]\ncomputer_id = C\ndatabase_uri = x\nport = http\n', /port http is not a TCP port/],
  ['[slapproxy]\ncomputer_id = C\ndatabase_uri = x\nport = 70000\n', /port 70000/],
  [
    '[slapproxy]\ncomputer_id = C\ndatabase_uri = x\nsoftware_product_list = kvm\n',
    /not a name and an address: kvm/,
  ],
])('%j', (text, reason) => {
  expect(() => parseProxyOptions(config(text), {})).toThrow(reason);
});

test('a section multimaster tells how to reach the Master and what it is for', () => {
  const file = config(`[slapos]
computer_id = C
[slapproxy]
database_uri = x
[multimaster/https://m/]
key = /k
cert = /c
software_release_list =
  https://a/software.cfg

  https://b/software.cfg
computer = COMP-9
partition = slappart3
master_ca_file = /ca
master_tls_verify = false
`);
  expect(parseProxyOptions(file, {}).externalMasters).toEqual([
    {
      url: 'https://m/',
      keyFile: '/k',
      certFile: '/c',
      caFile: '/ca',
      isTlsVerified: false,
      softwareReleases: ['https://a/software.cfg', 'https://b/software.cfg'],
      computerId: 'COMP-9',
      partitionId: 'slappart3',
    },
  ]);
});
