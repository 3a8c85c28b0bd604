/** Writes the files of a promise, all owned by the partition (spec/promise.md 3 to 5). */
import { errorMessage } from '../errors/slapos-error.ts';
import type { GridContext } from '../grid/context.ts';
import { ownedBy } from '../grid/owner.ts';
import type { OwnedFolder } from '../host/grid-host.ts';
import type { WriteOptions } from '../host/host.ts';
import type { UserIdentity } from '../host/user/user.ts';
import type { Logger } from '../log/logger.ts';
import { cachePath, logPath, type ObservedPromise, resultPath, STATE_FOLDER } from './observe.ts';
import { type LogRun, parseLogRuns, renderLogEntry, transactionId } from './promise-log.ts';
import { limitMessage, type PromiseResult, renderPromiseResult } from './promise-result.ts';

/** Where a partition is and whose it is. */
export interface PromisePlace {
  readonly folder: OwnedFolder;
  readonly owner: UserIdentity;
}

const FILE_MODE = 0o644;
/** A log is put aside as `<title>.log.1` at this size. */
const ROTATE_BYTES = 10 * 1024 * 1024;
/** How much of the end of an entry is kept, in characters. */
const MAX_ENTRY = 20_000;
/** Enough for the last three runs of a promise that says as much as it may, four bytes each. */
const HISTORY_BYTES = 256 * 1024;
/** Files of older versions, which every launch deletes. */
const OBSOLETE = [
  'promise_stats.json',
  'promise_status.json',
  'global.json',
  'public.json',
  'history',
];
const OBSOLETE_SUFFIXES = ['.timestamp', '.periodicity'];

/** Makes the folders and removes what older versions left there. */
export async function prepareFolders(
  context: GridContext,
  { folder, owner }: PromisePlace,
  log: Logger,
): Promise<void> {
  const ownership = ownedBy(context.host, owner, 0o700);
  for (const name of ['', '/result', '/cache', '/log']) {
    if (name === '') await folder.makeFolder('.slapgrid', ownership);
    await folder.makeFolder(`${STATE_FOLDER}${name}`, ownership);
  }
  const names = await folder.list(STATE_FOLDER);
  const obsolete = names.filter(
    (name) => OBSOLETE.includes(name) || OBSOLETE_SUFFIXES.some((suffix) => name.endsWith(suffix)),
  );
  for (const name of obsolete) {
    await folder.remove(`${STATE_FOLDER}/${name}`).catch((error: unknown) => {
      log.debug(`${errorMessage(error)}, ignoring`);
    });
  }
}

/** Puts a log aside that has grown too large, over the one put aside before. */
export async function rotateLog({ folder }: PromisePlace, title: string): Promise<void> {
  const path = logPath(title);
  const status = await folder.stat(path);
  if (status !== undefined && status.sizeBytes >= ROTATE_BYTES) {
    await folder.rename(path, `${title}.log.1`);
  }
}

/** One entry as a run of its own, or as a line of the run with that transaction. */
export async function appendLog(
  context: GridContext,
  place: PromisePlace,
  title: string,
  level: 'INFO' | 'WARNING' | 'ERROR',
  message: string,
  ownTransaction?: string,
): Promise<void> {
  const now = context.now();
  const transaction = ownTransaction ?? transactionId(now.getTime(), context.random());
  const kept = message.length > MAX_ENTRY ? `...${message.slice(-MAX_ENTRY)}` : message;
  const entry = renderLogEntry(now, level, transaction, kept);
  await place.folder.append(logPath(title), entry, fileOptions(context, place));
}

/** The last runs of a promise, newest first, over a rotation of its log. */
export async function readLastRuns(
  { folder }: PromisePlace,
  title: string,
  count: number,
): Promise<readonly LogRun[]> {
  const path = logPath(title);
  const runs = parseLogRuns(await folder.readTail(path, HISTORY_BYTES));
  if (runs.length >= count) return runs;
  return [...runs, ...parseLogRuns(await folder.readTail(`${path}.1`, HISTORY_BYTES))];
}

export async function writeCache(
  context: GridContext,
  place: PromisePlace,
  title: string,
  text: string,
): Promise<void> {
  await place.folder.write(cachePath(title), text, fileOptions(context, place));
}

/** Saves a result and says it in the log of the node. */
export async function saveResult(
  context: GridContext,
  place: PromisePlace,
  promise: Pick<ObservedPromise, 'title' | 'name' | 'path'>,
  result: Omit<PromiseResult, 'title' | 'name' | 'path'>,
  log: Logger,
): Promise<PromiseResult> {
  const { name, path, title } = promise;
  const message = limitMessage(result.message);
  const whole: PromiseResult = { ...result, title, name, path, message };
  if (whole.hasFailed) log.error(message);
  else log.info(message);
  const text = renderPromiseResult(whole);
  await place.folder.write(resultPath(title), text, fileOptions(context, place));
  return whole;
}

function fileOptions(context: GridContext, { owner }: PromisePlace): WriteOptions {
  return ownedBy(context.host, owner, FILE_MODE);
}
