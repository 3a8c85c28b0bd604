/** A release that was built here into the binary cache (spec/networkcache.md 7). */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { findPrefix } from '../config/binary-cache-options.ts';
import { CancelledError, errorCode, errorMessage } from '../errors/slapos-error.ts';
import { ownedBy } from '../grid/owner.ts';
import { type Blob, type CacheClient, createCacheClient } from '../networkcache/client.ts';
import { type CacheEntry, renderBinaryEntry } from '../networkcache/entry.ts';
import { isKeyTrusted, signText } from '../networkcache/signature.ts';
import type { Build } from './build.ts';
import { packArchive } from './cache-archive.ts';
import { findMachine, readKeys } from './cache-machine.ts';
import { tellSent } from './cache-progress.ts';

/** Before the second and the third try: a server may still be digesting the first. */
const PAUSES_MS = [10_000, 60_000];

/** Never makes an installation fail. @throws CancelledError */
export async function uploadRelease(
  build: Build,
  pausesMs: readonly number[] = PAUSES_MS,
): Promise<void> {
  const { context, folder, log, url } = build;
  const { cacheTls, dirTls, uploadBlacklist, uploadCacheUrl, uploadDirUrl } =
    context.options.binaryCache;
  if (uploadCacheUrl === undefined || uploadDirUrl === undefined) return;
  try {
    if ((await folder.stat('.shared')) !== undefined) return;
    if (findPrefix(uploadBlacklist, url) !== undefined) {
      log.info("Can't upload to binary cache: Software Release URL is blacklisted.");
      return;
    }
    const servers = { cacheUrl: uploadCacheUrl, dirUrl: uploadDirUrl, cacheTls, dirTls };
    await packAndSend(build, createCacheClient(servers, context.signal), pausesMs);
  } catch (error) {
    if (errorCode(error) === 'SLAPOS_ERR_CANCELLED') throw error;
    log.warning(`Failed to upload ${url}: ${errorMessage(error)}, ignoring`);
  }
}

/** Name of the folder in which a release is packed. */
export function uploadFolder(hash: string): string {
  return `.${hash}.upload`;
}

async function packAndSend(
  build: Build,
  client: CacheClient,
  pausesMs: readonly number[],
): Promise<void> {
  const { context, hash, log, owner, root } = build;
  const key = await readSigningKey(build);
  if (key === null) return;
  const work = uploadFolder(hash);
  await root.remove(work);
  try {
    await root.makeFolder(work, ownedBy(context.host, owner, 0o700));
    log.info('Creating archive of software release...');
    const blob = await describeBlob(build, await packArchive(build, work));
    const entry = await signEntry(build, blob.sha512, key);
    if (entry !== undefined) await sendPatiently(build, client, { blob, entry }, pausesMs);
  } finally {
    await root.remove(work);
  }
}

/** @returns undefined without a key; null, with a warning, for one that nobody would trust. */
async function readSigningKey(build: Build): Promise<string | undefined | null> {
  const { privateKeyFile } = build.context.options.binaryCache;
  if (privateKeyFile === undefined) return undefined;
  const key = await readFile(privateKeyFile, 'utf8');
  if (isKeyTrusted(key, readKeys(build))) return key;
  build.log.warning(
    `Invalid configuration: no matching certificate for private key ${privateKeyFile}; nothing is uploaded.`,
  );
  return null;
}

async function describeBlob(build: Build, path: string): Promise<Blob> {
  const { root } = build;
  const hash = createHash('sha512');
  let sizeBytes = 0;
  for await (const chunk of root.readStream(path)) {
    hash.update(chunk);
    sizeBytes += chunk.length;
  }
  const open = () => tellSent(build, root.readStream(path), sizeBytes);
  return { sha512: hash.digest('hex'), sizeBytes, open };
}

async function signEntry(
  build: Build,
  sha512: string,
  key: string | undefined,
): Promise<CacheEntry | undefined> {
  const machine = await findMachine(build);
  if (machine === undefined) return undefined;
  const { softwareRoot } = build.context.options;
  const text = renderBinaryEntry({ sha512, softwareUrl: build.url, softwareRoot, machine });
  return { text, signature: key === undefined ? '' : signText(text, key) };
}

async function sendPatiently(
  build: Build,
  client: CacheClient,
  what: { readonly blob: Blob; readonly entry: CacheEntry },
  pausesMs: readonly number[],
): Promise<void> {
  for (let number = 0; ; number += 1) {
    build.log.info(`Trying to upload archive of software release (try ${number})...`);
    try {
      await send(build, client, what);
      return;
    } catch (error) {
      if (errorCode(error) === 'SLAPOS_ERR_CANCELLED') throw error;
      build.log.info(`Failed to upload file. ${errorMessage(error)}`);
    }
    const pauseMs = pausesMs[number];
    if (pauseMs === undefined) return;
    await sleep(pauseMs, undefined, { signal: build.context.signal }).catch((cause: unknown) => {
      throw new CancelledError('SLAPOS_ERR_CANCELLED', 'The upload was interrupted.', { cause });
    });
  }
}

async function send(
  { hash }: Build,
  client: CacheClient,
  { blob, entry }: { readonly blob: Blob; readonly entry: CacheEntry },
): Promise<void> {
  if (!(await client.hasBlob(blob.sha512))) await client.sendBlob(blob);
  await client.sendEntry(hash, entry);
}
