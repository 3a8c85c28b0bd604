/** Seconds since the epoch with the microseconds that upstream's timestamps have. */
export type Clock = () => number;

export const systemClock: Clock = () => {
  return Math.round((performance.timeOrigin + performance.now()) * 1000) / 1e6;
};

/**
 * A timestamp that differs from the former one: nodes compare for equality, so even a clock that
 * was set back must not hide a change.
 */
export function nextTimestamp(clock: Clock, former: number | null): number {
  const now = clock();
  return former !== null && now <= former ? former + 1e-6 : now;
}
