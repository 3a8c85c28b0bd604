/** Moments as those tell them who may tell anything. Pure. */

/** JavaScript has no dates beyond (ECMA-262, "Time Values and Time Range"). */
const MAX_MS = 8.64e15;

/** Milliseconds since the epoch; 0 for what is no moment. */
export function parseMoment(atMs: number): number {
  return Math.abs(atMs) <= MAX_MS ? atMs : 0;
}
