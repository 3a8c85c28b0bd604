/** The scripts that write what a partition consumed (spec/grid.md 8.2). */
import { errorMessage } from '../errors/slapos-error.ts';
import type { GridContext } from '../grid/context.ts';
import type { Partition } from '../instance/partition.ts';
import { printableName } from '../log/printable.ts';
import { LARGEST_REPORT_BYTES, REPORTS } from './collect-reports.ts';
import { parsePartitionReport } from './consumption.ts';
import { runPartitionScript } from './run-script.ts';

const SCRIPTS = 'etc/report';
const MOST_SCRIPTS = 100;

/**
 * Runs every file of `etc/report` as the partition's user, all within `report_timeout`; one name
 * for an output file that does not exist yet is shared by the scripts of a partition.
 * @returns a line for each script that failed.
 */
export async function runReportScripts(
  context: GridContext,
  partition: Partition,
): Promise<readonly string[]> {
  const { folder, id, log } = partition;
  const random = Math.trunc(context.random() * 1e12).toString(36);
  const report = `${REPORTS}/slapreport.${random}`;
  const output = `${folder.path}/${report}`;
  const { failures, names } = await listScripts(partition);
  const endMs = performance.now() + context.options.reportTimeoutSeconds * 1000;
  for (const [index, name] of names.entries()) {
    const isLast = index === names.length - 1;
    const why = await runReportScript(context, partition, { name, output, endMs, isLast });
    if (why === undefined) continue;
    await dropPartOfReport(partition, report);
    log.error(`Script '${printableName(name)}' of ${id} failed: ${why}`);
    failures.push(`Script '${name}' failed.`);
  }
  return failures;
}

/**
 * Removes part of a report: nobody else would ever take it away. What is whole is a report all the
 * same, of this script or of one before it, since they share the file.
 */
async function dropPartOfReport({ folder, log }: Partition, report: string): Promise<void> {
  try {
    const bytes = await folder.readSole(report, LARGEST_REPORT_BYTES);
    if (bytes !== undefined && typeof parsePartitionReport(bytes) === 'string') {
      await folder.remove(report);
    }
  } catch (error) {
    log.warning(errorMessage(error));
  }
}

async function listScripts({ folder, id, log }: Partition) {
  try {
    const found = await folder.list(SCRIPTS);
    const names: string[] = [];
    for (const name of found.slice(0, MOST_SCRIPTS)) {
      if ((await folder.stat(`${SCRIPTS}/${name}`))?.kind !== 'directory') names.push(name);
    }
    if (found.length <= MOST_SCRIPTS) return { names, failures: [] };
    const problem = `${folder.path}/${SCRIPTS} holds ${found.length} entries: only the first ${MOST_SCRIPTS} are run.`;
    log.error(problem, { partition: id });
    return { names, failures: [problem] };
  } catch (error) {
    log.error(`The report scripts of ${id} were not run: ${errorMessage(error)}`);
    return { names: [], failures: [errorMessage(error)] };
  }
}

async function runReportScript(
  context: GridContext,
  partition: Partition,
  {
    endMs,
    isLast,
    name,
    output,
  }: {
    readonly name: string;
    readonly output: string;
    readonly endMs: number;
    readonly isLast: boolean;
  },
): Promise<string | undefined> {
  const isLimited = context.options.reportTimeoutSeconds > 0;
  const leftMs = endMs - performance.now();
  if (isLimited && leftMs <= 0) return 'no time was left for it';
  // One that hangs must leave time for the others.
  const timeoutMs = isLast ? leftMs : leftMs / 2;
  const cwd = `${partition.folder.path}/${SCRIPTS}`;
  const { failure } = await runPartitionScript(context, partition, {
    argv: [`${cwd}/${name}`, output],
    cwd,
    ...(isLimited ? { timeoutMs } : {}),
  });
  return failure;
}
