import { describe, expect, test } from 'vitest';
import { parseConfig } from '../../../src/config/read.ts';
import {
  parseBoolean,
  parseInteger,
  readBoolean,
  requireSection,
  requireValue,
  splitLines,
  splitNames,
} from '../../../src/config/values.ts';

const config = parseConfig('[s]\nyes = On\nno = 0\nbad = maybe\nsize = 12\nempty =\n', 'F');

describe('booleans', () => {
  test.each(['1', 'yes', 'TRUE', 'on'])('%s is true', (word) => {
    expect(parseBoolean(word)).toBe(true);
  });
  test.each(['0', 'No', 'false', 'OFF'])('%s is false', (word) => {
    expect(parseBoolean(word)).toBe(false);
  });
  test('of a configuration', () => {
    expect(readBoolean(config, 's', 'yes', false)).toBe(true);
    expect(readBoolean(config, 's', 'no', true, 'strict')).toBe(false);
    expect(readBoolean(config, 's', 'nope', true)).toBe(true);
    expect(() => readBoolean(config, 's', 'bad', true)).toThrow('Not a boolean: maybe');
    expect(() => readBoolean(config, 's', 'bad', true, 'strict')).toThrow(
      expect.objectContaining({
        message: 'maybe is neither True nor False.',
        hint: '[s] bad at F line 4: write true or false',
      }),
    );
  });
});

test('integers are those of Python', () => {
  expect(['12', ' -3 ', '+4', '1_000'].map(parseInteger)).toEqual([12, -3, 4, 1000]);
  expect(['', '1.5', '0x10', '1__0', 'a'].map(parseInteger)).toEqual(Array(5).fill(undefined));
});

test('what must be there', () => {
  expect(requireValue(config, 's', 'size')).toBe('12');
  expect(requireValue(config, 's', 'empty')).toBe('');
  expect(() => requireSection(config, 'slapos')).toThrow("No section: 'slapos'");
  expect(() => requireValue(config, 'slapos', 'x')).toThrow("No section: 'slapos'");
  expect(() => requireValue(config, 's', 'x')).toThrow("No option 'x' in section: 's'");
});

test('lists', () => {
  expect(splitLines('\n a \n\nb')).toEqual(['a', 'b']);
  expect(splitNames(' a, b\nc,,d ')).toEqual(['a', 'b', 'c', 'd']);
  expect(splitNames('')).toEqual([]);
});
