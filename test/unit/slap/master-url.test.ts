import { describe, expect, test } from 'vitest';
import { encodeForm, parseMasterUrl, renderEndpoint } from '../../../src/slap/master-url.ts';

describe('the address of the Master', () => {
  test.each([
    ['http://127.0.0.1:5000', 'http://127.0.0.1:5000/'],
    ['https://slap.example.com/', 'https://slap.example.com/'],
    ['https://example.com/x', 'https://example.com/x/'],
    ['http://fe80:1:1:1:1:1:1:1:5000/foo/', 'http://[fe80:1:1:1:1:1:1:1]:5000/foo/'],
    ['http://fe80:1:1:1:1:1:1:1/foo', 'http://[fe80:1:1:1:1:1:1:1]/foo/'],
    ['http://fd00::1:5000', 'http://[fd00::1:5000]/'],
    ['http://[fd00::1]:5000', 'http://[fd00::1]:5000/'],
    ['http://::1', 'http://[::1]/'],
    ['  http://h:1  ', 'http://h:1/'],
  ])('%s', (text, expected) => {
    expect(parseMasterUrl(text).href).toBe(expected);
  });

  test.each(['', 'h:80', 'ftp://h/', 'http://', 'http://a b/', '/etc/passwd'])(
    'refuses %j',
    (text) => {
      expect(() => parseMasterUrl(text)).toThrow(
        expect.objectContaining({ code: 'SLAPOS_ERR_CONFIG_VALUE' }),
      );
    },
  );
});

test('an address of several lines is shown in one', () => {
  expect(() => parseMasterUrl('a\nb')).toThrow('master_url a\\nb is not a web address.');
});

test('endpoints keep the path of the base unless they start with a slash', () => {
  const base = parseMasterUrl('https://h/x');
  expect(renderEndpoint(base, 'getRunId').href).toBe('https://h/x/getRunId');
  expect(renderEndpoint(base, '/getRunId').href).toBe('https://h/getRunId');
});

test('null is left out of a query and is None in a form', () => {
  const base = parseMasterUrl('https://h/');
  expect(renderEndpoint(base, 'p', { a: 'é &', b: null, c: '' }).href).toBe(
    'https://h/p?a=%C3%A9+%26&c=',
  );
  expect(encodeForm({ a: 'é &', slave_reference: null })).toBe('a=%C3%A9+%26&slave_reference=None');
});
