/** What promises a partition has and what their last runs left behind. */
import { isSlaposError } from '../errors/slapos-error.ts';
import type { GridHost, OwnedFolder } from '../host/grid-host.ts';
import type { Logger } from '../log/logger.ts';
import { type PromiseCache, parsePromiseCache } from './promise-cache.ts';
import { parsePromiseResult, promiseTitle, type SavedResult } from './promise-result.ts';

export const STATE_FOLDER = '.slapgrid/promise';
export const LEGACY_FOLDER = 'etc/promise';
export const PLUGIN_FOLDER = 'etc/plugin';

/** A Python plugin, a JavaScript plugin, or an executable. */
export type PromiseKind = 'python' | 'javascript' | 'legacy';

export interface ObservedPromise {
  readonly kind: PromiseKind;
  readonly name: string;
  readonly title: string;
  readonly path: string;
  /** Unix seconds. */
  readonly fileMtime: number;
  /** undefined: never run, or nothing that can be trusted. */
  readonly cache: PromiseCache | undefined;
  readonly saved: SavedResult | undefined;
}

export interface ObservedPromises {
  /** Plugins sorted by name, then executables sorted by name. */
  readonly promises: readonly ObservedPromise[];
  /** Paths in `etc/promise` that cannot be run. */
  readonly badPaths: readonly string[];
}

type Candidate = Omit<ObservedPromise, 'cache' | 'saved'>;

/** Results hold at most 5,000 characters of a message, each twelve bytes at worst. */
const MAX_STATE_BYTES = 64 * 1024;

/** Of so many promises the files are in memory at a time; of the rest what they say. */
export const READ_AT_ONCE = 200;

/** No partition needs more in one folder. */
export const MAX_PROMISES = 1000;

/** Looks only. */
export async function observePromises(
  host: GridHost,
  folder: OwnedFolder,
  log: Logger,
): Promise<ObservedPromises> {
  const [pluginNames, legacyNames] = await Promise.all(
    [PLUGIN_FOLDER, LEGACY_FOLDER].map((path) => listSome(folder, path, log)),
  );
  const badPaths: string[] = [];
  const candidates: Candidate[] = [];
  for (const name of pluginNames ?? []) {
    const kind = pluginKind(name);
    if (kind === undefined) continue;
    const path = `${folder.path}/${PLUGIN_FOLDER}/${name}`;
    // A plugin that vanished meanwhile, or a link to nothing, fails when it is run.
    const modifiedMs = (await host.stat(path))?.modifiedMs ?? 0;
    candidates.push(toCandidate(kind, name, path, modifiedMs));
  }
  for (const name of legacyNames ?? []) {
    const path = `${folder.path}/${LEGACY_FOLDER}/${name}`;
    // A promise may be a link to a program of the software: it runs as the partition's user.
    const status = await host.stat(path);
    const isRunnable = status?.kind === 'file' && (status.mode & 0o111) !== 0;
    if (isRunnable) candidates.push(toCandidate('legacy', name, path, status.modifiedMs));
    else badPaths.push(path);
  }
  return { promises: await readStates(host, folder, candidates, log), badPaths };
}

/** Each entry may take as long as the time limit of promises, in which others wait. */
async function listSome(
  folder: OwnedFolder,
  path: string,
  log: Logger,
): Promise<readonly string[]> {
  const names = await folder.list(path);
  if (names.length <= MAX_PROMISES) return names;
  log.warning(
    `${folder.path}/${path} holds ${names.length} files: only the first ${MAX_PROMISES} are looked at.`,
  );
  return names.slice(0, MAX_PROMISES);
}

/** What a file of `etc/plugin` is; undefined when it is no promise. */
export function pluginKind(name: string): 'python' | 'javascript' | undefined {
  if (name.startsWith('__init__')) return undefined;
  if (name.endsWith('.py')) return 'python';
  return name.endsWith('.mjs') ? 'javascript' : undefined;
}

function toCandidate(kind: PromiseKind, name: string, path: string, modifiedMs: number): Candidate {
  return { kind, name, title: promiseTitle(name), path, fileMtime: modifiedMs / 1000 };
}

async function readStates(
  host: GridHost,
  folder: OwnedFolder,
  candidates: readonly Candidate[],
  log: Logger,
): Promise<readonly ObservedPromise[]> {
  const promises: ObservedPromise[] = [];
  for (let start = 0; start < candidates.length; start += READ_AT_ONCE) {
    const slice = candidates.slice(start, start + READ_AT_ONCE);
    promises.push(...(await readSlice(host, folder, slice, log)));
  }
  return promises;
}

/** All files of these promises in one go. */
async function readSlice(
  host: GridHost,
  folder: OwnedFolder,
  candidates: readonly Candidate[],
  log: Logger,
): Promise<readonly ObservedPromise[]> {
  const paths = candidates.flatMap(({ title }) => [cachePath(title), resultPath(title)]);
  const texts = await folder.readTexts(paths, MAX_STATE_BYTES);
  const promises: ObservedPromise[] = [];
  for (const [index, candidate] of candidates.entries()) {
    const cache = parseState(texts[2 * index], parsePromiseCache, paths[2 * index], log);
    const saved = parseState(texts[2 * index + 1], parsePromiseResult, paths[2 * index + 1], log);
    const isKnown = cache !== undefined && (await hasModule(host, candidate, cache));
    promises.push({ ...candidate, cache: isKnown ? cache : undefined, saved });
  }
  return promises;
}

/** What cannot be used counts as missing: the next run writes it anew. */
function parseState<State>(
  text: string | Error | undefined,
  parse: (text: string) => State | undefined,
  path: string | undefined,
  log: Logger,
): State | undefined {
  if (text === undefined) return undefined;
  const state = typeof text === 'string' ? parse(text) : undefined;
  if (state !== undefined) return state;
  const why = isSlaposError(text) ? text.message : `${path} cannot be understood.`;
  log.warning(`${why} Ignoring it: the next run of the promise writes it anew.`);
  return undefined;
}

/** The module that defined the class may be one of a software that is gone. */
async function hasModule(
  host: GridHost,
  candidate: Candidate,
  { moduleFile }: PromiseCache,
): Promise<boolean> {
  if (moduleFile === candidate.path) return true;
  return moduleFile.startsWith('/') && (await host.stat(moduleFile)) !== undefined;
}

export function cachePath(title: string): string {
  return `${STATE_FOLDER}/cache/${title}`;
}

export function resultPath(title: string): string {
  return `${STATE_FOLDER}/result/${title}.status.json`;
}

export function logPath(title: string): string {
  return `${STATE_FOLDER}/log/${title}.log`;
}
