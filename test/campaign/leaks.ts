/**
 * Whether anything is left behind: by each export of the addon, and by each verb that runs over and
 * over in one process.
 *
 *     npm run campaign -- leaks [WORD...] [--passes N] [--calls N]
 *     npm run campaign -- leaks --sanitize [WORD...] [--calls N]
 *
 * All exports and verbs, or the verbs that are named, and exports for the word `exports`; 10,000
 * passes of a verb, 1,000 calls of an export in a block. Runs in the private namespace; ends with 1
 * when something leaks.
 *
 * With --sanitize the exports are called by a Node whose addon is built with the address sanitizer
 * and UBSan of g++, which is all it needs besides: those whose name has one of the words. Ends with 1
 * at the first fault, and tells it.
 */
import { judgeExports, runExports } from '../leak/run-exports.ts';
import { LeakProgram } from '../leak/run-program.ts';
import { buildSanitized, findUnseenFaults, runSanitizedExports } from '../leak/run-sanitized.ts';
import { describeReport, listVerbs, runVerb } from '../leak/run-verbs.ts';
import { print, readNumber, readOptions, runCampaign } from '../support/campaign.ts';
import { missingFacilities } from '../support/facilities.ts';

const { positionals, values } = readOptions({
  allowPositionals: true,
  options: {
    calls: { type: 'string', default: '1000' },
    passes: { type: 'string', default: '10000' },
    sanitize: { type: 'boolean', default: false },
  },
});

const facilities = () => [
  'namespace',
  ...(['tun', 'bpf'] as const).filter((name) => missingFacilities([name]).length === 0),
];

async function testSanitized(): Promise<boolean> {
  const addon = buildSanitized();
  const unseen = findUnseenFaults(addon);
  const calls = readNumber('calls', values.calls);
  const asked = { calls, facilities: facilities(), words: positionals };
  const run = await runSanitizedExports(addon, asked, ({ name, calls: made, problems }) =>
    print(`${problems.length === 0 ? 'clean' : 'FAULT'} ${name} (${made} calls)`),
  );
  const found = [...unseen, ...judgeExports(run)];
  for (const line of found) print(line);
  return found.length === 0;
}

async function testExports(): Promise<boolean> {
  const calls = readNumber('calls', values.calls);
  const options = {
    calls,
    blocks: 3,
    facilities: facilities(),
    isNeeding: false,
    isBrief: false,
    words: [],
  };
  const run = await runExports(options, ({ name, calls: made, problems }) =>
    print(`${problems.length === 0 ? 'flat ' : 'GROWS'} ${name} (${made} calls a block)`),
  );
  const found = judgeExports(run);
  for (const line of found) print(line);
  return found.length === 0;
}

const isAsked = (name: string) => positionals.length === 0 || positionals.includes(name);

async function testVerbs(): Promise<boolean> {
  const program = await LeakProgram.build('verb-program');
  let isFlat = true;
  try {
    for (const name of (await listVerbs(program)).filter(isAsked)) {
      const report = await runVerb(program, name, readNumber('passes', values.passes));
      print(describeReport(name, report));
      for (const problem of report.problems) print(`    ${problem}`);
      isFlat &&= report.problems.length === 0;
    }
  } finally {
    program.remove();
  }
  return isFlat;
}

async function main(): Promise<number> {
  if (values.sanitize) return (await testSanitized()) ? 0 : 1;
  const isVerbFlat = await testVerbs();
  const isExportFlat = !isAsked('exports') || (await testExports());
  return isVerbFlat && isExportFlat ? 0 : 1;
}

runCampaign(main);
