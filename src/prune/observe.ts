/**
 * Reads what may name a shared part. Software folders belong to the user who builds, nested nodes
 * to the user of a partition: nothing is opened through a symbolic link that leads out of them.
 */
import { isUtf8 } from 'node:buffer';
import { isMachineFailure } from '../errors/machine-refusal.ts';
import { isSlaposError } from '../errors/slapos-error.ts';
import type { BeneathFiles, FolderEntry } from '../host/file.ts';
import type { FileStatus } from '../host/host.ts';
import type { SharedPart } from './plan.ts';

export interface PruneReader {
  readonly beneath: Pick<BeneathFiles, 'list' | 'read'>;
  /** Resolves links; undefined when the path does not exist. */
  realpath(path: string): Promise<string | undefined>;
  /** Facts about a path, links followed; undefined when it does not exist. */
  stat(path: string): Promise<FileStatus | undefined>;
}

const LARGEST_TEXT = { maxBytes: 64 * 1024 * 1024 };

/** Folders in a folder, without hidden ones; empty when it is missing. */
async function listFolders(reader: PruneReader, root: string, path: string): Promise<string[]> {
  const entries = (await reader.beneath.list(root, path)) ?? [];
  return entries
    .filter(({ kind, name }) => kind === 'directory' && !name.startsWith('.'))
    .map(({ name }) => name);
}

/** All shared parts of a root, sorted. */
export async function listSharedParts(reader: PruneReader, root: string): Promise<SharedPart[]> {
  const parts: SharedPart[] = [];
  for (const name of await listFolders(reader, root, '')) {
    for (const hash of await listFolders(reader, root, name)) {
      parts.push({ path: `${name}/${hash}`, hash });
    }
  }
  return parts;
}

/** The texts of the signature files of a part, one in memory at a time. */
export async function* readSignatures(
  reader: PruneReader,
  root: string,
  { path }: SharedPart,
): AsyncIterable<string> {
  for (const { name } of (await reader.beneath.list(root, path)) ?? []) {
    if (name !== '.buildout-shared.json' && !/^\..*signature$/.test(name)) continue;
    const bytes = await readInside(reader, root, `${path}/${name}`);
    if (bytes !== undefined) yield bytes.toString();
  }
}

/**
 * The texts of all software releases in a folder: `.installed.cfg` and the scripts of `bin`.
 * @throws HostError when an `.installed.cfg` is there and cannot be read: then nothing is known
 *   about what that software uses.
 */
export async function* readSoftwareTexts(reader: PruneReader, root: string): AsyncIterable<string> {
  for (const software of await listFolders(reader, root, '')) {
    yield* readReleaseTexts(reader, root, `${software}/`);
  }
}

/**
 * The texts of releases that a folder of the node only links to: upstream follows such links, and
 * parts that these releases use would be lost otherwise.
 */
export async function* readLinkedTexts(reader: PruneReader, root: string): AsyncIterable<string> {
  for (const { kind, name } of (await reader.beneath.list(root, '')) ?? []) {
    if (kind !== 'link' || name.startsWith('.')) continue;
    const target = await reader.realpath(`${root}/${name}`);
    if (target === undefined) continue;
    const isFolder = (await reader.stat(target))?.kind === 'directory';
    if (isFolder) yield* readReleaseTexts(reader, target, '');
  }
}

async function* readReleaseTexts(
  reader: PruneReader,
  root: string,
  beneath: string,
): AsyncIterable<string> {
  const installed = await readInside(reader, root, `${beneath}.installed.cfg`);
  if (installed !== undefined) yield installed.toString();
  for (const { name, kind } of await listIfFolder(reader, root, `${beneath}bin`)) {
    if (name.startsWith('.') || kind === 'directory') continue;
    // A program that is no text, or that cannot be read, names its parts in .installed.cfg too.
    const bytes = await readInside(reader, root, `${beneath}bin/${name}`).catch(() => undefined);
    if (bytes !== undefined && isUtf8(bytes)) yield bytes.toString();
  }
}

async function listIfFolder(
  reader: PruneReader,
  root: string,
  path: string,
): Promise<readonly FolderEntry[]> {
  try {
    return (await reader.beneath.list(root, path)) ?? [];
  } catch (error) {
    if (isUnsafe(error)) return [];
    throw error;
  }
}

/** Reads a file; a link is followed when it leads to a place beneath the same root. */
async function readInside(
  reader: PruneReader,
  root: string,
  path: string,
): Promise<Buffer | undefined> {
  try {
    return await reader.beneath.read(root, path, LARGEST_TEXT);
  } catch (error) {
    if (!isUnsafe(error)) throw error;
  }
  const realRoot = await reader.realpath(root);
  const target = await reader.realpath(`${root}/${path}`);
  if (realRoot === undefined || target?.startsWith(`${realRoot}/`) !== true) return undefined;
  return reader.beneath.read(realRoot, target.slice(realRoot.length + 1), LARGEST_TEXT);
}

function isUnsafe(error: unknown): boolean {
  return isSlaposError(error) && error.code === 'SLAPOS_ERR_UNSAFE_PATH';
}

/**
 * Paths, relative to a root, of all files named `slapos.cfg` in it; no link is followed.
 * @throws HostError where the machine fails: what such a node uses would be deleted.
 */
export async function* findConfigFiles(reader: PruneReader, root: string): AsyncIterable<string> {
  const pending = [''];
  for (let path = pending.pop(); path !== undefined; path = pending.pop()) {
    for (const { name, kind } of await listQuietly(reader, root, path)) {
      const below = path === '' ? name : `${path}/${name}`;
      if (kind === 'directory') pending.push(below);
      else if (kind === 'file' && name === 'slapos.cfg') yield below;
    }
  }
}

/** A folder that vanished, moved or has too long a path holds nothing for us. */
async function listQuietly(
  reader: PruneReader,
  root: string,
  path: string,
): Promise<readonly FolderEntry[]> {
  try {
    return (await reader.beneath.list(root, path)) ?? [];
  } catch (error) {
    if (isMachineFailure(error)) throw error;
    return [];
  }
}
