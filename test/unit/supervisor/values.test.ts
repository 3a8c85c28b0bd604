import { describe, expect, it } from 'vitest';
import { parseCommandLine } from '../../../src/supervisor/configuration/command-line.ts';
import { parseEnvironment } from '../../../src/supervisor/configuration/environment.ts';
import { expand } from '../../../src/supervisor/configuration/expansion.ts';
import {
  parseAutoRestart,
  parseBoolean,
  parseByteSize,
  parseExitCodes,
  parseName,
  parseOctal,
  parseSignal,
  signalName,
} from '../../../src/supervisor/configuration/value-types.ts';

describe('types of values', () => {
  it('reads booleans in any case', () => {
    for (const word of ['yes', 'True', 'ON', '1']) expect(parseBoolean(word)).toBe(true);
    for (const word of ['no', 'False', 'off', '0']) expect(parseBoolean(word)).toBe(false);
    expect(() => parseBoolean('maybe')).toThrow('not a valid boolean value');
  });

  it('reads byte sizes with two-letter suffixes only', () => {
    expect(parseByteSize('100KB')).toBe(102_400);
    expect(parseByteSize('50mb')).toBe(52_428_800);
    expect(parseByteSize('7')).toBe(7);
    expect(() => parseByteSize('1k')).toThrow('invalid literal');
  });

  it('reads signals by name and number', () => {
    expect([parseSignal('term'), parseSignal('SIGHUP'), parseSignal('9')]).toEqual([15, 1, 9]);
    expect(() => parseSignal('FOO')).toThrow("'FOO' is not a valid signal name");
    expect([signalName(15), signalName(6), signalName(40)]).toEqual([
      'SIGTERM',
      'SIGABRT',
      'signal 40',
    ]);
  });

  it('reads the rest', () => {
    expect(parseExitCodes('0, 2')).toEqual([0, 2]);
    expect(() => parseExitCodes('256')).toThrow('not a valid list of exit codes');
    expect(parseOctal('022')).toBe(0o22);
    expect([parseAutoRestart('Unexpected'), parseAutoRestart('true')]).toEqual([
      'unexpected',
      true,
    ]);
    expect(() => parseName('a b')).toThrow("Invalid name: 'a b' because of character: ' '");
  });
});

describe('expand', () => {
  const names = new Map<string, string | number>([
    ['here', '/etc'],
    ['process_num', 3],
  ]);

  it('replaces names in any printf form', () => {
    expect(expand('%(here)s/%(process_num)02d%%', names, 'k')).toBe('/etc/03%');
    expect(expand('[%(here)-6s][%(process_num)4d]', names, 'k')).toBe('[/etc  ][   3]');
  });

  it('explains what is wrong', () => {
    expect(() => expand('/bin/echo 100%', names, 'program:a.command')).toThrow(
      "Format string '/bin/echo 100%' for 'program:a.command' is badly formatted: incomplete format",
    );
    expect(() => expand('%(x)s', names, 'k')).toThrow(
      "contains names ('x') which cannot be expanded. Available names: here, process_num",
    );
    expect(() => expand('5% of', names, 'k')).toThrow('badly formatted');
  });
});

describe('parseEnvironment', () => {
  const read = (text: string) => Object.fromEntries(parseEnvironment(text));

  it('reads words and quoted texts', () => {
    expect(read('A=a,B="x,y",C=\'\'')).toEqual({ A: 'a', B: 'x,y', C: '' });
    expect(read('USER="slapuser0",HOME="/srv/x 1"')).toEqual({
      USER: 'slapuser0',
      HOME: '/srv/x 1',
    });
  });

  it('skips one token after a pair unchecked', () => {
    expect(read('A=a b')).toEqual({ A: 'a' });
  });

  it('keeps a backslash and ends at the quote', () => {
    expect(read('A="a\\"')).toEqual({ A: 'a\\' });
  });

  it('refuses pairs without a value', () => {
    for (const text of ['A=', 'A', 'A=a@b']) {
      expect(() => parseEnvironment(text)).toThrow('Unexpected end of key/value pairs in value');
    }
  });
});

describe('parseCommandLine', () => {
  it('splits like a shell without expansions', () => {
    expect(parseCommandLine(`/bin/x 'a b' "c \\"d\\" $e" f\\ g ''`)).toEqual([
      '/bin/x',
      'a b',
      'c "d" $e',
      'f g',
      '',
    ]);
    expect(parseCommandLine('a\nb')).toEqual(['a', 'b']);
    expect(parseCommandLine('"a\\n"')).toEqual(['a\\n']);
  });

  it('refuses an open quote', () => {
    expect(() => parseCommandLine("a 'b")).toThrow('No closing quotation');
  });
});
