/**
 * What the promises of a partition came to before, from their logs (spec/promise.md 5): a partition
 * owns these files, so what is read of each is bounded, and what is told of all. The panel asks every
 * two seconds for each page that shows them.
 */
import { parseMoment } from '../promise/moment.ts';
import { isFailedRun, type LogRun, parseLogRuns } from '../promise/promise-log.ts';
import { limitMessage } from '../promise/promise-result.ts';
import type { KnownRuns } from './history-cache.ts';
import { decodeEnd, listPromiseTitles } from './logs.ts';
import type { PromiseStatus } from './model.ts';
import { isPartitionName } from './partition-folders.ts';
import type { StatusSources } from './sources.ts';

const FOLDER = '.slapgrid/promise/log';
const MAX_BYTES = 32 * 1024;
const MAX_PROMISES = 200;
const MAX_RUNS = 50;
/** Of all promises of a partition, as JSON. */
const MAX_CHARACTERS = 256 * 1024;
const READ_AT_ONCE = 8;

/**
 * By title, results from old to new, the newest of all promises first when there are too many; the
 * time that each took is not kept. Promises whose log cannot be read are left out.
 */
export async function readPromiseHistory(
  sources: StatusSources,
  reference: string,
): Promise<Readonly<Record<string, readonly PromiseStatus[]>>> {
  if (!isPartitionName(sources.settings, reference)) return {};
  const titles = (await listPromiseTitles(sources, reference)).slice(0, MAX_PROMISES);
  const before = sources.histories.of(reference);
  const found = new Map<string, KnownRuns>();
  const waiting = titles.values();
  const work = async () => {
    for (const title of waiting) {
      const known = await readRuns(sources, reference, title, before.get(title));
      if (known !== undefined) found.set(title, known);
    }
  };
  await Promise.all(Array.from({ length: READ_AT_ONCE }, work));
  sources.histories.keep(reference, found);
  return selectNewest(titles, found);
}

/** Goes back in all promises alike, run by run, as long as there is room. */
function selectNewest(
  titles: readonly string[],
  found: ReadonlyMap<string, KnownRuns>,
): Readonly<Record<string, readonly PromiseStatus[]>> {
  const counts = new Map<string, number>();
  let room = MAX_CHARACTERS;
  let open = titles;
  for (let count = 1; count <= MAX_RUNS && open.length > 0; count += 1) {
    open = open.filter((title) => {
      const length = found.get(title)?.lengths.at(-count) ?? Infinity;
      if (length > room) return false;
      room -= length;
      counts.set(title, count);
      return true;
    });
  }
  return Object.fromEntries(
    titles.flatMap((title) => {
      const count = counts.get(title) ?? 0;
      return count === 0 ? [] : [[title, found.get(title)?.runs.slice(-count) ?? []] as const];
    }),
  );
}

async function readRuns(
  { host, settings }: StatusSources,
  reference: string,
  title: string,
  known: KnownRuns | undefined,
): Promise<KnownRuns | undefined> {
  try {
    const path = `${reference}/${FOLDER}/${title}.log`;
    const { instanceRoot } = settings;
    const end = await host.readChangedLogEnd(instanceRoot, path, MAX_BYTES, known?.version ?? '');
    if (end === 'unchanged') return known;
    if (end === undefined) return undefined;
    const newest = parseLogRuns(decodeEnd(end.bytes, end.isWhole)).slice(0, MAX_RUNS);
    const runs = newest.map((run) => toStatus(title, run)).reverse();
    return { version: end.version, runs, lengths: runs.map((run) => JSON.stringify(run).length) };
  } catch {
    // A link or another kind of file: the partition's own business.
    return undefined;
  }
}

function toStatus(title: string, run: LogRun): PromiseStatus {
  const text = run.map(({ message }) => message).join('\n');
  return {
    title,
    hasFailed: isFailedRun(run),
    message: limitMessage(text.trim()),
    // The dates are local time; the transaction begins with the seconds since the epoch.
    atMs: parseMoment(Number.parseInt(run[0]?.transaction ?? '0', 10) * 1000),
    executionS: 0,
  };
}
