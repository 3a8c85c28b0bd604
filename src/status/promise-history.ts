/**
 * What the promises of a partition came to before, from their logs (spec/promise.md 5): a partition
 * owns these files, so what is read of each is bounded.
 */
import { isFailedRun, type LogRun, parseLogRuns } from '../promise/promise-log.ts';
import { limitMessage } from '../promise/promise-result.ts';
import { decodeEnd, listPromiseTitles } from './logs.ts';
import type { PromiseStatus } from './model.ts';
import { isPartitionName } from './partition-folders.ts';
import type { StatusSources } from './sources.ts';

const FOLDER = '.slapgrid/promise/log';
const MAX_BYTES = 32 * 1024;
const MAX_PROMISES = 200;
const MAX_RUNS = 50;
const READ_AT_ONCE = 8;

/**
 * By title, results from old to new; the time that each took is not kept. Promises whose log cannot
 * be read are left out.
 */
export async function readPromiseHistory(
  sources: StatusSources,
  reference: string,
): Promise<Readonly<Record<string, readonly PromiseStatus[]>>> {
  if (!isPartitionName(sources.settings, reference)) return {};
  const titles = (await listPromiseTitles(sources, reference)).slice(0, MAX_PROMISES);
  const found = new Map<string, readonly PromiseStatus[]>();
  const waiting = titles.values();
  const work = async () => {
    for (const title of waiting) found.set(title, await readRuns(sources, reference, title));
  };
  await Promise.all(Array.from({ length: READ_AT_ONCE }, work));
  return Object.fromEntries(
    titles.flatMap((title) => {
      const runs = found.get(title) ?? [];
      return runs.length === 0 ? [] : [[title, runs] as const];
    }),
  );
}

async function readRuns(
  { host, settings }: StatusSources,
  reference: string,
  title: string,
): Promise<readonly PromiseStatus[]> {
  try {
    const path = `${reference}/${FOLDER}/${title}.log`;
    const end = await host.readLogEnd(settings.instanceRoot, path, MAX_BYTES);
    if (end === undefined) return [];
    const runs = parseLogRuns(decodeEnd(end.bytes, end.isWhole)).slice(0, MAX_RUNS);
    return runs.map((run) => toStatus(title, run)).reverse();
  } catch {
    // A link or another kind of file: the partition's own business.
    return [];
  }
}

function toStatus(title: string, run: LogRun): PromiseStatus {
  const text = run.map(({ message }) => message).join('\n');
  return {
    title,
    hasFailed: isFailedRun(run),
    message: limitMessage(text.trim()),
    // The dates are local time; the transaction begins with the seconds since the epoch.
    atMs: Number.parseInt(run[0]?.transaction ?? '0', 10) * 1000,
    executionS: 0,
  };
}
