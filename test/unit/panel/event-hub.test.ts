import type { ServerResponse } from 'node:http';
import { PassThrough } from 'node:stream';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { silentLogger } from '../../../src/log/logger.ts';
import type { PanelOverview } from '../../../src/panel/api.ts';
import { EventHub } from '../../../src/panel/event-hub.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

test.each([
  ['quick', 10, 2000],
  ['slow', 3000, 12_000],
  ['without end', 40_000, 60_000],
])('a look that is %s rests in proportion', async (_name, tookMs, restMs) => {
  const begun: number[] = [];
  const hub = new EventHub({
    log: silentLogger,
    now: () => Date.now(),
    async read() {
      begun.push(performance.now());
      await new Promise((resolve) => setTimeout(resolve, tookMs));
      return { takenAtMs: 0 } as PanelOverview;
    },
  });
  hub.follow(new PassThrough().resume() as unknown as ServerResponse);
  await vi.advanceTimersByTimeAsync(3 * (tookMs + restMs));
  hub.wake();
  hub.close();
  expect(begun.slice(0, 3)).toEqual(
    [0, 1, 2].map((turn) => (begun[0] ?? 0) + turn * (tookMs + restMs)),
  );
});
