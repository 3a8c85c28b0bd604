/** TLS between the proxy and a PostgreSQL server with a certificate for its address. */
import { chmodSync, chownSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Logger } from '../../src/log/logger.ts';
import { silentLogger } from '../../src/log/logger.ts';
import { openStore } from '../../src/proxy/store-open.ts';
import { type PostgresServer, startPostgres } from '../support/postgres-server.ts';
import { TestAuthority } from '../support/test-authority.ts';

const NOBODY = 65534;

let folder: string;
let server: PostgresServer;
let uri: string;
let root: string;
let warnings: string[];
const log: Logger = { ...silentLogger, warning: (message) => void warnings.push(message) };

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'slapos-pgtls-'));
  chmodSync(folder, 0o755);
  const authority = new TestAuthority();
  // For localhost too it would not be seen whether the address is looked at.
  const { key, certificate } = authority.issue({ commonName: 'db', hosts: ['127.0.0.1'] });
  const [keyFile, certificateFile] = [join(folder, 'key'), join(folder, 'certificate')];
  root = join(folder, 'root');
  writeFileSync(root, authority.certificate);
  writeFileSync(certificateFile, certificate);
  writeFileSync(keyFile, key, { mode: 0o600 });
  if (process.getuid?.() === 0) chownSync(keyFile, NOBODY, NOBODY);
  const settings = { ssl: 'on', ssl_key_file: keyFile, ssl_cert_file: certificateFile };
  server = await startPostgres({ settings, hasFsync: true });
  uri = await server.createDatabase();
});
afterAll(async () => {
  await server.close();
  rmSync(folder, { recursive: true });
});

async function open(query: string, host = '127.0.0.1'): Promise<boolean> {
  warnings = [];
  const store = await openStore(`${uri.replace('127.0.0.1', host)}?${query}`, 'COMP-1', log);
  const rows = await server.query(
    `SELECT ssl FROM pg_stat_ssl JOIN pg_stat_activity USING (pid)
     WHERE application_name = 'slapos proxy'`,
  );
  await store.close();
  return rows.length > 0 && rows.every((row) => row['ssl'] === true);
}

test('with the authority of the server, and the address that its certificate is for', async () => {
  expect(await open(`sslmode=verify-full&sslrootcert=${root}`)).toBe(true);
});

test.each([
  ['whom nobody vouches for', 'sslmode=verify-full', '127.0.0.1', /certificate/],
  ['of no authority that is named', 'sslmode=verify-ca', '127.0.0.1', /without sslrootcert/],
  [
    'with a certificate for another name',
    'sslmode=verify-full',
    'localhost',
    /does not match certificate/,
  ],
])('a server %s is refused at once', async (_what, query, host, expected) => {
  const authority = host === 'localhost' ? `&sslrootcert=${root}` : '';
  await expect(open(query + authority, host)).rejects.toMatchObject({
    code: 'SLAPOS_ERR_DATABASE',
    message: expect.stringMatching(expected),
  });
});

test('verify-ca does not look at the name, require at nothing', async () => {
  expect(await open(`sslmode=verify-ca&sslrootcert=${root}`, 'localhost')).toBe(true);
  expect(await open('sslmode=require', 'localhost')).toBe(true);
  expect(warnings).toEqual([]);
});

test('require asks an authority that is named', async () => {
  expect(await open(`sslmode=require&sslrootcert=${root}`, 'localhost')).toBe(true);
  const other = join(folder, 'other');
  writeFileSync(other, new TestAuthority().certificate);
  await expect(open(`sslmode=require&sslrootcert=${other}`)).rejects.toMatchObject({
    code: 'SLAPOS_ERR_DATABASE',
    message: expect.stringMatching(/certificate|issuer/),
  });
});

test('files of certificates that are not there', async () => {
  await expect(open(`sslmode=verify-full&sslrootcert=${root}x`)).rejects.toMatchObject({
    message: expect.stringContaining('cannot be read'),
  });
});
