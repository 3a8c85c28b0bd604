/**
 * Whether anything is left behind: by each export of the addon, and by each verb that runs over and
 * over in one process.
 *
 *     npm run campaign -- leaks [WORD...] [--passes N] [--calls N]
 *
 * Cases and verbs whose names have one of the words; 10,000 passes of a verb and 1,000 calls of an
 * export in a block. Runs in the private namespace; ends with 1 when something leaks.
 */
import { parseArgs } from 'node:util';
import { judgeExports, runExports } from '../leak/run-exports.ts';
import { enterNamespace } from '../support/campaign-namespace.ts';
import { missingFacilities } from '../support/requires.ts';

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: { calls: { type: 'string', default: '1000' } },
});
const print = (line: string) => process.stdout.write(`${line}\n`);

async function testExports(): Promise<boolean> {
  const extra = (['tun', 'bpf'] as const).filter((name) => missingFacilities([name]).length === 0);
  const calls = Number(values.calls);
  const options = {
    calls,
    blocks: 3,
    facilities: ['namespace', ...extra],
    isNeeding: false,
    isBrief: false,
    words: positionals,
  };
  const run = await runExports(options, ({ name, calls: made, problems }) =>
    print(`${problems.length === 0 ? 'flat ' : 'GROWS'} ${name} (${made} calls a block)`),
  );
  const found = judgeExports(run);
  for (const line of found) print(line);
  return found.length === 0;
}

async function main(): Promise<void> {
  if (!enterNamespace()) return;
  process.exitCode = (await testExports()) ? 0 : 1;
}

void main();
