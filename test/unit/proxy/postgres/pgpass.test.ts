import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { findPassword, searchPasswords } from '../../../../src/proxy/postgres/pgpass.ts';
import { parsePostgresUri } from '../../../../src/proxy/postgres/postgres-uri.ts';

const target = parsePostgresUri('postgres://u@db:6000/slap', () => 'me');

test.each([
  ['db:6000:slap:u:right', 'right'],
  ['# db:6000:slap:u:wrong\n\ndb:6000:slap:u:right', 'right'],
  ['db:6000:slap:u:first\ndb:6000:slap:u:second', 'first'],
  ['*:*:*:*:any', 'any'],
  ['db:6001:slap:u:wrong\ndb:6000:other:u:wrong\ndb:6000:slap:v:wrong\n*:*:*:*:any\r\n', 'any'],
  ['db:6000:slap:u:a\\:b\\\\c', 'a:b\\c'],
  ['db:6000:slap:u:a:b', 'a:b'],
  ['db:6000:slap:u', undefined],
  ['', undefined],
])('%j has %j', (text, password) => {
  expect(searchPasswords(text, target)).toBe(password);
});

test('a unix socket is localhost there, or its folder', () => {
  const socket = { ...target, host: '/run/pg' };
  expect(searchPasswords('localhost:*:*:*:a', socket)).toBe('a');
  expect(searchPasswords('/run/pg:*:*:*:b', socket)).toBe('b');
});

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'slapos-pgpass-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

test('the address goes first, then the environment, then the file', () => {
  writeFileSync(join(folder, '.pgpass'), '*:*:*:*:file', { mode: 0o600 });
  const find = (password: string | undefined, env: Record<string, string>) => {
    return findPassword({ ...target, password }, { env, findHome: () => folder });
  };
  expect(find('address', { PGPASSWORD: 'environment' })).toBe('address');
  expect(find(undefined, { PGPASSWORD: 'environment' })).toBe('environment');
  expect(find(undefined, {})).toBe('file');
});

test('a file that others may read is refused, a named one must be there', () => {
  const path = join(folder, 'pass');
  const find = (passwordFile: string) => {
    return findPassword({ ...target, passwordFile }, { env: {}, findHome: () => folder });
  };
  expect(findPassword(target, { env: {}, findHome: () => folder })).toBeUndefined();
  expect(() => find(path)).toThrow(/cannot be read/);
  writeFileSync(path, '*:*:*:*:secret');
  chmodSync(path, 0o640);
  expect(() => find(path)).toThrow(/0600/);
  chmodSync(path, 0o600);
  expect(find(path)).toBe('secret');
});

test('a home is only looked for where no file is named, and there may be none', () => {
  const file = join(folder, 'named');
  writeFileSync(file, '*:*:*:*:named', { mode: 0o600 });
  const never = () => {
    throw new Error('asked for');
  };
  const named = { ...target, passwordFile: file };
  expect(findPassword(named, { env: {}, findHome: never })).toBe('named');
  expect(findPassword(target, { env: { PGPASSFILE: file }, findHome: never })).toBe('named');
  expect(findPassword(target, { env: { PGPASSWORD: 'p' }, findHome: never })).toBe('p');
  expect(findPassword(target, { env: {}, findHome: () => undefined })).toBeUndefined();
});
