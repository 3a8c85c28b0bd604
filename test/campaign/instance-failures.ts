/**
 * Every operation of a pass over partitions fails in turn, and a random one of the pass after it; the
 * next pass must repair all. In memory, so without root.
 *
 *     npm run campaign -- instance-failures [--rounds 100] [--seed S]
 *
 * A slice of it unless CAMPAIGN=full or the options say otherwise. Ends with 1 when a machine ends in
 * another state than the undisturbed one.
 */
import { drawSeed, isFull, print, readNumber, readOptions } from '../support/campaign.ts';
import { FAILURES, SCENARIOS, walkFailures } from '../support/instance-failures.ts';
import { seededRandom } from '../support/seeded-random.ts';

const { values } = readOptions({
  options: {
    rounds: { type: 'string', default: isFull ? '100' : '2' },
    seed: { type: 'string', default: drawSeed() },
  },
});

async function main(): Promise<void> {
  print(`instance-failures: ${values.rounds} rounds, seed ${values.seed}`);
  const rounds = readNumber('rounds', values.rounds);
  const random = seededRandom(readNumber('seed', values.seed));
  const draw = (operations: number) => Math.floor(random() * operations);
  const problems: string[] = [];
  for (const scenario of SCENARIOS) {
    let machines = 0;
    for (let round = 0; round < rounds; round += 1) {
      for (const failure of FAILURES) {
        const { differences, operations } = await walkFailures(scenario, failure, draw);
        problems.push(...differences.map((line) => `${scenario.name}: ${line}`));
        machines += operations;
      }
    }
    print(`${scenario.name}: ${machines} machines, ${problems.length} differences so far`);
  }
  for (const problem of problems.slice(0, 20)) print(problem);
  process.exitCode = problems.length === 0 ? 0 : 1;
}

void main();
