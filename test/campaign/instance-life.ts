/**
 * Instances through their lives with failures on the way, for longer than the test does it.
 *
 *     npm run campaign -- instance-life [--partitions 50] [--rounds 200] [--seed S]
 *
 * A slice of it unless CAMPAIGN=full or the options say otherwise. Ends with 1 when a pass differs
 * from the model.
 */
import { parseArgs } from 'node:util';
import { drawSeed, isFull, print, runCampaign } from '../support/campaign.ts';
import { runLives } from '../support/run-lives.ts';

const { values } = parseArgs({
  options: {
    partitions: { type: 'string', default: '50' },
    rounds: { type: 'string', default: isFull ? '200' : '10' },
    seed: { type: 'string', default: drawSeed() },
  },
});

async function main(): Promise<number> {
  const [partitions, rounds, seed] = [values.partitions, values.rounds, values.seed].map(Number);
  if (!partitions || !rounds || seed === undefined || Number.isNaN(seed)) {
    throw new Error('--partitions, --rounds and --seed are whole numbers');
  }
  print(`instance-life: ${partitions} partitions, ${rounds} rounds, seed ${seed}`);
  const { met, problems } = await runLives({ partitions, rounds, seed, onLine: print });
  for (const [what, count] of [...met].sort()) print(`${String(count).padStart(6)} ${what}`);
  for (const problem of problems) print(problem);
  print(problems.length === 0 ? 'Every pass was as the model.' : `Repeat with --seed ${seed}.`);
  return problems.length === 0 ? 0 : 1;
}

runCampaign(main, ['--seed', values.seed]);
