import { expect, it } from 'vitest';
import { createQueue } from '../../../src/grid/queue.ts';

it('runs one at a time, in order, whatever becomes of them', async () => {
  const heard: string[] = [];
  const inTurn = createQueue();
  const work = (name: string) => async () => {
    heard.push(`${name} begins`);
    await new Promise((resolve) => setTimeout(resolve, 5));
    heard.push(`${name} ends`);
    if (name === 'b') throw new Error('b failed');
    return name;
  };
  const results = await Promise.allSettled(['a', 'b', 'c'].map((name) => inTurn(work(name))));
  expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
  expect(heard).toEqual(['a begins', 'a ends', 'b begins', 'b ends', 'c begins', 'c ends']);
});
