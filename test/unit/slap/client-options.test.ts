import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readConfig } from '../../../src/config/read.ts';
import { parseClientOptions, parseMasterOptions } from '../../../src/slap/client-options.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'slapos-client-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

const ENV = { HOME: '/home/me' };
function config(text: string) {
  const path = join(folder, 'client.cfg');
  writeFileSync(path, text);
  return readConfig(path);
}

test('the address comes from section slapos, the certificate from slapconsole first', () => {
  const file = config(`[slapos]
master_url = https://slap.example.com/
master_rest_url = https://api.example.com/hateoas
key_file = /other.key
cert_file = /other.crt
master_ca_file = ~/ca.pem
[slapconsole]
master_url = https://ignored/
key_file = ~/client.key
cert_file = ~/client.crt
type = demo
state =
alias =
  kvm https://example.com/kvm.cfg
  erp5  https://example.com/erp5.cfg
`);
  expect(parseClientOptions(file, ENV)).toMatchObject({
    masterUrl: 'https://slap.example.com/',
    masterRestUrl: 'https://api.example.com/hateoas',
    keyFile: '/home/me/client.key',
    certFile: '/home/me/client.crt',
    caFile: '/home/me/ca.pem',
    isTlsVerified: true,
    aliases: new Map([
      ['kvm', 'https://example.com/kvm.cfg'],
      ['erp5', 'https://example.com/erp5.cfg'],
    ]),
  });
  const { defaults } = parseClientOptions(file, ENV);
  expect([defaults.get('type'), defaults.has('state')]).toEqual(['demo', false]);
  expect(parseMasterOptions(file, ENV)).toMatchObject({ keyFile: '/other.key' });
});

test('the command line wins over both', () => {
  const file = config(`[slapos]
master_url = https://slap.example.com/
master_rest_url = https://api.example.com/hateoas
key_file = /other.key
cert_file = /other.crt
[slapconsole]
cert_file = /client.crt
`);
  const given = { masterUrl: 'https://given/', keyFile: '~/given.key' };
  expect(parseClientOptions(file, ENV, given)).toMatchObject({
    masterUrl: 'https://given/',
    // What the file says of another Master does not count.
    masterRestUrl: undefined,
    keyFile: '/home/me/given.key',
    certFile: '/client.crt',
  });
  const empty = config('[slapos]\n');
  expect(parseClientOptions(empty, ENV, { masterUrl: 'http://given/' })).toMatchObject({
    masterUrl: 'http://given/',
  });
  const other = config('[slapos]\nkey_file = /k\ncert_file = /c\n');
  const half = { masterUrl: 'https://given/', keyFile: '/given.key' };
  expect(() => parseClientOptions(other, ENV, half)).toThrow(/No option 'key_file' and/);
});

test('a plain local Master needs nothing else', () => {
  expect(
    parseClientOptions(config('[slapos]\nmaster_url = http://127.0.0.1:5000\n'), ENV),
  ).toMatchObject({
    keyFile: undefined,
    certFile: undefined,
    masterRestUrl: undefined,
    aliases: new Map(),
  });
});

test('verification can be turned off', () => {
  const text = '[slapos]\nmaster_url = http://x\nmaster_tls_verify = no\n';
  expect(parseClientOptions(config(text), ENV).isTlsVerified).toBe(false);
});

test.each([
  ['[other]\n', /No section: 'slapos'/],
  ['[slapos]\n', /No option 'master_url'/],
  ['[slapos]\nmaster_url = https://x\n', /No option 'key_file' and\/or 'cert_file'/],
  ['[slapos]\nmaster_url = http://x\nkey_file = /k\n', /No option 'key_file' and\/or 'cert_file'/],
  [
    '[slapos]\nmaster_url = http://x\nmaster_tls_verify = maybe\n',
    /maybe is neither true nor false/,
  ],
  [
    '[slapos]\nmaster_url = http://x\n[slapconsole]\nalias = kvm\n',
    /not a name and an address: kvm/,
  ],
])('%j', (text, reason) => {
  expect(() => parseClientOptions(config(text), ENV)).toThrow(reason);
});
