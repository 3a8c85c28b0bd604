import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createProgressBar, renderProgress } from '../../../src/cli/progress-bar.ts';

describe('renderProgress', () => {
  const state = { done: 450, total: 1000, label: 'tap and tun devices: 300' };

  it.each([
    [100, '[#############.................]  45%  450/1000 tap and tun devices: 300'],
    [60, '[########..........]  45%  450/1000 tap and tun devices: 300'],
    [50, '[####......]  45%  450/1000 tap and tun devices...'],
    [27, '[####......]  45%  450/1000'],
    [26, ' 45%  450/1000 tap and ...'],
    [14, ' 45%  450/1000'],
    [10, ' 45%  450/'],
    [3, ' 45'],
    [0, ''],
  ])('fits %i characters', (width, line) => {
    expect(renderProgress(state, width)).toBe(line);
  });

  it('never is wider than asked, and only printable', () => {
    const any = fc.record({ done: fc.integer(), total: fc.integer(), label: fc.string() });
    fc.assert(
      fc.property(any, fc.nat(300), (one, width) => {
        expect(renderProgress(one, width)).toMatch(/^[\x20-\x7e]*$/);
        expect(renderProgress(one, width).length).toBeLessThanOrEqual(width);
      }),
    );
  });

  it('says 100 % at the end only', () => {
    expect(renderProgress({ done: 1999, total: 2000, label: '' }, 80)).toContain(' 99% 1999/2000');
    expect(renderProgress({ done: 2000, total: 2000, label: '' }, 80)).toMatch(
      /^\[#{30}\] 100% 2000\/2000$/,
    );
    expect(renderProgress({ done: 0, total: 0, label: '' }, 80)).toContain('100% 0/0');
  });

  it('shows no password and no control character of a label', () => {
    const label = 'https://me:secret@host/\x1b[2J';
    const line = renderProgress({ done: 1, total: 2, label }, 120);
    expect(line).not.toContain('secret');
    expect(line).toContain('host/?[2J');
  });
});

describe('createProgressBar', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  function recordBar() {
    const lines: string[] = [];
    const statusLine = {
      width: 60,
      show: (text: string) => void lines.push(text),
      clear: () => void lines.push(''),
    };
    return { lines, bar: createProgressBar(statusLine, () => Date.now()) };
  }

  it('changes ten times a second at most, and ends with what came last', () => {
    const { lines, bar } = recordBar();
    for (let done = 0; done < 1000; done += 1) {
      bar.show({ done, total: 1000, label: 'x' });
      vi.advanceTimersByTime(1);
    }
    expect(lines.length).toBeGreaterThanOrEqual(10);
    expect(lines.length).toBeLessThanOrEqual(11);
    bar.show({ done: 1000, total: 1000, label: 'y' });
    vi.advanceTimersByTime(100);
    expect(lines.at(-1)).toMatch(/1000\/1000 y$/);
  });

  it('goes away at its end and does not come back', () => {
    const { lines, bar } = recordBar();
    bar.show({ done: 1, total: 2, label: 'x' });
    bar.show({ done: 2, total: 2, label: 'x' });
    bar.end();
    vi.advanceTimersByTime(1000);
    expect(lines).toEqual(['[###############...............]  50% 1/2 x', '']);
    expect(vi.getTimerCount()).toBe(0);
  });
});
