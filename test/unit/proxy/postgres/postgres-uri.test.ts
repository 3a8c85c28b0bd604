import { describe, expect, test } from 'vitest';
import { parsePostgresUri } from '../../../../src/proxy/postgres/postgres-uri.ts';

const parse = (uri: string) => parsePostgresUri(uri, () => 'me');

test.each<[string, object]>([
  [
    'postgres://u:p%40%2F@db.example.com:6000/slap',
    { host: 'db.example.com', port: 6000, user: 'u', password: 'p@/', database: 'slap' },
  ],
  ['postgresql://db/', { host: 'db', port: 5432, user: 'me', database: 'me', schema: 'slapos' }],
  ['postgres://', { host: '/var/run/postgresql', user: 'me', database: 'me', sslMode: 'disable' }],
  ['postgres:///slap?host=/tmp&port=6000', { host: '/tmp', port: 6000, database: 'slap' }],
  ['postgres://u@%2Frun%2Fpg/slap', { host: '/run/pg', user: 'u', sslMode: 'disable' }],
  ['postgres://[::1]:6000/d', { host: '::1', port: 6000, sslMode: 'disable' }],
  ['postgres://[2001:db8::1]/d', { host: '2001:db8::1', sslMode: 'verify-full' }],
  ['postgres://localhost/d', { sslMode: 'disable' }],
  ['postgres://localhost.example.com/d', { sslMode: 'verify-full' }],
  [
    'postgres://h/d?sslmode=verify-ca&sslrootcert=/ca',
    { sslMode: 'verify-ca', rootCertificateFile: '/ca' },
  ],
  ['postgres://h/d?sslmode=require', { sslMode: 'require', rootCertificateFile: undefined }],
  // Who names an authority has it asked, as libpq does.
  [
    'postgres://h/d?sslmode=require&sslrootcert=/ca',
    { sslMode: 'verify-ca', rootCertificateFile: '/ca' },
  ],
  [
    'postgres://h/d?schema=two&pool_size=3&statement_timeout=500',
    { schema: 'two', poolSize: 3, statementTimeoutMs: 500 },
  ],
  ['postgres://h/d?connect_timeout=2&passfile=/f', { connectTimeoutMs: 2000, passwordFile: '/f' }],
])('%s', (uri, expected) => {
  expect(parse(uri)).toMatchObject(expected);
});

describe('refuses in one line that does not tell the password', () => {
  test.each([
    ['postgres://u:secret@h1,h2/d', /several hosts/],
    ['postgres://u:secret@h:0/d', /port is not a number/],
    ['postgres://u:secret@h:x/d', /port is not a number/],
    ['postgres://u:secret/d', /port is not a number/],
    ['postgres://u:secret@h/d?sslmode=prefer', /sslmode is not one of disable, require/],
    ['postgres://u:secret@h/d?sslmod=require', /unknown parameter sslmod/],
    ['postgres://u:secret@h/d?sslmode=verify-ca', /proves nothing without sslrootcert/],
    ['postgres://h/d?password=ab&secret', /unknown parameter\./],
    ['postgres://h/d?password=ab&secret=1&schema=s', /unknown parameter\./],
    ['postgres://u:se?secret@h/d', /unknown parameter\./],
    ['postgres://h/d?pasword=secret', /unknown parameter pasword\./],
    ['postgres://u:secret@h/d?schema=A', /schema does not match/],
    ['postgres://u:secret@h/d?schema=a"b', /schema does not match/],
    ['postgres://u:secret@h/d?pool_size=0', /pool_size is not a number from 1 to 1000/],
    ['postgres://u:secret%@h/d', /two hexadecimal digits/],
    ['postgres://u:sec/ret@h/d', /./],
  ])('%s', (uri, expected) => {
    let message = '';
    try {
      parse(uri);
    } catch (error) {
      message = String((error as Error).message);
      expect(error).toMatchObject({ code: 'SLAPOS_ERR_DATABASE' });
    }
    expect(message).toMatch(expected);
    expect(message).not.toMatch(/secret|sec\/ret|\n/);
  });
});

test('the user of this process is only looked for where no other is named', () => {
  const none = () => {
    throw new Error('no name');
  };
  expect(parsePostgresUri('postgres://u@h/d', none)).toMatchObject({ user: 'u' });
  expect(parsePostgresUri('postgres://h/d?user=u', none)).toMatchObject({ user: 'u' });
  expect(() => parsePostgresUri('postgres://h/d', none)).toThrow('no name');
});

test('an address of several lines is refused in one', () => {
  expect(() => parse(`\n${'x'.repeat(5000)}`)).toThrow(/^Database x{300}…: it cannot be read\.$/);
});
