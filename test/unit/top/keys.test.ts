import { describe, expect, it } from 'vitest';
import { parseKeys, splitUnfinished } from '../../../src/top/keys.ts';

describe('parseKeys', () => {
  it.each([
    ['\x1b[A\x1bOB', ['up', 'down']],
    ['\x1b[5~\x1b[6~\x1b[1~\x1b[F', ['page-up', 'page-down', 'home', 'end']],
    ['\x1b[1;5A', ['up']],
    ['\r\t\x7f\x03\x1a', ['enter', 'tab', 'backspace', 'interrupt', 'suspend']],
    ['\x1b', ['escape']],
    ['\x1bq', ['escape', { typed: 'q' }]],
    ['aé日', [{ typed: 'a' }, { typed: 'é' }, { typed: '日' }]],
    // A mouse, a function key, an answer of the terminal, a control: nothing of ours.
    ['\x1b[<0;1;1M\x1b[15~\x1b[?62;c\x01', []],
  ])('reads %j', (text, keys) => {
    expect(parseKeys(text)).toEqual(keys);
  });
});

describe('splitUnfinished', () => {
  it('holds the beginning of a sequence back', () => {
    expect(splitUnfinished('a\x1b[1;')).toEqual({ ready: 'a', rest: '\x1b[1;' });
    expect(splitUnfinished('\x1b')).toEqual({ ready: '', rest: '\x1b' });
    expect(splitUnfinished('\x1b[A')).toEqual({ ready: '\x1b[A', rest: '' });
  });

  it('holds nothing back for ever', () => {
    const text = `\x1b[${'1'.repeat(1000)}`;
    expect(splitUnfinished(text)).toEqual({ ready: text, rest: '' });
  });
});
