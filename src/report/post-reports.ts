/** Tells the Master what computer and partitions consumed (spec/grid.md 8.4 and 8.5). */
import { isUtf8 } from 'node:buffer';
import { errorCode, errorMessage } from '../errors/slapos-error.ts';
import type { GridContext } from '../grid/context.ts';
import { notifyError } from '../instance/notify.ts';
import {
  LARGEST_REPORT_BYTES,
  type PartitionConsumption,
  REPORTS,
  type ReportFile,
} from './collect-reports.ts';
import { findComputerReportFault, renderAggregate } from './consumption.ts';

/** The size of one aggregate; what does not fit is reported by the next run. */
const LARGEST_AGGREGATE = 32 * 1024 * 1024;

/**
 * Posts what `node collect` wrote about the computer, one post for each valid file. A file that is
 * no report, or that the Master refuses, does not keep the others back.
 * @returns false when the Master did not take one, or one cannot be read or taken away.
 */
export async function postComputerReports(context: GridContext): Promise<boolean> {
  const { host, log, options } = context;
  const root = host.openFolder(options.instanceRoot);
  const path = `${REPORTS}/${options.computerId}`;
  const names = await listComputerReports(context, path);
  let isPosted = names !== undefined;
  for (const name of names ?? []) {
    const report = { folder: root, file: `${path}/${name}` };
    try {
      if (!(await postComputerReport(context, report))) isPosted = false;
    } catch (error) {
      log.error(`${root.path}/${report.file} was not posted: ${errorMessage(error)}`);
      isPosted = false;
      // Each of the others would only wait for the same silence.
      if (errorCode(error) === 'SLAPOS_ERR_MASTER_UNAVAILABLE') break;
    }
  }
  return isPosted;
}

async function listComputerReports(
  { host, log, options }: GridContext,
  path: string,
): Promise<readonly string[] | undefined> {
  try {
    return await host.openFolder(options.instanceRoot).list(path);
  } catch (error) {
    log.error(`${errorMessage(error)} Nothing in it is reported.`);
    return undefined;
  }
}

/** @returns false when it will be posted again. */
async function postComputerReport(context: GridContext, report: ReportFile): Promise<boolean> {
  const { log, master, options } = context;
  const bytes = await report.folder.readSole(report.file, 16 * LARGEST_REPORT_BYTES);
  if (bytes === undefined) return true;
  const fault = isUtf8(bytes) ? findComputerReportFault(bytes) : 'it is not UTF-8';
  if (fault !== undefined) {
    log.warning(
      `${report.folder.path}/${report.file} is no consumption report: ${fault.replace(/\.$/, '')}.`,
    );
    return true;
  }
  await master.useComputer(options.computerId, bytes.toString());
  return deleteReport(context, report);
}

/**
 * Posts the reports of all partitions as one; nothing is posted when there is none. One that the
 * Master refuses is posted again in parts, so that only the partition at fault is blamed.
 * @returns the ids of partitions of whose reports the next run posts some.
 */
export async function postAggregate(
  context: GridContext,
  reports: readonly PartitionConsumption[],
): Promise<ReadonlySet<string>> {
  const filled = reports.filter((report) => report.movements !== '');
  const smallest = takeSmallest(filled);
  const taken = filled.filter((report) => smallest.has(report));
  const large = filled.filter((report) => !smallest.has(report)).map((each) => each.partitionId);
  for (const id of large) {
    context.log.warning(`The reports of ${id} are too large: left for the next run.`);
  }
  const unread = reports.filter((report) => !report.isComplete).map((each) => each.partitionId);
  const left = [...large, ...unread];
  if (taken.length === 0) return new Set(left);
  try {
    return new Set([...left, ...(await postTogether(context, taken))]);
  } catch (error) {
    context.log.error(`The consumption reports were not posted: ${errorMessage(error)}`);
    const isWrong = errorCode(error) === 'SLAPOS_ERR_MASTER_REFUSED';
    const unsent = isWrong
      ? await postApart(context, taken)
      : taken.map((each) => each.partitionId);
    return new Set([...left, ...unsent]);
  }
}

/** @returns the ids of partitions whose reports are still there, although they were posted. */
async function postTogether(
  context: GridContext,
  reports: readonly PartitionConsumption[],
): Promise<readonly string[]> {
  const { master, now, options } = context;
  const movements = reports.map((report) => report.movements).join('');
  const text = renderAggregate(options.computerId, renderStopDate(now()), movements);
  await master.useComputer(options.computerId, text);
  const kept = new Set<string>();
  for (const { files, partitionId } of reports) {
    for (const file of files) {
      if (!(await deleteReport(context, file))) kept.add(partitionId);
    }
  }
  return [...kept];
}

async function postApart(
  context: GridContext,
  reports: readonly PartitionConsumption[],
): Promise<readonly string[]> {
  const unsent: string[] = [];
  for (const report of reports) {
    try {
      unsent.push(...(await postTogether(context, [report])));
    } catch (error) {
      const { partitionId } = report;
      const text = `The Master refused the consumption reports of ${partitionId}: ${errorMessage(error)}`;
      context.log.error(text);
      await notifyError(context, { computerId: context.options.computerId, partitionId }, text);
      unsent.push(partitionId);
    }
  }
  return unsent;
}

/** A partition that writes too much must not keep back the reports of the others. */
function takeSmallest(reports: readonly PartitionConsumption[]): ReadonlySet<PartitionConsumption> {
  const taken = new Set<PartitionConsumption>();
  let size = 0;
  for (const report of reports.toSorted((a, b) => a.movements.length - b.movements.length)) {
    size += report.movements.length;
    if (size > LARGEST_AGGREGATE) break;
    taken.add(report);
  }
  return taken;
}

async function deleteReport({ log }: GridContext, { file, folder }: ReportFile): Promise<boolean> {
  try {
    await folder.remove(file);
    return true;
  } catch (error) {
    log.error(`${errorMessage(error)} It was posted and will be again.`);
    return false;
  }
}

/** `2026-01-31 at 10:20:30`, local time. */
export function renderStopDate(now: Date): string {
  const two = (value: number) => String(value).padStart(2, '0');
  const day = `${now.getFullYear()}-${two(now.getMonth() + 1)}-${two(now.getDate())}`;
  return `${day} at ${two(now.getHours())}:${two(now.getMinutes())}:${two(now.getSeconds())}`;
}
