/**
 * Choices that only have to be spread, not unpredictable: the free IPv4 of a partition, its IPv6
 * when the regular one is taken. They are drawn from a hash of the host and the partition, so a plan
 * is a function of what was observed: a dry run prints what the next run does, and a run that was
 * killed is repeated exactly.
 */
import { createHash } from 'node:crypto';

/** A whole number in 0..size-1 that is always the same for the same words. */
export function draw(words: readonly string[], size: number): number {
  const digest = createHash('sha256').update(words.join('\0')).digest();
  return Number(digest.readBigUInt64BE(0) % BigInt(size));
}

/**
 * The first number in 0..size-1 that is free, counting up from a drawn one and around. Undefined
 * when all are taken. Looks at as many numbers as are taken in a row, never at all of them first.
 */
export function drawFree(
  words: readonly string[],
  size: number,
  isFree: (number: number) => boolean,
): number | undefined {
  const start = draw(words, size);
  for (let step = 0; step < size; step += 1) {
    const number = (start + step) % size;
    if (isFree(number)) return number;
  }
  return undefined;
}
