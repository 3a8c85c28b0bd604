/** A release from the binary cache instead of a build (spec/networkcache.md 6). */
import { findPrefix } from '../config/binary-cache-options.ts';
import { BuildError, errorCode, errorMessage } from '../errors/slapos-error.ts';
import { ownedBy } from '../grid/owner.ts';
import { type CacheClient, createCacheClient } from '../networkcache/client.ts';
import { type BinaryEntry, chooseBinaries } from '../networkcache/entry.ts';
import type { Build } from './build.ts';
import { unpackArchive } from './cache-archive.ts';
import { fetchArchive } from './cache-fetch.ts';
import { findMachine, readKeys } from './cache-machine.ts';
import { COMPLETED, DOWNLOADED } from './release.ts';

/** An evil server could have thousands. */
const MAX_REFUSALS_TOLD = 20;

/**
 * Brings the release from the cache; nothing stands under its name before it is complete. What came
 * of an archive is kept when the run is interrupted, and for the next run when nothing else than
 * another download can help.
 * @param isForced whether the release may not be built
 * @returns false when it has to be built.
 * @throws CancelledError
 */
export async function downloadRelease(build: Build, isForced: boolean): Promise<boolean> {
  const servers = chooseServers(build);
  if (servers === undefined) return false;
  const { context, log, url } = build;
  try {
    return await tryEntries(build, createCacheClient(servers, context.signal), isForced);
  } catch (error) {
    if (errorCode(error) === 'SLAPOS_ERR_CANCELLED') throw error;
    log.info(`Failed to download from network cache ${url}: ${errorMessage(error)}`);
    return false;
  }
}

/** @returns undefined, and says why, when the release is not to be downloaded. */
function chooseServers({ context, log, url }: Build) {
  const { cacheTls, dirTls, downloadBlacklist, downloadCacheUrl, downloadDirUrl } =
    context.options.binaryCache;
  if (downloadCacheUrl === undefined && downloadDirUrl === undefined) return undefined;
  if (downloadCacheUrl === undefined || downloadDirUrl === undefined) {
    log.warning('networkcache badly configured: one of the two download-binary URLs is missing.');
    return undefined;
  }
  const blacklisted = findPrefix(downloadBlacklist, url);
  if (blacklisted !== undefined) {
    log.warning(`URL ${blacklisted} is blacklisted`);
    return undefined;
  }
  return { cacheUrl: downloadCacheUrl, dirUrl: downloadDirUrl, cacheTls, dirTls };
}

async function tryEntries(build: Build, client: CacheClient, isForced: boolean): Promise<boolean> {
  const { context, hash, log, url } = build;
  const machine = await findMachine(build);
  if (machine === undefined) return false;
  log.info(`Downloading ${url} binary from network cache.`);
  const entries = (await client.lookUp(hash)) ?? [];
  const { softwareRoot } = context.options;
  const search = { url, softwareRoot, machine, trustedKeys: readKeys(build) };
  const { refusals, usable } = chooseBinaries(entries, search);
  for (const refusal of refusals.slice(0, MAX_REFUSALS_TOLD)) log.info(refusal);
  if (refusals.length > MAX_REFUSALS_TOLD) {
    log.info(`${refusals.length - MAX_REFUSALS_TOLD} more entries are not used.`);
  }
  for (const entry of usable) {
    if (await tryEntry(build, client, entry, isForced)) return true;
  }
  if (usable.length === 0) log.info(`No binary of ${url} for this node is in the cache.`);
  return false;
}

async function tryEntry(
  build: Build,
  client: CacheClient,
  entry: BinaryEntry,
  isForced: boolean,
): Promise<boolean> {
  const work = downloadFolder(build.hash);
  let isFetched = false;
  try {
    const archive = await fetchArchive(build, client, work, entry.sha512);
    isFetched = true;
    await installArchive(build, work, archive);
    await build.root.remove(work);
    return true;
  } catch (error) {
    if (errorCode(error) === 'SLAPOS_ERR_CANCELLED') throw error;
    build.log.info(`Failed to download from network cache ${build.url}: ${errorMessage(error)}`);
    if (isFetched || !isForced || errorCode(error) !== 'SLAPOS_ERR_CACHE') {
      await build.root.remove(work);
    }
    return false;
  }
}

/** Name of the folder in which a download becomes a release. */
export function downloadFolder(hash: string): string {
  return `.${hash}.download`;
}

async function installArchive(build: Build, work: string, archive: string): Promise<void> {
  const { context, hash, log, owner, root } = build;
  log.info('Extracting archive of cached software release...');
  await unpackArchive(build, work, archive);
  if ((await root.stat(`${work}/${hash}`))?.kind !== 'directory') {
    throw new BuildError('SLAPOS_ERR_BUILD', 'The archive holds no release.');
  }
  // Said of the machine that built it, before the Master of this one has heard of it.
  await root.remove(`${work}/${hash}/${COMPLETED}`);
  await root.write(`${work}/${hash}/${DOWNLOADED}`, '', ownedBy(context.host, owner, 0o644));
  await root.move(`${work}/${hash}`, hash);
}
