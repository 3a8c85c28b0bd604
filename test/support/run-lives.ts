/** Rounds of the lives of instances: what the life-cycle test and its campaign run. */

import type { Fault } from './http-master.ts';
import { InstanceNode } from './instance-node.ts';
import { LifeRun, RELEASES } from './life-run.ts';
import { seededRandom } from './seeded-random.ts';

export interface LivesOptions {
  readonly partitions: number;
  readonly rounds: number;
  readonly seed: number;
  onLine?(line: string): void;
}

/** Share of the partitions with a disk of their own, which can be full. */
const DISKS = 0.3;
/** A killed pass is killed within this time. */
const KILL_MS = 1400;
const DEAF: readonly Fault[] = ['garbage', '500', 'silence', '400', 'cut'];

/**
 * Rounds of new wishes, each followed by a pass with failures, one that is killed, an undisturbed
 * one, and the destruction of what is not wanted any more.
 * @returns what differed from the model, and how often what was met.
 */
export async function runLives(options: LivesOptions) {
  const random = seededRandom(options.seed);
  const node = new InstanceNode({ partitions: options.partitions, releases: RELEASES });
  await node.open();
  const problems: string[] = [];
  try {
    const run = new LifeRun(node, random, Math.floor(options.partitions * DISKS));
    const take = async (name: string, pass: Promise<string[]>) => {
      problems.push(...(await pass).map((problem) => `${name}: ${problem}`));
    };
    for (let round = 0; round < options.rounds; round += 1) {
      run.mutate();
      if (round > 0) await take(`${round} deaf`, run.deafPass(DEAF[(round - 1) % 5] as Fault));
      await take(`${round} troubled`, run.troubledPass(round % 2 === 1));
      await take(`${round} killed`, run.killedPass(random() * KILL_MS));
      await take(`${round} clean`, run.cleanPass());
      const mode = (['plain', 'force', 'force-stop'] as const)[round % 3] ?? 'plain';
      if (mode !== 'plain') await take(`${round} ${mode}`, run.cleanPass(mode));
      if (mode === 'force-stop') await take(`${round} clean again`, run.cleanPass());
      await take(`${round} report`, run.report(round % 2 === 0 ? '500' : undefined));
      options.onLine?.(`round ${round}: ${problems.length} problems`);
    }
    return { met: run.met, problems };
  } finally {
    await node.close();
  }
}
