import { describe, expect, it } from 'vitest';
import { mapBounded } from '../../../src/grid/bounded.ts';

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
