/** What a chart asks for, and what it makes of the answers. */
import { describe, expect, it } from 'vitest';
import type { PanelSeries } from '../../../../src/panel/api.ts';
import { joinSeries, planQuestion } from '../../../../src/panel/page/series-parts.ts';

const NOW = 1_000_000_000;
const HOUR = 3_600_000;
const series = (
  resolution: PanelSeries['resolution'],
  timesMs: readonly number[],
): PanelSeries => ({
  partition: 'slappart0',
  resolution,
  timesMs,
  values: { cpu: timesMs.map((timeMs) => timeMs / 10), processes: timesMs.map(() => 1) },
  reason: '',
});
const hold = (resolution: PanelSeries['resolution'], timesMs: readonly number[]) => ({
  series: series(resolution, timesMs),
  rangeMs: HOUR,
  wholeAtMs: NOW,
});
const wanted = { partition: 'slappart0', rangeMs: HOUR, nowMs: NOW + 2000 };
const WHOLE = { sinceMs: NOW + 2000 - HOUR, isWhole: true };

describe('the question of a chart', () => {
  const samples = hold('sample', [NOW - 1000, NOW]);

  it('is for the whole range at first, and for another range or partition', () => {
    expect(planQuestion(undefined, wanted)).toEqual(WHOLE);
    expect(planQuestion(samples, { ...wanted, partition: 'slappart1' })).toEqual(WHOLE);
    const day = { ...wanted, rangeMs: 24 * HOUR };
    expect(planQuestion(samples, day)).toEqual({
      sinceMs: wanted.nowMs - 24 * HOUR,
      isWhole: true,
    });
  });

  it('is for new samples in between, and for the whole once a minute', () => {
    expect(planQuestion(samples, wanted)).toEqual({ sinceMs: NOW, isWhole: false });
    expect(planQuestion(hold('sample', []), wanted)).toEqual(WHOLE);
    for (const nowMs of [NOW + 60_000, NOW - 60_000]) {
      expect(planQuestion(samples, { ...wanted, nowMs })).toMatchObject({ isWhole: true });
    }
  });

  it('is for minutes once a minute', () => {
    for (const timesMs of [[], [NOW - 60_000, NOW]]) {
      const minutes = hold('minute', timesMs);
      expect(planQuestion(minutes, wanted)).toBeUndefined();
      const later = { ...wanted, nowMs: NOW + 60_000 };
      expect(planQuestion(minutes, later)).toMatchObject({ isWhole: true });
    }
  });
});

describe('new samples', () => {
  it('come behind the others, which leave at the other end', () => {
    const held = hold('sample', [NOW - HOUR - 1, NOW - HOUR, NOW - 10, NOW]);
    const joined = joinSeries(held, series('sample', [NOW + 10]), NOW);
    expect(joined).toEqual(series('sample', [NOW - 10, NOW, NOW + 10]));
    expect(joinSeries(held, series('sample', []), NOW)).toEqual(series('sample', [NOW - 10, NOW]));
    const late = joinSeries(held, series('sample', [NOW + 2 * HOUR]), NOW + 2 * HOUR);
    expect(late).toEqual(series('sample', [NOW + 2 * HOUR]));
  });

  it('do not go together with minutes, or with those of another partition', () => {
    const held = hold('sample', [NOW]);
    expect(joinSeries(held, series('minute', [NOW]), NOW)).toBeUndefined();
    const other = { ...series('sample', [NOW]), partition: 'slappart1' };
    expect(joinSeries(held, other, NOW)).toBeUndefined();
  });
});
