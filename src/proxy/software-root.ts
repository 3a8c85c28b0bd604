/**
 * Local software releases follow their root folder when it moves (spec/proxy.md 4): a checkout
 * that is mounted elsewhere keeps its instances.
 */
import { isAbsolute, join, normalize, relative } from 'node:path';
import type { Logger } from '../log/logger.ts';
import type { ProxyStore, ProxyTables } from './store.ts';

const CONFIG_NAME = 'local_software_release_root';
const DEFAULT_ROOT = '/';

export interface RootChange {
  readonly oldRoot: string;
  readonly newRoot: string;
}

/** What to do about a configured root: nothing, remember it, or move addresses along too. */
export function planRootChange(
  stored: string | null,
  configured: string | undefined,
): { readonly change: RootChange; readonly isMove: boolean } | null {
  const oldRoot = normalize(stored ?? DEFAULT_ROOT);
  const newRoot = normalize(configured ?? DEFAULT_ROOT);
  if (oldRoot === newRoot) return null;
  const isMove = !isInside(oldRoot, newRoot) && !isInside(newRoot, oldRoot);
  return { change: { oldRoot, newRoot }, isMove };
}

/**
 * The address under the new root, or the same one: for a URL, for what is elsewhere, and where
 * only the old file exists.
 */
export function rebaseUrl(
  url: string,
  { oldRoot, newRoot }: RootChange,
  isFile: (path: string) => boolean,
): string {
  if (url === '' || /^[a-z][a-z0-9+.-]*:/i.test(url) || !isInside(url, oldRoot)) return url;
  const moved = join(newRoot, relative(oldRoot, url));
  return !isFile(moved) && isFile(url) ? url : moved;
}

function isInside(path: string, folder: string): boolean {
  const rest = relative(folder, path);
  return rest === '' || (rest !== '..' && !rest.startsWith('../') && !isAbsolute(rest));
}

/**
 * Applies the configured root to the database, after a dump of it when addresses change.
 * @param isFile whether a path is a regular file
 */
export async function applySoftwareRoot(
  store: ProxyStore,
  configured: string | undefined,
  isFile: (path: string) => boolean,
  log: Logger,
): Promise<void> {
  const stored = await store.read((tables) => tables.getConfig(CONFIG_NAME));
  const plan = planRootChange(stored, configured);
  if (plan === null) return;
  const { change, isMove } = plan;
  if (isMove) {
    log.info(`Backuping database to ${await store.dump()}`);
    log.info('Rebase URLs on local software release root path');
    log.info(`Old root path: ${change.oldRoot}`);
    log.info(`New root path: ${change.newRoot}`);
  }
  await store.write(async (tables) => {
    await tables.putConfig(CONFIG_NAME, change.newRoot);
    if (isMove) await moveAddresses(tables, (url) => rebaseUrl(url, change, isFile));
  });
}

async function moveAddresses(tables: ProxyTables, move: (url: string) => string): Promise<void> {
  for (const row of await tables.listSoftware(null)) {
    const url = move(row.url);
    if (url !== row.url) await tables.renameSoftware(row, url);
  }
  for (const row of await tables.listPartitions(null)) {
    if (row.softwareRelease === null) continue;
    const softwareRelease = move(row.softwareRelease);
    if (softwareRelease !== row.softwareRelease) {
      await tables.updatePartition(row, { softwareRelease });
    }
  }
}
