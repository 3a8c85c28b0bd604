/** Runs verbs, each in a process of its own. */
import type { LeakProgram } from './run-program.ts';
import type { VerbReport } from './verb-program.ts';

export async function runVerb(
  program: LeakProgram,
  verb: string,
  passes: number,
): Promise<VerbReport> {
  let report: VerbReport | undefined;
  const options = { verb, passes, countsFile: program.countsFile };
  const { errors, signal, status } = await program.run(options, (told) => {
    report = told as VerbReport;
  });
  if (report !== undefined) return report;
  const problem = `ended with ${status ?? signal}: ${errors}`;
  return { passes, seconds: 0, slopes: {}, last: {}, problems: [problem] };
}

export async function listVerbs(program: LeakProgram): Promise<readonly string[]> {
  let names: readonly string[] = [];
  const options = { verb: '', passes: 0, countsFile: program.countsFile };
  await program.run(options, (told) => {
    names = told as string[];
  });
  return names;
}

/** One line: passes, time, and growth of each pass. */
export function describeReport(name: string, report: VerbReport): string {
  const { passes, problems, seconds, slopes } = report;
  const told = Object.entries(slopes)
    .filter(([, rise]) => Math.abs(rise) >= 0.0005)
    .map(([figure, rise]) => `${figure} ${rise.toFixed(rise < 1 ? 3 : 0)}`);
  const verdict = problems.length === 0 ? 'flat ' : 'GROWS';
  return `${verdict} ${name}: ${passes} passes in ${Math.round(seconds)} s; a pass: ${told.join(', ')}`;
}
