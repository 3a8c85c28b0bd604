/**
 * Random schedules of kills and upgrades against a supervisor under load
 * (`test/support/kill-schedule.ts`).
 *
 *     npm run campaign -- supervisor-kill [--schedules 200] [--services 500] [--seed S]
 *         [--keeper PROGRAM] [--without-exit-information]
 *
 * A slice of it unless CAMPAIGN=full or the options say otherwise. Ends with 1 when the supervisor
 * and its services disagree about anything.
 */
import {
  drawSeed,
  isFull,
  print,
  readNumber,
  readOptions,
  runCampaign,
} from '../support/campaign.ts';
import { KillMachine, type KillScheduleOptions } from '../support/kill-schedule.ts';

/** A new supervisor after so many schedules. */
const SCHEDULES_PER_MACHINE = 20;
const SHOWN_PROBLEMS = 5;

const { values } = readOptions({
  options: {
    schedules: { type: 'string', default: isFull ? '200' : '10' },
    services: { type: 'string', default: isFull ? '500' : '100' },
    seed: { type: 'string', default: drawSeed() },
    keeper: { type: 'string' },
    'without-exit-information': { type: 'boolean', default: false },
  },
});

function optionsFor(seed: number): KillScheduleOptions {
  const isLost = values['without-exit-information'];
  return {
    services: readNumber('services', values.services),
    seed,
    keeperArguments: isLost ? ['--without-exit-information'] : [],
    isEndOftenLost: isLost,
    ...(values.keeper === undefined ? {} : { keeper: values.keeper }),
  };
}

/** Runs schedules on one supervisor; gives the number of those that failed. */
async function runMachine(seed: number, first: number, count: number): Promise<number> {
  const machine = new KillMachine(optionsFor(seed));
  await machine.start();
  let failures = 0;
  for (let index = first; index < first + count; index += 1) {
    const durationMs = 2500;
    const result = await machine.schedule(machine.draw(durationMs), durationMs);
    const faults = result.faults.map(({ fault, atMs }) => `${fault} at ${atMs} ms`).join(', ');
    const { lives, ends, problems } = result;
    print(`${index + 1}: ${faults}; ${lives} starts, ${ends} ends, ${problems.length} problems`);
    for (const problem of problems.slice(0, SHOWN_PROBLEMS)) print(`   ${problem}`);
    if (problems.length > 0) failures += 1;
  }
  await machine.stop();
  return failures;
}

async function main(): Promise<number> {
  const [schedules, seed] = [
    readNumber('schedules', values.schedules),
    readNumber('seed', values.seed),
  ];
  print(`supervisor-kill: ${schedules} schedules, ${values.services} services, seed ${seed}`);
  let failures = 0;
  for (let first = 0; first < schedules; first += SCHEDULES_PER_MACHINE) {
    const count = Math.min(SCHEDULES_PER_MACHINE, schedules - first);
    failures += await runMachine(seed + first, first, count);
  }
  print(
    failures === 0
      ? 'No pid changed, no end was lost, nothing was started twice.'
      : `${failures} schedules failed; repeat with --seed ${seed}.`,
  );
  return failures === 0 ? 0 : 1;
}

runCampaign(main, ['--seed', values.seed]);
