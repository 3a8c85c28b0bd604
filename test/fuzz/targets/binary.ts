/** Bytes: archives of caches, certificates, tables of the addon. */
import { encodeTarHeader, encodeTarPadding } from '../../../src/collect/tar.ts';
import { decodeProcTable, listSamples } from '../../../src/host/proc.ts';
import { ArchiveInspector, type ArchiveMember } from '../../../src/networkcache/archive.ts';
import { parseCertificate } from '../../../src/pki/certificate.ts';
import {
  decodeOrRefuse,
  ensure,
  ensureSame,
  type FuzzTarget,
  gives,
  textTarget,
} from '../driver/target.ts';

const LIMITS = { plainBytes: 1024 * 1024, diskBytes: 1024 * 1024 };

/** Members of an archive that comes in pieces of this size; the reason where it is refused. */
function inspect(bytes: Buffer, pieceBytes: number): readonly ArchiveMember[] | string {
  const members: ArchiveMember[] = [];
  const inspector = new ArchiveInspector('top', LIMITS, (member) => members.push(member));
  try {
    for (let at = 0; at < bytes.length; at += pieceBytes) {
      inspector.take(bytes.subarray(at, at + pieceBytes));
    }
    inspector.end();
    return members;
  } catch (error) {
    ensure(error instanceof Error && error.constructor === Error, `${error}`);
    ensure(
      !/[\n\r]/.test(error.message) && error.message.length < 10_000,
      error.message.slice(0, 200),
    );
    return error.message;
  }
}

function tarOf(members: ReadonlyArray<readonly [name: string, content: string]>): Buffer {
  const pieces = members.flatMap(([name, content]) => [
    encodeTarHeader({ name, sizeBytes: content.length, mode: 0o644, modifiedS: 1 } as never),
    Buffer.from(content),
    encodeTarPadding(content.length),
  ]);
  return Buffer.concat([...pieces, Buffer.alloc(1024)]);
}

const CERTIFICATE = `-----BEGIN CERTIFICATE-----
MIIBtjCCAVugAwIBAgIUYpnO6it6vmmkO+1zx3gtjIXdqsAwCgYIKoZIzj0EAwIw
MDELMAkGA1UEBhMCRlIxEDAOBgNVBAoMB0V4YW1wbGUxDzANBgNVBAMMBkNPTVAt
MTAeFw0yNjExMjExODU0MjZaFw0zNjExMTgxODU0MjZaMDAxCzAJBgNVBAYTAkZS
MRAwDgYDVQQKDAdFeGFtcGxlMQ8wDQYDVQQDDAZDT01QLTEwWTATBgcqhkjOPQIB
BggqhkjOPQMBBwNCAAQIV1fJD2/oza/XrwWgpH6EQpbK4x9+fLAXB4PQ45o5czZQ
C/Db2R3jwjI60OiuLjDOGNegVnqJqnkd0qj/To9/o1MwUTAdBgNVHQ4EFgQUV+ip
wMDuki6LAMrXgj3PxXYAoUMwHwYDVR0jBBgwFoAUV+ipwMDuki6LAMrXgj3PxXYA
oUMwDwYDVR0TAQH/BAUwAwEB/zAKBggqhkjOPQQDAgNJADBGAiEAieJUB3A9ab8q
f0f55lNYPbf+TytWtCRky1H7S8UzmicCIQDXoEYGtaJSOXIHnpRy3Rn9wW8sUnF4
6wH3y3w/UULO/g==
-----END CERTIFICATE-----
`;

export const targets: readonly FuzzTarget[] = [
  {
    name: 'tar',
    shape: 'bytes',
    maxBytes: 8192,
    seeds: [
      tarOf([
        ['top/a', 'content'],
        ['top/b', ''],
      ]),
    ],
    words: [
      'top',
      'top/',
      'top/../x',
      '/etc/passwd',
      'ustar\0' + '00',
      'ustar  \0',
      '30 path=top/long\n',
      '20 linkpath=../x\n',
      '12 size=99\n',
    ],
    run(input) {
      const bytes = Buffer.from(input);
      repairChecksums(bytes);
      const found = inspect(bytes, 4096);
      ensureSame(inspect(bytes, 100), found, 'in other pieces');
      if (typeof found === 'string') return;
      for (const { name, sizeBytes } of found) {
        ensure(name === 'top' || name.startsWith('top/'), name);
        ensure(!name.split('/').includes('..') && sizeBytes >= 0, name);
      }
    },
  },
  textTarget({
    name: 'certificate',
    shape: 'lines',
    seeds: [CERTIFICATE],
    run(text) {
      const facts = decodeOrRefuse(() => parseCertificate(text), ['SLAPOS_ERR_CERTIFICATE']);
      if (facts !== undefined) ensure(Number.isFinite(facts.notAfterMs), 'a date');
    },
  }),
  {
    name: 'certificate-der',
    shape: 'bytes',
    seeds: [Buffer.from(CERTIFICATE.split('\n').slice(1, -2).join(''), 'base64')],
    run(input) {
      const lines =
        Buffer.from(input)
          .toString('base64')
          .match(/.{1,64}/g) ?? [];
      const pem = `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`;
      const facts = decodeOrRefuse(() => parseCertificate(pem), ['SLAPOS_ERR_CERTIFICATE']);
      if (facts !== undefined) ensure(Number.isFinite(facts.notAfterMs), 'a date');
    },
  },
  {
    name: 'process-table',
    shape: 'bytes',
    seeds: [Buffer.alloc(152, 0x41)],
    run(input) {
      const bytes = Buffer.from(input);
      const whole = bytes.buffer.slice(
        bytes.byteOffset,
        bytes.byteOffset + bytes.length - (bytes.length % 152),
      );
      const samples = gives(() => listSamples(decodeProcTable(whole)), []) ?? [];
      for (const { comm } of samples) ensure(comm.length <= 16, comm);
    },
  },
];

/** Almost no change of a header leaves its sum right, and then nothing else would ever be looked at. */
function repairChecksums(bytes: Buffer): void {
  for (let at = 0; at + 512 <= bytes.length; at += 512) {
    if (bytes[at + 512 - 1] !== 0 || bytes.toString('latin1', at + 257, at + 262) !== 'ustar')
      continue;
    bytes.fill(0x20, at + 148, at + 156);
    const sum = bytes.subarray(at, at + 512).reduce((total, byte) => total + byte, 0);
    bytes.write(`${sum.toString(8).padStart(6, '0')}\0 `, at + 148, 'latin1');
  }
}
