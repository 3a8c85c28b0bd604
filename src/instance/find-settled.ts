/**
 * Partitions for which a pass has nothing to do, found by a few looks at all of them together and
 * without their locks: nothing is changed, and whatever is not certain is left to the pass.
 */
import { basename } from 'node:path';
import type { GridContext } from '../grid/context.ts';
import type { Seen, SeenTarget, SeenText } from '../host/folder/look.ts';
import { findQuietPromises, PROMISE_FOLDERS } from '../promise/look.ts';
import { MAX_PROMISES } from '../promise/observe.ts';
import type { SlapPartition } from '../slap/master.ts';
import { softwarePath } from '../software/release.ts';
import { decidePartition, parsePeriodicity } from './decide.ts';
import { findAsking } from './find-asking.ts';
import { timestampText } from './partition.ts';
import { TIMESTAMP_FILE } from './timestamp.ts';
import { transactionFile } from './transaction.ts';
import { isKnownToMaster } from './watch.ts';

/** What is seen of one partition. */
interface Sight {
  readonly wish: SlapPartition;
  readonly folder: Seen<SeenTarget>;
  readonly timestamp: Seen<SeenText>;
  readonly transaction: Seen<SeenText>;
  readonly promiseNames: readonly [Seen<readonly string[]>, Seen<readonly string[]>];
}

/** Seconds by path of a software release; undefined where the file makes no sense. */
type Periodicities = ReadonlyMap<string, number | undefined>;

/** What a look at all partitions tells. */
export interface Outlook {
  /**
   * By partition id how many of its promises need not be checked. Such a partition is up to date,
   * nothing of it is due, nothing in it has to be put away and the Master knows its state.
   */
  readonly settled: ReadonlyMap<string, number>;
  /** Partitions that seem to be up to date, those that are settled among them. */
  readonly upToDate: ReadonlySet<string>;
}

export async function findSettled(
  context: GridContext,
  wishes: readonly SlapPartition[],
): Promise<Outlook> {
  const { host, now, options } = context;
  if (options.isForced || wishes.length === 0) {
    return { settled: new Map(), upToDate: new Set() };
  }
  const sights = await lookAtPartitions(context, wishes);
  const periodicities = await readPeriodicities(context, wishes);
  const ids = wishes.map(({ partitionId }) => partitionId);
  const asking = await findAsking(context, ids);
  const settled = new Map<string, number>();
  const upToDate = new Set<string>();
  const watched: Sight[] = [];
  for (const sight of sights) {
    const { wish } = sight;
    if (!isUpToDate(context, sight, periodicities)) continue;
    upToDate.add(wish.partitionId);
    if (asking.has(wish.partitionId) || !isPlain(sight)) continue;
    if (wish.requestedState !== 'started') settled.set(wish.partitionId, 0);
    else if (isKnownToMaster(context, wish, undefined)) watched.push(sight);
  }
  const nowSeconds = now().getTime() / 1000;
  const quiet = await findQuietPromises(
    host,
    options.instanceRoot,
    watched.map(toNames),
    nowSeconds,
  );
  return { settled: new Map([...settled, ...quiet]), upToDate };
}

async function lookAtPartitions(
  { host, options }: GridContext,
  wishes: readonly SlapPartition[],
): Promise<readonly Sight[]> {
  const ids = wishes.map(({ partitionId }) => partitionId);
  const { folders, targets, texts } = await host.look(options.instanceRoot, {
    targets: ids,
    texts: ids.flatMap((id) => [`${id}/${TIMESTAMP_FILE}`, `${id}/${transactionFile(id)}`]),
    folders: ids.flatMap((id) => PROMISE_FOLDERS.map((folder) => `${id}/${folder}`)),
    maxNames: MAX_PROMISES,
  });
  return wishes.map((wish, index) => ({
    wish,
    folder: targets[index],
    timestamp: texts[2 * index],
    transaction: texts[2 * index + 1],
    promiseNames: [folders[2 * index], folders[2 * index + 1]],
  }));
}

/** Complete, in a folder that the pass would not refuse, without a file that it would remove. */
function isPlain({ folder, transaction, wish }: Sight): boolean {
  const isOwned = typeof folder === 'object' && folder.uid !== 0 && folder.gid !== 0;
  const isComplete = wish.parameters !== null && wish.requestedState !== '';
  return isOwned && isComplete && transaction === undefined;
}

function isUpToDate(
  { now, options }: GridContext,
  { timestamp: seen, wish }: Sight,
  periodicities: Periodicities,
): boolean {
  const { isForced, isForceStop, maximumPeriodicitySeconds, softwareRoot } = options;
  const url = wish.softwareReleaseUrl;
  const periodicitySeconds =
    url === null ? maximumPeriodicitySeconds : periodicities.get(softwarePath(softwareRoot, url));
  if (typeof seen !== 'object' || periodicitySeconds === undefined) return false;
  const decision = decidePartition({
    isForced,
    isForceStop,
    requestedState: wish.requestedState,
    timestamp: timestampText(wish.parameters?.['timestamp']),
    stored: { text: seen.text, mtime: seen.modifiedMs / 1000 },
    periodicitySeconds,
    now: now().getTime() / 1000,
  });
  return decision.action === 'up-to-date';
}

async function readPeriodicities(
  { host, options }: GridContext,
  wishes: readonly SlapPartition[],
): Promise<Periodicities> {
  const { maximumPeriodicitySeconds, softwareRoot } = options;
  const urls = new Set(
    wishes.flatMap(({ softwareReleaseUrl: url }) => (url === null ? [] : [url])),
  );
  const paths = [...urls].map((url) => softwarePath(softwareRoot, url));
  const { texts } = await host.look(softwareRoot, {
    texts: paths.map((path) => `${basename(path)}/periodicity`),
  });
  return new Map(
    paths.map((path, index) => {
      const seen = texts[index];
      if (typeof seen === 'object') return [path, parsePeriodicity(seen.text)] as const;
      // As `observePartition`: a file that cannot be read counts as none.
      return [path, maximumPeriodicitySeconds] as const;
    }),
  );
}

function toNames({ promiseNames: names, wish }: Sight) {
  return { partitionId: wish.partitionId, names };
}
