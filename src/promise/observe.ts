/** What promises a partition has and what their last runs left behind. */
import type { GridHost, OwnedFolder } from '../host/grid-host.ts';
import { type PromiseCache, parsePromiseCache } from './promise-cache.ts';
import { parsePromiseResult, promiseTitle, type SavedResult } from './promise-result.ts';

export const STATE_FOLDER = '.slapgrid/promise';
export const LEGACY_FOLDER = 'etc/promise';
export const PLUGIN_FOLDER = 'etc/plugin';

export interface LegacyPromise {
  readonly name: string;
  readonly title: string;
  readonly path: string;
  /** Unix seconds. */
  readonly fileMtime: number;
  readonly cache: PromiseCache | undefined;
  readonly saved: SavedResult | undefined;
}

export interface ObservedPromises {
  readonly promises: readonly LegacyPromise[];
  /** Paths in `etc/promise` that cannot be run. */
  readonly badPaths: readonly string[];
  /** Names of Python plugins. */
  readonly plugins: readonly string[];
}

/** Looks only; sorted by name. */
export async function observePromises(
  host: GridHost,
  folder: OwnedFolder,
): Promise<ObservedPromises> {
  const names = await folder.list(LEGACY_FOLDER);
  const promises: LegacyPromise[] = [];
  const badPaths: string[] = [];
  for (const name of names) {
    const path = `${folder.path}/${LEGACY_FOLDER}/${name}`;
    // A promise may be a link to a program of the software: it runs as the partition's user.
    const status = await host.stat(path);
    const isRunnable = status?.kind === 'file' && (status.mode & 0o111) !== 0;
    if (isRunnable) promises.push(await observePromise(folder, name, path, status.modifiedMs));
    else badPaths.push(path);
  }
  const plugins = (await folder.list(PLUGIN_FOLDER)).filter(
    (name) => name.endsWith('.py') && !name.startsWith('__init__'),
  );
  return { promises, badPaths, plugins };
}

async function observePromise(
  folder: OwnedFolder,
  name: string,
  path: string,
  modifiedMs: number,
): Promise<LegacyPromise> {
  const title = promiseTitle(name);
  const cache = await folder.readText(cachePath(title));
  const saved = await folder.readText(resultPath(title));
  return {
    name,
    title,
    path,
    fileMtime: modifiedMs / 1000,
    cache: cache === undefined ? undefined : parsePromiseCache(cache),
    saved: saved === undefined ? undefined : parsePromiseResult(saved),
  };
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
