import { expect, it } from 'vitest';
import {
  findPrefix,
  parseCertificateList,
  readBinaryCacheOptions,
} from '../../../src/config/binary-cache-options.ts';
import { mergeGridSettings } from '../../../src/config/grid-settings.ts';
import { parseConfig } from '../../../src/config/read.ts';

const PEM = '-----BEGIN CERTIFICATE-----\nMII=\n-----END CERTIFICATE-----';

function read(text: string) {
  return readBinaryCacheOptions(mergeGridSettings(parseConfig(text, 'slapos.cfg'), {}));
}

it('reads lists, certificates and files', () => {
  const options = read(`[slapos]
signature_private_key_file = /old.key
[networkcache]
download-binary-cache-url = http://cache
download-binary-dir-url =
shacache-ca-file = /ca
shadir-key-file = /key
signature-certificate-list =
  # one
  ${PEM.replaceAll('\n', '\n  ')}
  ${PEM.replaceAll('\n', '\n  ')}
binary-cache-url-blacklist = http://old
download-from-binary-cache-force-url-list =
  http://a/

  http://b/
`);
  expect(options).toEqual({
    downloadCacheUrl: 'http://cache',
    downloadDirUrl: undefined,
    uploadCacheUrl: undefined,
    uploadDirUrl: undefined,
    privateKeyFile: '/old.key',
    certificates: [PEM, PEM],
    cacheTls: { caFile: '/ca' },
    dirTls: { keyFile: '/key' },
    downloadBlacklist: ['http://old'],
    uploadBlacklist: [],
    forceList: ['http://a/', 'http://b/'],
  });
});

it('prefers the new names', () => {
  const options = read(`[networkcache]
signature-private-key-file = /new.key
signature_private_key_file = /old.key
download-from-binary-cache-url-blacklist = http://new
binary-cache-url-blacklist = http://old
`);
  expect(options.privateKeyFile).toBe('/new.key');
  expect(options.downloadBlacklist).toEqual(['http://new']);
});

it('finds the beginning of a URL in a list', () => {
  expect(findPrefix(['http://x', '/'], '/local/software.cfg')).toBe('/');
  expect(findPrefix(['http://example.com'], 'http://example.com/software.cfg')).toBeDefined();
  expect(findPrefix(['http://example.com/a'], 'http://example.com/software.cfg')).toBeUndefined();
  expect(parseCertificateList('')).toEqual([]);
});
