/**
 * One node with many partitions and services under churn: instances are requested, changed, stopped,
 * started, banged and destroyed, services crash, promises fail, the supervisor is upgraded and killed
 * and the Master restarted. After every round what runs is held against a model; memory, descriptors,
 * threads, files and times must stay level.
 *
 *     npm run campaign -- load [--partitions N] [--services N] [--minutes M] [--seed S]
 *
 * A slice of it unless CAMPAIGN=full or the options say otherwise. Ends with 1 when anything was lost
 * or rises; writes every reading to build/load.json.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus, loadavg, release } from 'node:os';
import { join } from 'node:path';
import { packageRoot } from '../../src/host/package/package-files.ts';
import {
  drawSeed,
  isFull,
  print,
  readNumber,
  readOptions,
  runCampaign,
} from '../support/campaign.ts';
import { renderFigures } from '../support/load-figures.ts';
import { type LoadOutcome, runLoad } from '../support/run-load.ts';

const { values } = readOptions({
  options: {
    partitions: { type: 'string', default: isFull ? '500' : '40' },
    services: { type: 'string', default: '10' },
    minutes: { type: 'string', default: isFull ? '30' : '1' },
    seed: { type: 'string', default: drawSeed() },
  },
});

function readFigures() {
  const { minutes, partitions, seed, services } = values;
  return {
    minutes: readNumber('minutes', minutes, { isWhole: false, least: 0.1 }),
    partitions: readNumber('partitions', partitions),
    seed: readNumber('seed', seed),
    services: readNumber('services', services),
  };
}

function describeMachine(): string {
  const [cpu] = cpus();
  const load = loadavg()[1]?.toFixed(1);
  return `${cpus().length} × ${cpu?.model.trim()}, Linux ${release()}, Node ${process.version}, load ${load}`;
}

/** @returns whether nothing was lost and nothing rises */
function tell({ cuts, lines, met, problems, rounds, rows }: LoadOutcome): boolean {
  print(`\n${describeMachine()}\n\n${renderFigures(rows)}`);
  for (const [what, count] of [...met].sort()) print(`${String(count).padStart(7)} ${what}`);
  print(`${String(lines).padStart(7)} lines of logs read, ${cuts} rotations cut some`);
  for (const problem of problems) print(problem);
  const rising = rows.filter(({ isFlat }) => isFlat === false);
  for (const { name } of rising) print(`${name} rises`);
  const isRight = problems.length === 0 && rising.length === 0;
  const isJudged = rows.some(({ isFlat }) => isFlat !== undefined);
  const levels = isJudged ? 'all level' : 'too few to say what rises';
  print(
    isRight ? `${rounds} rounds: nothing lost, ${levels}.` : `Repeat with --seed ${values.seed}.`,
  );
  return isRight;
}

async function main(): Promise<number> {
  const options = readFigures();
  const { minutes, partitions, seed, services } = options;
  print(`load: ${partitions} partitions × ${services} services, ${minutes} min, seed ${seed}`);
  const outcome = await runLoad({ ...options, onLine: print });
  const folder = join(packageRoot(), 'build');
  mkdirSync(folder, { recursive: true });
  const record = { ...options, machine: describeMachine(), ...outcome, met: [...outcome.met] };
  writeFileSync(join(folder, 'load.json'), JSON.stringify(record));
  return tell(outcome) ? 0 : 1;
}

runCampaign(main, ['--seed', values.seed]);
