import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { createFormatProgress } from '../../../../src/cli/node/format-progress.ts';
import { silentLogger } from '../../../../src/log/logger.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

it('tells each batch once, and a long one every five seconds until the end', () => {
  const lines: string[] = [];
  const progress = createFormatProgress({
    ...silentLogger,
    info: (message) => void lines.push(message),
  });
  progress.begin(900);
  progress.batch({ kind: 'deviceCreate', count: 500, done: 300 });
  vi.advanceTimersByTime(11_000);
  progress.end();
  vi.advanceTimersByTime(60_000);
  const still = 'tap and tun devices: 500 (300 of 900 steps done)';
  expect(lines).toEqual([
    'tap and tun devices: 500',
    `Still at it after 5 s: ${still}`,
    `Still at it after 10 s: ${still}`,
  ]);
});

it('shows a bar on a terminal instead, and keeps the lines for the log file', () => {
  const shown: string[] = [];
  const lines: string[] = [];
  const statusLine = {
    width: 70,
    show: (text: string) => void shown.push(text),
    clear: () => void shown.push(''),
  };
  const debug = (message: string) => void lines.push(message);
  const progress = createFormatProgress({ ...silentLogger, debug }, statusLine);
  progress.begin(900);
  progress.batch({ kind: 'deviceCreate', count: 500, done: 300 });
  vi.advanceTimersByTime(11_000);
  progress.advance(364);
  progress.advance(428);
  vi.advanceTimersByTime(100);
  progress.end();
  vi.advanceTimersByTime(60_000);
  expect(shown).toEqual([
    '[##########....................]  33% 300/900 tap and tun devices: 500',
    '[############..................]  40% 364/900 tap and tun devices: 500',
    '[##############................]  47% 428/900 tap and tun devices: 500',
    '',
  ]);
  expect(lines).toEqual(['tap and tun devices: 500']);
});
