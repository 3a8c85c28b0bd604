import { describe, expect, it } from 'vitest';
import { createSlots, mapBounded } from '../../../src/grid/bounded.ts';

describe('mapBounded', () => {
  it('keeps the order and the limit', async () => {
    let running = 0;
    let most = 0;
    const results = await mapBounded([5, 1, 3, 2, 4], 2, async (item) => {
      running += 1;
      most = Math.max(most, running);
      await new Promise((resolve) => setTimeout(resolve, item));
      running -= 1;
      return item * 2;
    });
    expect(results).toEqual([10, 2, 6, 4, 8]);
    expect(most).toBe(2);
  });

  it('has nothing to do for an empty list', async () => {
    expect(await mapBounded([], 4, async () => 1)).toEqual([]);
  });
});

describe('slots', () => {
  it('let as many run as there are, in the order of the calls, also after failures', async () => {
    const inSlot = createSlots(2);
    const trace: string[] = [];
    let running = 0;
    let most = 0;
    const work = (name: string, delayMs: number) =>
      inSlot(async () => {
        trace.push(name);
        running += 1;
        most = Math.max(most, running);
        await new Promise((resolve) => setTimeout(resolve, delayMs));
        running -= 1;
        if (name === 'b') throw new Error(name);
        return name;
      });
    const results = await Promise.allSettled([
      work('a', 5),
      work('b', 1),
      work('c', 1),
      work('d', 1),
    ]);
    expect(trace).toEqual(['a', 'b', 'c', 'd']);
    expect(most).toBe(2);
    expect(results.map(({ status }) => status)).toEqual([
      'fulfilled',
      'rejected',
      'fulfilled',
      'fulfilled',
    ]);
    expect(await work('e', 0)).toBe('e');
  });
});
