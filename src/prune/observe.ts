/**
 * Reads what may name a shared part. Software folders belong to the user who builds, nested nodes
 * to the user of a partition: nothing is opened through a symbolic link that leads out of them.
 */
import { isUtf8 } from 'node:buffer';
import { isSlaposError } from '../errors/slapos-error.ts';
import type { BeneathFiles, FolderEntry } from '../host/file.ts';
import type { SharedPart } from './plan.ts';

export interface PruneReader {
  readonly beneath: Pick<BeneathFiles, 'list' | 'read'>;
  /** Resolves links; undefined when the path does not exist. */
  realpath(path: string): Promise<string | undefined>;
}

const LARGEST_TEXT = { maxBytes: 64 * 1024 * 1024 };

/** Folders in a folder, without hidden ones; empty when it is missing. */
async function listFolders(reader: PruneReader, root: string, path: string): Promise<string[]> {
  const entries = (await reader.beneath.list(root, path)) ?? [];
  return entries
    .filter(({ kind, name }) => kind === 'directory' && !name.startsWith('.'))
    .map(({ name }) => name);
}

/** All shared parts of a root with their signatures, sorted. */
export async function observeSharedParts(reader: PruneReader, root: string): Promise<SharedPart[]> {
  const parts: SharedPart[] = [];
  for (const name of await listFolders(reader, root, '')) {
    for (const hash of await listFolders(reader, root, name)) {
      const path = `${name}/${hash}`;
      parts.push({ path, hash, signatures: await readSignatures(reader, root, path) });
    }
  }
  return parts;
}

async function readSignatures(reader: PruneReader, root: string, path: string): Promise<string[]> {
  const texts: string[] = [];
  for (const { name } of (await reader.beneath.list(root, path)) ?? []) {
    if (name !== '.buildout-shared.json' && !/^\..*signature$/.test(name)) continue;
    const bytes = await readInside(reader, root, `${path}/${name}`);
    if (bytes !== undefined) texts.push(bytes.toString());
  }
  return texts;
}

/**
 * The texts of all software releases in a folder: `.installed.cfg` and the scripts of `bin`.
 * @throws HostError when an `.installed.cfg` is there and cannot be read: then nothing is known
 *   about what that software uses.
 */
export async function* readSoftwareTexts(reader: PruneReader, root: string): AsyncIterable<string> {
  for (const software of await listFolders(reader, root, '')) {
    const installed = await readInside(reader, root, `${software}/.installed.cfg`);
    if (installed !== undefined) yield installed.toString();
    const scripts = await listIfFolder(reader, root, `${software}/bin`);
    for (const { name, kind } of scripts) {
      if (name.startsWith('.') || kind === 'directory') continue;
      const bytes = await readInside(reader, root, `${software}/bin/${name}`).catch(
        () => undefined,
      );
      // A program that is no text names its parts in .installed.cfg too.
      if (bytes !== undefined && isUtf8(bytes)) yield bytes.toString();
    }
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

/** Paths, relative to a root, of all files named `slapos.cfg` in it; no link is followed. */
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
  } catch {
    return [];
  }
}
