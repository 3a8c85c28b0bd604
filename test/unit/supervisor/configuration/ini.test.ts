import { describe, expect, it } from 'vitest';
import { parseIni } from '../../../../src/supervisor/configuration/ini.ts';

function section(text: string, name = 'a'): Record<string, string> {
  return Object.fromEntries(parseIni('/f.conf', text).sections.get(name) ?? []);
}

describe('parseIni', () => {
  it('lowers keys, trims, takes = and :', () => {
    expect(section('[a]\nKey =  v \nother:w\nurl=http://x:1\n')).toEqual({
      key: 'v',
      other: 'w',
      url: 'http://x:1',
    });
  });

  it('ends a value at a comment sign after white space only', () => {
    const text = '[a]\nb=a ;b\nc=a;b\nd=a#b\ne=a #b\nf="x ;y"\n# g=1\n  ; h=1\n';
    expect(section(text)).toEqual({ b: 'a', c: 'a;b', d: 'a#b', e: 'a', f: '"x' });
  });

  it('merges sections that occur twice, the later key wins', () => {
    expect(section('[a]\nb=1\nc=1\n[x]\n[a]\nb=2\n')).toEqual({ b: '2', c: '1' });
  });

  it('joins continuation lines', () => {
    expect(section('[a]\nb=1\n  2\n\n  3\nc=4\n')).toEqual({ b: '1\n2\n\n3', c: '4' });
  });

  it('keeps defaults apart', () => {
    const file = parseIni('/f.conf', '[DEFAULT]\nz=1\n[a]\n');
    expect([...file.defaults]).toEqual([['z', '1']]);
    expect([...file.sections.keys()]).toEqual(['a']);
  });

  it('refuses text before a section and lines that are no key', () => {
    expect(() => parseIni('/f.conf', 'x=1\n')).toThrow(/no section headers.*\/f\.conf.*line: 1/s);
    expect(() => parseIni('/f.conf', '[a]\nnonsense\n')).toThrow(/\[line {2}2\]: 'nonsense\\n'/);
  });
});
