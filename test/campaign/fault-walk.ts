/**
 * Every system call of a command fails in turn, native code and children included, and then the command
 * runs undisturbed: it must end as a node on which nothing failed.
 *
 *     npm run campaign -- fault-walk [SCENE…] [--faults 30] [--seed S] [--lasting]
 *         [--each] [--every N] [--resume] [--call NAME] [--target TEXT] [--action NAME] [--list] [--verbose]
 *
 * --each takes one error and a kill for each call, --every each n-th fault; --resume keeps what was
 * tried in build/fault-walk/SCENE.jsonl and goes on from there, and tries findings again.
 * With --lasting everything fails from a call on: a full disk, a read-only one; and helpers are killed.
 * A sample of the faults unless CAMPAIGN=full or the options say otherwise. Ends with 1 when a run
 * hangs, dies, says nothing or leaves something that the next one does not put right.
 */
import {
  drawSeed,
  isFull,
  print,
  readNumber,
  readOptions,
  refuseOptions,
  runCampaign,
} from '../support/campaign.ts';
import { SCENES } from '../support/fault-scenes.ts';
import { runFaults } from '../support/run-faults.ts';

const { values, positionals } = readOptions({
  allowPositionals: true,
  options: {
    faults: { type: 'string', default: '' },
    each: { type: 'boolean', default: false },
    every: { type: 'string', default: '1' },
    resume: { type: 'boolean', default: false },
    seed: { type: 'string', default: drawSeed() },
    call: { type: 'string', default: '' },
    target: { type: 'string', default: '' },
    action: { type: 'string', default: '' },
    lasting: { type: 'boolean', default: false },
    list: { type: 'boolean', default: false },
    verbose: { type: 'boolean', default: false },
  },
});

/** All, where the options say which; else a sample. */
const defaultFaults = () => (isFull || values.each || values.every !== '1' ? 100_000 : 15);

async function main(): Promise<number> {
  const names = positionals.length > 0 ? positionals : Object.keys(SCENES);
  const unknown = names.filter((name) => !(name in SCENES));
  if (unknown.length > 0) {
    refuseOptions(`no scene ${unknown.join(', ')}; there are ${Object.keys(SCENES).join(', ')}`);
  }
  print(`fault-walk: ${names.join(', ')}, seed ${values.seed}`);
  const { seed, faults, call, target, action, list, verbose } = values;
  const filter = { call, target, action };
  const problems = await runFaults({
    scenes: names,
    most: faults === '' ? defaultFaults() : readNumber('faults', faults),
    every: readNumber('every', values.every, { least: 1 }),
    isEach: values.each,
    isResumed: values.resume,
    seed: readNumber('seed', seed),
    filter,
    isList: list,
    isLasting: values.lasting,
    isVerbose: verbose,
    onLine: print,
  });
  print(problems === 0 ? 'Every run was as it must be.' : `${problems} faults with a finding.`);
  return problems === 0 ? 0 : 1;
}

runCampaign(main, ['--seed', values.seed]);
