/**
 * Promises of many partitions, seen in one go: which partitions need no promise to be run. What it
 * sees it judges as `observe.ts` and `schedule.ts` do; whatever is not plain it leaves to them.
 */

import type { Seen, SeenTarget, SeenText } from '../host/folder/look.ts';
import type { GridHost } from '../host/grid-host.ts';
import {
  cachePath,
  LEGACY_FOLDER,
  MAX_PROMISES,
  PLUGIN_FOLDER,
  pluginKind,
  READ_AT_ONCE,
  resultPath,
} from './observe.ts';
import { parsePromiseCache } from './promise-cache.ts';
import { parsePromiseResult, promiseTitle } from './promise-result.ts';
import { decidePromise, type SchedulingFacts } from './schedule.ts';

/** The folders of promises of one partition, by paths in the instance root. */
export const PROMISE_FOLDERS = [LEGACY_FOLDER, PLUGIN_FOLDER] as const;

export interface PromiseNames {
  readonly partitionId: string;
  /** What {@link PROMISE_FOLDERS} hold, in that order. */
  readonly names: readonly [Seen<readonly string[]>, Seen<readonly string[]>];
}

interface Candidate {
  readonly partitionId: string;
  readonly isLegacy: boolean;
  readonly title: string;
  /** In the instance root. */
  readonly path: string;
}

/**
 * Looks at the promises of partitions in anomaly mode.
 * @returns by partition how many promises are not due; partitions of which something is due, has
 *   failed before or cannot be judged are left out.
 */
export async function findQuietPromises(
  host: GridHost,
  instanceRoot: string,
  partitions: readonly PromiseNames[],
  now: number,
): Promise<ReadonlyMap<string, number>> {
  const quiet = new Map<string, number>();
  const candidates: Candidate[] = [];
  for (const partition of partitions) {
    const found = listCandidates(partition);
    if (found === undefined) continue;
    quiet.set(partition.partitionId, found.length);
    candidates.push(...found);
  }
  for (let start = 0; start < candidates.length; start += READ_AT_ONCE) {
    // Nothing more is read of a partition that the pass looks at anyway.
    const slice = candidates
      .slice(start, start + READ_AT_ONCE)
      .filter(({ partitionId }) => quiet.has(partitionId));
    if (slice.length === 0) continue;
    const loud = await findLoud(host, instanceRoot, slice, now);
    for (const { partitionId } of loud) quiet.delete(partitionId);
  }
  return quiet;
}

/** undefined where folders cannot be listed or hold too much, or where promises share their files. */
function listCandidates({ names, partitionId }: PromiseNames): Candidate[] | undefined {
  const [legacy, plugins] = names;
  if (legacy === 'refused' || plugins === 'refused') return undefined;
  if (Math.max(legacy?.length ?? 0, plugins?.length ?? 0) > MAX_PROMISES) return undefined;
  const toCandidate = (folder: string, name: string): Candidate => ({
    partitionId,
    isLegacy: folder === LEGACY_FOLDER,
    title: promiseTitle(name),
    path: `${partitionId}/${folder}/${name}`,
  });
  const found = [
    ...(legacy ?? []).map((name) => toCandidate(LEGACY_FOLDER, name)),
    ...(plugins ?? [])
      .filter((name) => pluginKind(name) !== undefined)
      .map((name) => toCandidate(PLUGIN_FOLDER, name)),
  ];
  return new Set(found.map(({ title }) => title)).size === found.length ? found : undefined;
}

/** Those that are due or failed before, or of which that is not certain. */
async function findLoud(
  host: GridHost,
  instanceRoot: string,
  candidates: readonly Candidate[],
  now: number,
): Promise<readonly Candidate[]> {
  const { targets, texts } = await host.look(instanceRoot, {
    targets: candidates.map(({ path }) => path),
    texts: candidates.flatMap(({ partitionId, title }) => [
      `${partitionId}/${cachePath(title)}`,
      `${partitionId}/${resultPath(title)}`,
    ]),
  });
  const exists = rememberingExists(host);
  const loud: Candidate[] = [];
  for (const [index, candidate] of candidates.entries()) {
    const path = `${instanceRoot}/${candidate.path}`;
    const fileMtime = runnableMtime(candidate, targets[index]);
    const cache = parseSeen(texts[2 * index], parsePromiseCache);
    const saved = parseSeen(texts[2 * index + 1], parsePromiseResult);
    const isReadable = fileMtime !== undefined && cache !== undefined && saved !== 'refused';
    const isQuiet =
      isReadable &&
      cache !== 'refused' &&
      isNotDue({ cache, saved, path, fileMtime, now }) &&
      (cache.moduleFile === path || (await exists(cache.moduleFile)));
    if (!isQuiet) loud.push(candidate);
  }
  return loud;
}

/** When the file last changed, unix seconds; undefined for what cannot be run. */
function runnableMtime({ isLegacy }: Candidate, target: Seen<SeenTarget>): number | undefined {
  if (typeof target !== 'object' || target.kind !== 'file') return undefined;
  return isLegacy && (target.mode & 0o111) === 0 ? undefined : target.modifiedMs / 1000;
}

function parseSeen<State>(
  seen: Seen<SeenText>,
  parse: (text: string) => State | undefined,
): Seen<State> {
  return typeof seen === 'object' ? (parse(seen.text) ?? 'refused') : seen;
}

function isNotDue(facts: Omit<SchedulingFacts, 'mode' | 'isForced'>): boolean {
  const decision = decidePromise({ ...facts, mode: 'anomaly', isForced: false });
  return decision.action === 'skip' && decision.failure === undefined;
}

/** Modules that define plugins belong to few software releases. */
function rememberingExists(host: GridHost): (path: string) => Promise<boolean> {
  const known = new Map<string, boolean>();
  return async (path) => {
    const exists =
      known.get(path) ?? (path.startsWith('/') && (await host.stat(path)) !== undefined);
    known.set(path, exists);
    return exists;
  };
}
