/** Runs the cases of the exports in a process of their own. */
import type { CaseReport, ExportOptions } from './export-program.ts';
import { LeakProgram, type ProgramOptions } from './run-program.ts';

export interface ExportRun {
  readonly reports: readonly CaseReport[];
  /** Why the program ended before its time, '' when it did not. */
  readonly failure: string;
}

export async function runExports(
  options: Omit<ExportOptions, 'countsFile'>,
  onReport: (report: CaseReport) => void = () => {},
  how: ProgramOptions = {},
): Promise<ExportRun> {
  const program = await LeakProgram.build('export-program', how.packageFolder);
  const reports: CaseReport[] = [];
  const hear = (told: unknown) => {
    reports.push(told as CaseReport);
    onReport(told as CaseReport);
  };
  try {
    const asked = { ...options, countsFile: how.preload === undefined ? program.countsFile : '' };
    const { errors, signal, status } = await program.run(asked, hear, how);
    const after = `ended with ${status ?? signal} after ${reports.at(-1)?.name ?? 'no case'}`;
    return { reports, failure: status === 0 ? '' : `${after}: ${errors}` };
  } finally {
    program.remove();
  }
}

const isKnown = ({ name }: CaseReport) => name.startsWith('known leak');

/** What is wrong, one line each: leaks, and leaks of the harness's own that it did not see. */
export function judgeExports({ failure, reports }: ExportRun): string[] {
  const found = reports
    .filter((report) => !isKnown(report))
    .flatMap(({ name, problems }) => problems.map((problem) => `${name}: ${problem}`));
  const unseen = reports
    .filter((report) => isKnown(report) && report.problems.length === 0)
    .map(({ name }) => `${name}: was not seen`);
  return [...found, ...unseen, ...(failure === '' ? [] : [failure])];
}
