/** Whether a figure stays level while a node is under load: least squares over its readings. Pure. */

/** One reading: when, how many services ran, how much it was. */
export interface Reading {
  readonly atMs: number;
  readonly services: number;
  readonly value: number;
}

/** How much a figure may rise from the start to the end of the readings. */
export interface Tolerance {
  readonly share: number;
  readonly least: number;
}

export interface Drift {
  readonly mean: number;
  /** From the first to the last reading, that of the number of services left out. */
  readonly rise: number;
  readonly allowed: number;
  readonly isFlat: boolean;
}

/** A rise counts when it is more than so many times its standard error. */
const CERTAINTY = 3;
const FEWEST_READINGS = 6;

const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);
const mean = (values: readonly number[]) => sum(values) / values.length;

function centred(values: readonly number[]): number[] {
  const middle = mean(values);
  return values.map((value) => value - middle);
}

function product(left: readonly number[], right: readonly number[]): number {
  return sum(left.map((value, index) => value * (right[index] ?? 0)));
}

/**
 * The least reading of each part of the time: what a program has left when it has just given back what
 * it needs no more. A leak raises it, garbage that nobody has collected yet does not.
 */
export function leastOfParts(readings: readonly Reading[], parts: number): Reading[] {
  const size = readings.length / parts;
  if (size < 2) return [...readings];
  return Array.from({ length: parts }, (_, index) =>
    readings
      .slice(Math.round(index * size), Math.round((index + 1) * size))
      .reduce((least, reading) => (reading.value < least.value ? reading : least)),
  );
}

/**
 * Fits value = a + b × time + c × services.
 * @returns undefined for too few readings to tell.
 */
export function fitDrift(
  readings: readonly Reading[],
  { least, share }: Tolerance,
): Drift | undefined {
  if (readings.length < FEWEST_READINGS) return undefined;
  const times = centred(readings.map(({ atMs }) => atMs));
  const counts = centred(readings.map(({ services }) => services));
  const values = readings.map(({ value }) => value);
  const level = centred(values);
  // What of the time the number of services does not explain (Frisch, Waugh and Lovell).
  const countSquare = product(counts, counts);
  const without = (series: readonly number[]) => {
    const factor = countSquare === 0 ? 0 : product(series, counts) / countSquare;
    return series.map((value, index) => value - factor * (counts[index] ?? 0));
  };
  const [time, rest] = [without(times), without(level)];
  const timeSquare = product(time, time);
  const slope = product(time, rest) / timeSquare;
  const residuals = rest.map((value, index) => value - slope * (time[index] ?? 0));
  const error = Math.sqrt(product(residuals, residuals) / (readings.length - 3) / timeSquare);
  const spanMs = (readings.at(-1)?.atMs ?? 0) - (readings[0]?.atMs ?? 0);
  const rise = slope * spanMs;
  const allowed = Math.max(share * mean(values), least);
  const isCertain = slope > CERTAINTY * error;
  return { mean: mean(values), rise, allowed, isFlat: rise <= allowed || !isCertain };
}
