/**
 * A chart asks for its whole range once a minute, and in between only for the samples that are new;
 * minutes come no more often than that. Pure.
 */
import type { PanelSeries } from '../api.ts';

export interface HeldSeries {
  readonly series: PanelSeries;
  readonly rangeMs: number;
  /** When the whole range was asked for, milliseconds since the epoch. */
  readonly wholeAtMs: number;
}

export interface SeriesQuestion {
  readonly sinceMs: number;
  readonly isWhole: boolean;
}

const WHOLE_MS = 60_000;

/** @returns undefined when there is nothing to ask yet. */
export function planQuestion(
  held: HeldSeries | undefined,
  wanted: { readonly partition: string; readonly rangeMs: number; readonly nowMs: number },
): SeriesQuestion | undefined {
  const { nowMs, partition, rangeMs } = wanted;
  const whole = { sinceMs: nowMs - rangeMs, isWhole: true };
  if (held === undefined || held.series.partition !== partition) return whole;
  // A clock that was set back makes it old, too.
  const isFresh = Math.abs(nowMs - held.wholeAtMs) < WHOLE_MS;
  if (held.rangeMs !== rangeMs || !isFresh) return whole;
  if (held.series.resolution === 'minute') return undefined;
  const lastMs = held.series.timesMs.at(-1);
  return lastMs === undefined ? whole : { sinceMs: lastMs, isWhole: false };
}

/**
 * The new samples behind those that are held, as far as they are of the range.
 * @returns undefined when they do not go together: the whole has to be asked for.
 */
export function joinSeries(
  { rangeMs, series: held }: HeldSeries,
  added: PanelSeries,
  nowMs: number,
): PanelSeries | undefined {
  const isSame = added.partition === held.partition && added.resolution === held.resolution;
  if (!isSame) return undefined;
  const first = held.timesMs.findIndex((timeMs) => timeMs > nowMs - rangeMs);
  const join = (old: readonly number[], more: readonly number[]) =>
    first < 0 ? more : [...old.slice(first), ...more];
  const names = Object.keys(held.values);
  return {
    ...added,
    timesMs: join(held.timesMs, added.timesMs),
    values: Object.fromEntries(
      names.map((name) => [name, join(held.values[name] ?? [], added.values[name] ?? [])]),
    ),
  };
}
