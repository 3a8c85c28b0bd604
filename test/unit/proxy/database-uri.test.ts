import { expect, test } from 'vitest';
import {
  isPostgresUri,
  locateDatabase,
  locateState,
  redactDatabaseUri,
} from '../../../src/proxy/database-uri.ts';

test('an address of a server is told from a path', () => {
  expect(isPostgresUri('postgres://h/d')).toBe(true);
  expect(isPostgresUri('PostgreSQL://h/d')).toBe(true);
  expect(isPostgresUri('/srv/postgres.db')).toBe(false);
  expect(locateDatabase('/srv', 'proxy.db')).toBe('/srv/proxy.db');
  expect(locateDatabase('/srv', 'postgres://h/d')).toBe('postgres://h/d');
});

test.each([
  ['postgres://u:secret@h:5432/d', 'postgres://u:***@h:5432/d'],
  ['postgres://u@h/d?passfile=/f', 'postgres://u@h/d?passfile=/f'],
  ['postgres://h:5432/d', 'postgres://h:5432/d'],
  ['postgres://u:se/cret@h/d', 'postgres://u:***@h/d'],
  ['postgres://u:se@cret?#@h/d', 'postgres://u:***@h/d'],
  ['postgres://u:secret/d', 'postgres://u:***'],
  ['postgres://h/d?user=u&password=secret&schema=s', 'postgres://h/d?user=u&password=***&schema=s'],
  ['/srv/a:secret@b.db', '/srv/a:secret@b.db'],
])('%s is shown as %s', (uri, shown) => {
  expect(redactDatabaseUri(uri)).toBe(shown);
});

test('what is kept beside the database has a folder', () => {
  const file = { databaseUri: 'data/proxy.db' };
  const server = { databaseUri: 'postgres://h/d' };
  expect(locateState('/srv', file, {})).toBe('/srv/data');
  expect(locateState('/srv', server, {})).toBe('/srv');
  expect(locateState('/', server, { STATE_DIRECTORY: '/var/lib/slapos:/x' })).toBe(
    '/var/lib/slapos',
  );
  expect(locateState('/srv', file, { STATE_DIRECTORY: '/var/lib/slapos' })).toBe('/srv/data');
  for (const one of [file, server]) {
    expect(locateState('/srv', { ...one, stateFolder: 'state' }, {})).toBe('/srv/state');
  }
});
