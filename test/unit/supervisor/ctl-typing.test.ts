import { describe, expect, it } from 'vitest';
import { completeLine } from '../../../src/supervisor/ctl/completion.ts';
import { renderReason } from '../../../src/supervisor/ctl/status-action.ts';
import { parseTypedLine } from '../../../src/supervisor/ctl/typed-line.ts';
import { lastLine } from '../../../src/supervisor/output/log-line.ts';

describe('parseTypedLine', () => {
  it('splits as cmd does', () => {
    expect(parseTypedLine('  ')).toBeUndefined();
    expect(parseTypedLine(' stop  a b ')).toEqual({
      name: 'stop',
      args: ['a', 'b'],
      text: 'stop  a b',
    });
    expect(parseTypedLine('?tail')).toMatchObject({ name: 'help', args: ['tail'] });
    expect(parseTypedLine('!ls')).toMatchObject({ name: '', text: '!ls' });
    expect(parseTypedLine('pid-x')).toMatchObject({ name: 'pid', args: ['-x'] });
  });
});

describe('completeLine', () => {
  const names = { processes: ['g:a', 'g:ab', 'solo'], groups: ['g', 'g', 'solo'] };
  const complete = (typed: string) => completeLine(typed, ['start', 'status', 'stop'], names)[0];

  it('offers what may stand at the place', () => {
    expect(complete('sta')).toEqual(['start', 'status']);
    expect(complete('sto')).toEqual(['stop ']);
    expect(complete('start ')).toEqual(['all', 'g:*', 'g:a', 'g:ab', 'solo', 'solo:*']);
    expect(complete('start g:a solo g:ab')).toEqual(['g:ab ']);
    expect(complete('update ')).toEqual(['g', 'solo']);
    expect(complete('tail -')).toEqual(['-f ']);
    expect(complete('tail g:a stde')).toEqual(['stderr ']);
    expect(complete('signal SIG')).toEqual([]);
    expect(complete('signal TER')).toEqual(['TERM ']);
    expect(complete('signal TERM so')).toEqual(['solo', 'solo:*']);
    expect(complete('help stat')).toEqual(['status ']);
    expect(complete('version x')).toEqual([]);
    expect(complete('nothing x')).toEqual([]);
  });
});

describe('lastLine', () => {
  it('takes the last line with something on it', () => {
    expect(lastLine('a\nb\n\n  \n', true)).toBe('b');
    expect(lastLine('', true)).toBe('');
    expect(lastLine('half of one', false)).toBe('');
    expect(lastLine('half\nwhole', false)).toBe('whole');
    expect(lastLine('10 %\r50 %\r100 %\r\n', true)).toBe('100 %');
  });

  it('leaves nothing that a terminal would obey', () => {
    const evil =
      '\x1b[31mred\x1b[0m \x1b]0;title\x07\tbell\x07 \x9b2J \u202eright\u2028 \x1bc end\x00';
    expect(lastLine(evil, true)).toBe(
      'red  bell\ufffd \ufffd2J \ufffdright\ufffd \ufffdc end\ufffd',
    );
  });

  it('is at most 200 characters', () => {
    expect([...lastLine('é'.repeat(300), true)]).toHaveLength(200);
    expect([...lastLine('😀'.repeat(200), true)]).toHaveLength(200);
  });
});

describe('renderReason', () => {
  const exit = { known: true, time: 0, status: 0, signal: '', core: false };
  const render = (change: Partial<typeof exit>, line = '') => {
    const lastExit = {
      ...exit,
      time: new Date(2026, 10, 20, 23, 5, 9).getTime() / 1000,
      ...change,
    };
    return renderReason({ name: 'x', group: 'g', last_exit: lastExit, last_line: line });
  };

  it('says how and when, and the last line', () => {
    const at = 'at 2026-11-20 23:05:09';
    expect(render({ status: 3 }, 'why')).toBe(`    exit status 3 ${at}; last line: why`);
    expect(render({ status: -1, signal: 'SIGSEGV', core: true })).toBe(
      `    killed by SIGSEGV (core dumped) ${at}`,
    );
    expect(render({ known: false, status: -1 })).toBe(`    ended unseen ${at}`);
    expect(render({ time: 0 }, 'why')).toBe('    last line: why');
    expect(render({ time: 0 })).toBeUndefined();
    expect(renderReason(undefined)).toBeUndefined();
  });
});
