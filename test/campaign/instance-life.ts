/**
 * Instances through their lives with failures on the way, for longer than the test does it.
 *
 *     npm run campaign -- instance-life [--partitions 50] [--rounds 200] [--seed S]
 *
 * A slice of it unless CAMPAIGN=full or the options say otherwise. Ends with 1 when a pass differs
 * from the model.
 */
import {
  drawSeed,
  isFull,
  print,
  readNumber,
  readOptions,
  runCampaign,
} from '../support/campaign.ts';
import { runLives } from '../support/run-lives.ts';

const { values } = readOptions({
  options: {
    partitions: { type: 'string', default: '50' },
    rounds: { type: 'string', default: isFull ? '200' : '10' },
    seed: { type: 'string', default: drawSeed() },
  },
});

async function main(): Promise<number> {
  const [partitions, rounds, seed] = [
    readNumber('partitions', values.partitions, { least: 1 }),
    readNumber('rounds', values.rounds, { least: 1 }),
    readNumber('seed', values.seed),
  ];
  print(`instance-life: ${partitions} partitions, ${rounds} rounds, seed ${seed}`);
  const { met, problems } = await runLives({ partitions, rounds, seed, onLine: print });
  for (const [what, count] of [...met].sort()) print(`${String(count).padStart(6)} ${what}`);
  for (const problem of problems) print(problem);
  print(problems.length === 0 ? 'Every pass was as the model.' : `Repeat with --seed ${seed}.`);
  return problems.length === 0 ? 0 : 1;
}

runCampaign(main, ['--seed', values.seed]);
