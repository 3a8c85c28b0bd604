/** A release from the binary cache instead of a build (spec/networkcache.md 6). */
import { findPrefix } from '../config/binary-cache-options.ts';
import { renderByteSize } from '../config/byte-size.ts';
import { BuildError, errorCode, errorMessage } from '../errors/slapos-error.ts';
import { ownedBy } from '../grid/owner.ts';
import { type CacheClient, createCacheClient } from '../networkcache/client.ts';
import { type BinaryEntry, chooseBinaries } from '../networkcache/entry.ts';
import type { Build } from './build.ts';
import { unpackArchive } from './cache-archive.ts';
import { findMachine, readKeys } from './cache-machine.ts';
import { COMPLETED, DOWNLOADED } from './release.ts';

const PROGRESS_MS = 10_000;

/**
 * Brings the release from the cache; nothing stands under its name before it is complete.
 * @returns false when it has to be built.
 * @throws CancelledError
 */
export async function downloadRelease(build: Build): Promise<boolean> {
  const { context, log, url } = build;
  const { binaryCache } = context.options;
  const { cacheTls, dirTls, downloadBlacklist, downloadCacheUrl, downloadDirUrl } = binaryCache;
  if (downloadCacheUrl === undefined && downloadDirUrl === undefined) return false;
  if (downloadCacheUrl === undefined || downloadDirUrl === undefined) {
    log.warning('networkcache badly configured: one of the two download-binary URLs is missing.');
    return false;
  }
  const blacklisted = findPrefix(downloadBlacklist, url);
  if (blacklisted !== undefined) {
    log.warning(`URL ${blacklisted} is blacklisted`);
    return false;
  }
  const servers = { cacheUrl: downloadCacheUrl, dirUrl: downloadDirUrl, cacheTls, dirTls };
  try {
    return await tryEntries(build, createCacheClient(servers, context.signal));
  } catch (error) {
    if (errorCode(error) === 'SLAPOS_ERR_CANCELLED') throw error;
    log.info(`Failed to download from network cache ${url}: ${errorMessage(error)}`);
    return false;
  }
}

async function tryEntries(build: Build, client: CacheClient): Promise<boolean> {
  const { context, hash, log, url } = build;
  const machine = await findMachine(build);
  if (machine === undefined) return false;
  log.info(`Downloading ${url} binary from network cache.`);
  const entries = await client.lookUp(hash);
  const { softwareRoot } = context.options;
  const search = { url, softwareRoot, machine, trustedKeys: readKeys(build) };
  const { refusals, usable } = chooseBinaries(entries, search);
  for (const refusal of refusals) log.info(refusal);
  for (const entry of usable) {
    if (await tryEntry(build, client, entry)) return true;
  }
  if (usable.length === 0) log.info(`No binary of ${url} for this node is in the cache.`);
  return false;
}

async function tryEntry(build: Build, client: CacheClient, entry: BinaryEntry): Promise<boolean> {
  try {
    await installEntry(build, client, entry);
    return true;
  } catch (error) {
    if (errorCode(error) === 'SLAPOS_ERR_CANCELLED') throw error;
    build.log.info(`Failed to download from network cache ${build.url}: ${errorMessage(error)}`);
    return false;
  }
}

/** Name of the folder in which a download becomes a release. */
export function downloadFolder(hash: string): string {
  return `.${hash}.download`;
}

async function installEntry(build: Build, client: CacheClient, entry: BinaryEntry): Promise<void> {
  const { context, hash, log, owner, root } = build;
  const work = downloadFolder(hash);
  await root.remove(work);
  try {
    await root.makeFolder(work, ownedBy(context.host, owner, 0o700));
    const mode = ownedBy(context.host, owner, 0o600);
    const chunks = tellProgress(build, client.download(entry.sha512));
    await root.writeStream(`${work}/archive`, chunks, mode);
    log.info('Extracting archive of cached software release...');
    await unpackArchive(build, work);
    if ((await root.stat(`${work}/${hash}`))?.kind !== 'directory') {
      throw new BuildError('SLAPOS_ERR_BUILD', 'The archive holds no release.');
    }
    // Said of the machine that built it, before the Master of this one has heard of it.
    await root.remove(`${work}/${hash}/${COMPLETED}`);
    await root.write(`${work}/${hash}/${DOWNLOADED}`, '', ownedBy(context.host, owner, 0o644));
    await root.move(`${work}/${hash}`, hash);
  } finally {
    await root.remove(work);
  }
}

/** A line now and then, since releases have gigabytes. */
async function* tellProgress(
  { log, url }: Build,
  chunks: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  let receivedBytes = 0;
  let toldMs = performance.now();
  for await (const chunk of chunks) {
    yield chunk;
    receivedBytes += chunk.length;
    if (performance.now() - toldMs < PROGRESS_MS) continue;
    toldMs = performance.now();
    log.info(`Downloaded ${renderByteSize(receivedBytes)} of ${url} from network cache.`);
  }
}
