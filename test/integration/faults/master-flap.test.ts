/** Some faults of the walk that `npm run campaign -- master-flap` takes over all of them. */
import { expect, it } from 'vitest';
import { SCENES } from '../../support/fault-scenes.ts';
import type { Fault } from '../../support/http-master.ts';
import { walkFlaps } from '../../support/master-flap.ts';
import { requires } from '../../support/requires.ts';

const SAMPLES: ReadonlyArray<readonly [string, Fault]> = [
  ['report', 'lost'],
  ['software', '503'],
];

requires('root', 'netns')('a Master that fails at the n-th request', () => {
  it.each(SAMPLES)('%s: %s', async (name, flap) => {
    const scene = await SCENES[name]?.();
    if (scene === undefined) throw new Error(`no scene ${name}`);
    try {
      const { findings, requests } = await walkFlaps(scene, [flap]);
      expect(findings).toEqual([]);
      expect(requests).toBeGreaterThan(2);
    } finally {
      await scene.close();
    }
  });
});
