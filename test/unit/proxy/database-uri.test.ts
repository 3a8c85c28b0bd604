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
  ['postgres://[::1]:5432/d', 'postgres://[::1]:5432/d'],
  ['postgres://[::1]/d', 'postgres://[::1]/d'],
  // An & that is not encoded may be of the password.
  ['postgres://h/d?user=u&password=sec&ret', 'postgres://h/d?user=u&password=***'],
  ['postgres://h/d?PGpasword=secret', 'postgres://h/d?PGpasword=***'],
  ['"postgres://u:secret@h/d"', '"postgres://u:***@h/d"'],
  ['/x/postgressql:/u:secret@h/d', '/x/postgressql:/u:***@h/d'],
  [
    'Database postgresql+psycopg2://u:se:cr@et@h/d: no',
    'Database postgresql+psycopg2://u:***@h/d: no',
  ],
  ['host=h password=secret dbname=d', 'host=h password=***'],
  ['/srv/a:secret@b.db', '/srv/a:secret@b.db'],
])('%s is shown as %s', (uri, shown) => {
  expect(redactDatabaseUri(uri)).toBe(shown);
});

test('what is kept beside the database has a folder', () => {
  const file = { databaseUri: 'data/proxy.db' };
  const server = { databaseUri: 'postgres://h/d' };
  const never = () => {
    throw new Error('asked for');
  };
  const of = (one: object, env: Record<string, string>, more: object = {}) =>
    locateState(one as typeof file, { cwd: '/srv', env, uid: 0, findHome: never, ...more });
  const user = { uid: 1000, findHome: () => '/home/u' };
  expect(of(file, { STATE_DIRECTORY: '/var/lib/slapos' })).toBe('/srv/data');
  expect(of(server, { STATE_DIRECTORY: '/var/lib/slapos:/x' }, user)).toBe('/var/lib/slapos');
  expect(of(server, {})).toBe('/var/lib/slapos-proxy');
  expect(of(server, { XDG_STATE_HOME: '/s' })).toBe('/var/lib/slapos-proxy');
  expect(of(server, { XDG_STATE_HOME: '/s' }, { uid: 1000 })).toBe('/s/slapos-proxy');
  const ofUser = '/home/u/.local/state/slapos-proxy';
  expect(of(server, {}, user)).toBe(ofUser);
  // Of the folder that a command is started in nothing is made.
  expect(of(server, { XDG_STATE_HOME: 's', STATE_DIRECTORY: 'd' }, user)).toBe(ofUser);
  for (const one of [file, server]) {
    expect(of({ ...one, stateFolder: 'state' }, {}, user)).toBe('/srv/state');
  }
  for (const home of [undefined, '', 'relative']) {
    expect(() => of(server, {}, { uid: 1000, findHome: () => home })).toThrow(
      expect.objectContaining({
        code: 'SLAPOS_ERR_FILE',
        hint: expect.stringContaining('Set state_folder in [slapproxy]'),
      }),
    );
  }
});

test.each([
  'postgressql://slapos:s3cret@db/slapos',
  'postgresql+psycopg2://slapos:s3cret@db/slapos',
  '"postgres://slapos:s3cret@db/slapos"',
  "'postgres://slapos:s3cret@db/slapos'",
  ' postgres://slapos:s3cret@db/slapos',
  'postgres:/slapos:s3cret@db/slapos',
  'postgres:slapos:s3cret@db/slapos',
  'sqlite:///srv/proxy.db',
  'mysql://slapos:s3cret@db/slapos',
  'host=db user=slapos password=s3cret',
])('%s is taken for no path', (uri) => {
  const refusal = (): unknown => {
    try {
      return locateDatabase('/x', uri);
    } catch (error) {
      return error;
    }
  };
  expect(refusal()).toMatchObject({
    code: 'SLAPOS_ERR_DATABASE',
    message: expect.not.stringContaining('s3cret'),
    hint: expect.stringContaining('postgres://user@host/database'),
  });
  expect(JSON.stringify((refusal() as { context: unknown }).context)).not.toContain('s3cret');
});

test.each(['proxy.db', './postgres.db', '/srv/a=b:c/proxy.db', 'postgres', 'C:x.db', ':memory:'])(
  '%s is a path',
  (path) => {
    expect(locateDatabase('/x', path)).toMatch(/^\//);
  },
);
