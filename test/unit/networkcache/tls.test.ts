/** Caches of https: whose certificate is believed, and what is said of the others. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import type { ServerOptions } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createCacheClient } from '../../../src/networkcache/client.ts';
import type { TlsFiles } from '../../../src/networkcache/http.ts';
import { startCacheServer } from '../../support/cache-server.ts';
import { createLoopbackCertificate } from '../../support/loopback-certificate.ts';

const folder = mkdtempSync(join(tmpdir(), 'slapos-cache-tls-'));
const certificates = {
  good: createLoopbackCertificate('cache'),
  other: createLoopbackCertificate('somebody'),
  expired: createLoopbackCertificate('cache', '127.0.0.1', -10),
  early: createLoopbackCertificate('cache', '127.0.0.1', 5),
  renamed: createLoopbackCertificate('cache', '127.9.9.9'),
  node: createLoopbackCertificate('node'),
};
type Name = keyof typeof certificates;
const file = (name: Name) => join(folder, `${name}.crt`);
const keyFile = (name: Name) => join(folder, `${name}.key`);

beforeAll(() => {
  for (const [name, { certificate, key }] of Object.entries(certificates)) {
    writeFileSync(file(name as Name), certificate);
    writeFileSync(keyFile(name as Name), key);
  }
});
afterAll(() => rmSync(folder, { recursive: true }));

/** What a lookup says of a server with this certificate. */
async function lookUp(server: Name, tls: TlsFiles, more: ServerOptions = {}): Promise<unknown> {
  const { certificate, key } = certificates[server];
  const cache = await startCacheServer({ cert: certificate, key, ...more });
  cache.entries.set('k', [['{}', '']]);
  const servers = { ...cache, cacheTls: {}, dirTls: tls };
  try {
    const entries = await createCacheClient(servers, new AbortController().signal).lookUp('k');
    return { entries, seen: cache.seen };
  } catch (error) {
    const { hint, message } = error as { message: string; hint?: string };
    return { hint, message: message.replace(/127.0.0.1:\d+/, 'cache'), seen: cache.seen };
  } finally {
    await cache.close();
  }
}

it('believes the authority that is configured', async () => {
  expect(await lookUp('good', { caFile: file('good') })).toEqual({
    entries: [{ text: '{}', signature: '' }],
    seen: ['GET /dir/k'],
  });
});

it.each<[string, Name, TlsFiles, string, string | undefined]>([
  [
    'an unknown authority',
    'good',
    {},
    'self-signed certificate',
    'its certificate is signed by none of the authorities of this system: see shacache-ca-file and shadir-ca-file',
  ],
  ['another authority', 'good', { caFile: file('other') }, 'certificate', file('other')],
  [
    'a certificate that is over',
    'expired',
    { caFile: file('expired') },
    'certificate has expired',
    'renew it there, or set the clock here',
  ],
  [
    'a certificate of the future',
    'early',
    { caFile: file('early') },
    'certificate is not yet valid',
    'set the clock',
  ],
  [
    'a certificate of another host',
    'renamed',
    { caFile: file('renamed') },
    'does not match certificate',
    'use the name that the certificate of the server has',
  ],
])('asks nothing of a server with %s', async (_what, server, tls, message, hint) => {
  const said = (await lookUp(server, tls)) as { message: string; hint?: string; seen: unknown };
  expect(said.message).toContain(message);
  expect(said.hint).toContain(hint);
  expect(said.seen).toEqual([]);
});

it('shows its own certificate to who asks for one', async () => {
  const wanted = { requestCert: true, rejectUnauthorized: true, ca: certificates.node.certificate };
  const caFile = file('good');
  expect(await lookUp('good', { caFile }, wanted)).toMatchObject({ seen: [] });
  const own = { caFile, certFile: file('node'), keyFile: keyFile('node') };
  expect(await lookUp('good', own, wanted)).toMatchObject({ seen: ['GET /dir/k'] });
});

it('says which file cannot be read', async () => {
  const said = (await lookUp('good', { caFile: join(folder, 'none') })) as { message: string };
  expect(said.message).toContain(join(folder, 'none'));
});
