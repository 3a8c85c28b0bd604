/** Figures of repeated measurements. */

export interface Row {
  readonly what: string;
  readonly partitions: number;
  readonly unit: 'ms' | 'MB' | 'count';
  readonly runs: number;
  readonly min: number;
  readonly median: number;
  readonly max: number;
}

/** How two rows of one run compare. */
export interface Ratio {
  readonly what: string;
  readonly partitions: number;
  readonly ofMinima: number;
  readonly ofMedians: number;
  readonly wanted: string;
}

/** Values by what was measured, in order of the first of each. */
export type Samples = Map<string, number[]>;

export function addSample(samples: Samples, what: string, value: number): void {
  samples.set(what, [...(samples.get(what) ?? []), value]);
}

/** Three digits that mean something. */
function round(value: number): number {
  return value < 10 ? Math.round(value * 100) / 100 : Math.round(value * 10) / 10;
}

export function summarise(samples: Samples, partitions: number): Row[] {
  return [...samples].map(([what, values]) => {
    const sorted = values.toSorted((a, b) => a - b);
    const at = (position: number) => round(sorted[position] ?? Number.NaN);
    const median = at(Math.floor((sorted.length - 1) / 2));
    const unit = /^(peak memory|garbage)/.test(what) ? 'MB' : 'ms';
    const runs = sorted.length;
    return { what, partitions, unit, runs, min: at(0), median, max: at(runs - 1) };
  });
}

/**
 * The sum of some rows over the sum of others; undefined where one of them was not measured.
 * @param wanted the target, in words
 */
export function compareRows(
  rows: readonly Row[],
  partitions: number,
  names: {
    readonly what: string;
    readonly over: readonly string[];
    readonly under: readonly string[];
  },
  wanted: string,
): Ratio | undefined {
  const find = (what: string) =>
    rows.find((row) => row.what === what && row.partitions === partitions);
  const [over, under] = [names.over.map(find), names.under.map(find)];
  if ([...over, ...under].some((row) => row === undefined)) return undefined;
  const sum = (of: typeof over, pick: 'min' | 'median') =>
    of.reduce((total, row) => total + (row?.[pick] ?? Number.NaN), 0);
  return {
    what: names.what,
    partitions,
    ofMinima: round(sum(over, 'min') / sum(under, 'min')),
    ofMedians: round(sum(over, 'median') / sum(under, 'median')),
    wanted,
  };
}
