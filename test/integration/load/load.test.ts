/** A slice of `npm run campaign -- load`: only counts, nothing of how long things take. */
import { expect, it } from 'vitest';
import { requires } from '../../support/requires.ts';
import { runLoad } from '../../support/run-load.ts';

requires('root', 'netns')('a node under load', () => {
  it('loses nothing while everything changes, services crash and it is replaced', async () => {
    const lines: string[] = [];
    const onLine = (line: string) => void lines.push(line);
    const outcome = await runLoad({ partitions: 40, services: 10, seed: 11, rounds: 7, onLine });
    expect(outcome.problems, lines.join('\n')).toEqual([]);
    const met = [...outcome.met.keys()].filter((what) => what.startsWith('node: '));
    expect(met.length).toBeGreaterThan(2);
    expect(outcome.met.get('crash')).toBeGreaterThan(5);
    expect(outcome.lines).toBeGreaterThan(50);
  }, 300_000);
});
