import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import type { GridProgress } from '../../../src/grid/context.ts';
import { type Logger, silentLogger } from '../../../src/log/logger.ts';
import type { Build } from '../../../src/software/build.ts';
import { createTeller, tellSent } from '../../../src/software/cache-progress.ts';

const lines: string[] = [];
const shown: GridProgress[] = [];
const log: Logger = { ...silentLogger, info: (line) => void lines.push(line) };
const build = {
  ...{ log, url: 'http://u/' },
  context: { progress: (state: GridProgress) => void shown.push(state) },
} as unknown as Build;

beforeEach(() => {
  vi.useFakeTimers();
  lines.length = 0;
  shown.length = 0;
});
afterEach(() => void vi.useRealTimers());

it('shows every piece, and writes a line after ten seconds, then ever less often', () => {
  const tell = createTeller(build, 'Downloaded', 'from');
  for (let second = 1; second <= 1000; second += 1) {
    vi.advanceTimersByTime(1000);
    tell(second * 1_048_576, second < 500 ? 1000 * 1_048_576 : undefined);
  }
  expect(shown).toHaveLength(1000);
  expect(shown[9]).toEqual({ done: 10, total: 1000, label: 'MiB of http://u/' });
  expect(shown[999]).toEqual({ done: 1000, total: 1000, label: 'MiB of http://u/' });
  expect(lines).toEqual([
    'Downloaded 10.0 MB of 1000.0 MB of http://u/ from network cache.',
    'Downloaded 30.0 MB of 1000.0 MB of http://u/ from network cache.',
    'Downloaded 70.0 MB of 1000.0 MB of http://u/ from network cache.',
    'Downloaded 150.0 MB of 1000.0 MB of http://u/ from network cache.',
    'Downloaded 310.0 MB of 1000.0 MB of http://u/ from network cache.',
    'Downloaded 610.0 MB of http://u/ from network cache.',
    'Downloaded 910.0 MB of http://u/ from network cache.',
  ]);
});

it('tells of what is sent when it is taken', async () => {
  const pieces = [new Uint8Array(1_048_576), new Uint8Array(1_048_576)];
  const source = (async function* () {
    yield* pieces;
  })();
  const taken: Uint8Array[] = [];
  for await (const piece of tellSent(build, source, 2 * 1_048_576)) taken.push(piece);
  // The very same: comparing megabytes number by number takes seconds.
  expect(taken.map((piece, at) => piece === pieces[at])).toEqual([true, true]);
  expect(shown.map(({ done, total }) => [done, total])).toEqual([
    [1, 2],
    [2, 2],
  ]);
});
