import { describe, expect, test } from 'vitest';
import { createConfig, emptyConfig, parseConfig } from '../../../src/config/read.ts';

const TEXT = `# before
[DEFAULT]
home = /opt
[slapos]
Key: one
list =
  a
  # a comment inside
  b

  c

url = http://h/%(path)s%%20b
path = %(home)s/x
[empty]
`;

describe('a parsed file', () => {
  const config = parseConfig(TEXT, 'F');

  test('has sections in file order, without DEFAULT', () => {
    expect(config.sections()).toEqual(['slapos', 'empty']);
    expect(config.hasSection('DEFAULT')).toBe(false);
    expect(config.hasSection('Slapos')).toBe(false);
  });

  test('gives values without regard to the case of keys', () => {
    expect(config.get('slapos', 'KEY')).toBe('one');
    expect(config.get('slapos', 'list')).toBe('\na\nb\n\nc');
    expect(config.get('slapos', 'url')).toBe('http://h//opt/x%20b');
    expect(config.get('slapos', 'nope')).toBeUndefined();
    expect(config.get('nope', 'home')).toBeUndefined();
  });

  test('merges the defaults into every section', () => {
    expect(config.get('empty', 'home')).toBe('/opt');
    expect([...config.items('empty')]).toEqual([['home', '/opt']]);
    expect(config.items('nope').size).toBe(0);
    expect(config.ownKeys('slapos')).toEqual(['key', 'list', 'url', 'path']);
  });

  test('tells where a key stands', () => {
    expect(config.locate('slapos', 'list')).toEqual({ file: 'F', line: 6 });
    expect(config.locate('empty', 'home')).toEqual({ file: 'F', line: 3 });
    expect(config.locate('empty', 'nope')).toBeUndefined();
  });

  test('an empty one has nothing', () => {
    expect(emptyConfig('F').sections()).toEqual([]);
    expect(createConfig({ path: 'F', defaults: new Map(), sections: new Map() }).path).toBe('F');
  });
});

describe('refusals name file, line, section and key', () => {
  test.each([
    ['a = 1', "File contains no section headers: 'F' [line 1]", { line: 1 }],
    ['\ufeff[s]', "File contains no section headers: 'F' [line 1]", { line: 1 }],
    ['[s]\nkey', "Source contains parsing errors: 'F' [line 2]: 'key'", { line: 2, section: 's' }],
    ['[s]\n= v', "Source contains parsing errors: 'F' [line 2]: '= v'", { section: 's' }],
    [
      '[s]\na=1\n\n[t]\n[s]',
      "While reading from 'F' [line 5]: section 's' already exists",
      { line: 5, section: 's' },
    ],
    [
      '[s]\na=1\nA = 2',
      "While reading from 'F' [line 3]: option 'a' in section 's' already exists",
      { line: 3, section: 's', key: 'a' },
    ],
  ])('%j', (text, message, context) => {
    expect(() => parseConfig(text, 'F')).toThrow(
      expect.objectContaining({
        code: 'SLAPOS_ERR_CONFIG_SYNTAX',
        message: expect.stringContaining(message),
        hint: expect.any(String),
        context: expect.objectContaining({ file: 'F', ...context }),
      }),
    );
  });

  test.each([
    ['database_uri = postgres://u:s3c%40ret@h/d', 'database_uri'],
    ['database_uri = postgres://h/d?password=%40s3cret', 'database_uri'],
    ['my_password = %40s3cret', 'my_password'],
    ['url = http://u:s3c%40ret@h/', 'url'],
    ['line = db password=%40s3cret', 'line'],
    ['shown = %(password)s\npassword = %40s3cret', 'shown'],
    ['shown = %(url)s\nurl = http://u:%(ret@h/', 'shown'],
  ])('does not repeat a password that has a per cent sign: %j', (lines, key) => {
    const config = parseConfig(`[slapos]\n${lines}\n`, 'F');
    const get = () => config.get('slapos', key);
    expect(get).toThrow(/\(not shown\)/);
    expect(get).not.toThrow(/%40|ret/);
  });

  test.each([
    ['a%20b', "'%' must be followed by '%' or '(', found: '%20b'"],
    ['100%', "'%' must be followed by '%' or '(', found: '%'"],
    ['%(a', "bad interpolation variable reference '%(a'"],
    ['%(nope)s', "Bad value substitution, no option 'nope'"],
    ['%(key)s', 'Recursion limit exceeded in value substitution'],
  ])('the value %j', (value, message) => {
    const config = parseConfig(`[slapos]\nfine = 1\nkey = ${value}\n`, 'F');
    expect(config.get('slapos', 'fine')).toBe('1');
    const refusal = expect.objectContaining({
      code: 'SLAPOS_ERR_CONFIG_INTERPOLATION',
      message: `${message}: 'F' [line 3]: option 'key' in section 'slapos'`,
      context: { file: 'F', line: 3, section: 'slapos', key: 'key' },
    });
    expect(() => config.get('slapos', 'key')).toThrow(refusal);
    expect(() => config.items('slapos')).toThrow(refusal);
  });
});
