/** Runs the report scripts of partitions and gathers what they wrote (spec/grid.md 8.2 to 8.5). */
import { errorCode, errorMessage } from '../errors/slapos-error.ts';
import { childEnvironment } from '../grid/child-environment.ts';
import type { GridContext } from '../grid/context.ts';
import type { OwnedFolder } from '../host/grid-host.ts';
import type { Partition } from '../instance/partition.ts';
import {
  findComputerReportFault,
  type Movement,
  parsePartitionReport,
  renderAggregate,
} from './consumption.ts';

const SCRIPTS = 'etc/report';
const REPORTS = 'var/xml_report';

export interface PartitionConsumption {
  readonly partitionId: string;
  readonly movements: readonly Movement[];
  /** Removes the files; called once the Master has their content. */
  discard(): Promise<void>;
}

interface FoundReport {
  readonly folder: OwnedFolder;
  readonly file: string;
  readonly movements: readonly Movement[];
}

/**
 * Runs every file of `etc/report` as the partition's user; one name for an output file that does
 * not exist yet is shared by the scripts of a partition.
 * @returns a line for each script that failed.
 */
export async function runReportScripts(
  context: GridContext,
  partition: Partition,
): Promise<readonly string[]> {
  const { folder, log } = partition;
  const random = Math.trunc(context.random() * 1e12).toString(36);
  const output = `${folder.path}/${REPORTS}/slapreport.${random}`;
  const failures: string[] = [];
  for (const name of await folder.list(SCRIPTS)) {
    const why = await runReportScript(context, partition, name, output);
    if (why === undefined) continue;
    log.error(`Script '${name}' of ${partition.id} failed: ${why}`);
    failures.push(`Script '${name}' failed.`);
  }
  return failures;
}

async function runReportScript(
  context: GridContext,
  { folder, log, owner }: Partition,
  name: string,
  output: string,
): Promise<string | undefined> {
  const { partitionTimeoutSeconds } = context.options;
  try {
    const outcome = await context.host.run({
      argv: [`${folder.path}/${SCRIPTS}/${name}`, output],
      cwd: `${folder.path}/${SCRIPTS}`,
      env: childEnvironment(context.env, { home: owner.home }),
      user: owner,
      onLine: (line) => log.info(line),
      signal: context.signal,
      ...(partitionTimeoutSeconds === undefined
        ? {}
        : { timeoutMs: partitionTimeoutSeconds * 1000 }),
    });
    if (outcome.isTimedOut) return `timed out after ${partitionTimeoutSeconds} seconds`;
    return outcome.status === 0 ? undefined : `exit status ${outcome.status}`;
  } catch (error) {
    if (errorCode(error) === 'SLAPOS_ERR_CANCELLED') throw error;
    return errorMessage(error);
  }
}

/** Reads the valid reports of a partition; invalid ones are left in place. */
export async function collectPartitionReports(
  context: GridContext,
  partition: Partition,
): Promise<PartitionConsumption> {
  const root = context.host.openFolder(context.options.instanceRoot);
  const found = [
    ...(await readReports(context, partition.folder, REPORTS)),
    ...(await readReports(context, root, `${REPORTS}/${partition.id}`)),
  ];
  return {
    partitionId: partition.id,
    movements: found.flatMap((report) => report.movements),
    async discard() {
      for (const { file, folder } of found) await folder.remove(file);
    },
  };
}

async function readReports(
  context: GridContext,
  folder: OwnedFolder,
  path: string,
): Promise<readonly FoundReport[]> {
  const found: FoundReport[] = [];
  for (const name of await folder.list(path)) {
    const file = `${path}/${name}`;
    try {
      const text = await folder.readText(file);
      if (text === undefined) continue;
      const report = parsePartitionReport(text);
      if (typeof report === 'string') {
        context.log.warning(`${folder.path}/${file} is no consumption report: ${report}.`);
        continue;
      }
      found.push({ folder, file, movements: report });
    } catch (error) {
      context.log.warning(`${errorMessage(error)} It is not reported.`);
    }
  }
  return found;
}

/** Posts what `node collect` wrote about the computer, one post for each valid file. */
export async function postComputerReports(context: GridContext): Promise<void> {
  const { host, log, master, options } = context;
  const root = host.openFolder(options.instanceRoot);
  const path = `${REPORTS}/${options.computerId}`;
  for (const name of await root.list(path)) {
    const file = `${path}/${name}`;
    const text = await root.readText(file);
    if (text === undefined) continue;
    const fault = findComputerReportFault(text);
    if (fault === undefined) {
      await master.useComputer(options.computerId, text);
      await root.remove(file);
    } else {
      log.warning(`${root.path}/${file} is no consumption report: ${fault}.`);
    }
  }
}

/** Posts the reports of all partitions as one. Nothing is posted when there is none. */
export async function postAggregate(
  context: GridContext,
  reports: readonly PartitionConsumption[],
): Promise<void> {
  const filled = reports.filter((report) => report.movements.length > 0);
  if (filled.length === 0) return;
  const { computerId } = context.options;
  const text = renderAggregate(computerId, renderStopDate(context.now()), filled);
  await context.master.useComputer(computerId, text);
  for (const report of filled) await report.discard();
}

/** `2026-01-31 at 10:20:30`, local time. */
export function renderStopDate(now: Date): string {
  const two = (value: number) => String(value).padStart(2, '0');
  const day = `${now.getFullYear()}-${two(now.getMonth() + 1)}-${two(now.getDate())}`;
  return `${day} at ${two(now.getHours())}:${two(now.getMinutes())}:${two(now.getSeconds())}`;
}
