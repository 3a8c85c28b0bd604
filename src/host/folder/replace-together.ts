/** Files that are of use only together, such as a key and its certificate: all are replaced, or none. */
import { readFile, rename, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { errorCode } from '../../errors/slapos-error.ts';
import type { WriteOptions } from '../host.ts';
import { doing, stagedName, stageFile, syncFolder } from './host-files.ts';

export interface NewText {
  readonly path: string;
  readonly text: string;
}

/** What a file was; undefined where there was none. */
type Former = (WriteOptions & { readonly text: string }) | undefined;

/**
 * Replaces files, 0600, in folders of our own. All of the new ones are whole on the disk before the
 * first takes its name, so that nothing but renamings is between the first and the last; where one
 * of these fails the former files are written again.
 * @throws HostError SLAPOS_ERR_FILE
 */
export async function replaceTogether(files: readonly NewText[]): Promise<void> {
  const formers = new Map<string, Former>();
  const replaced: string[] = [];
  try {
    for (const { path } of files) {
      formers.set(path, await doing(`read ${path}`, () => readFormer(path)));
    }
    for (const { path, text } of files) {
      await doing(`write ${path}`, () => stageFile(path, text, { mode: 0o600 }));
    }
    for (const { path } of files) {
      await doing(`write ${path}`, () => rename(stagedName(path), path));
      replaced.push(path);
    }
  } catch (error) {
    // The first failure is the one to be told.
    for (const path of replaced) await bringBack(path, formers.get(path)).catch(() => {});
    for (const { path } of files) await rm(stagedName(path), { force: true }).catch(() => {});
    throw error;
  }
  for (const folder of new Set(files.map(({ path }) => dirname(path)))) {
    await doing(`write to ${folder}`, () => syncFolder(folder));
  }
}

async function readFormer(path: string): Promise<Former> {
  try {
    const [text, { mode, uid, gid }] = [await readFile(path, 'utf8'), await stat(path)];
    return { text, mode: mode & 0o7777, uid, gid };
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}

async function bringBack(path: string, former: Former): Promise<void> {
  if (former === undefined) return rm(path, { force: true });
  await stageFile(path, former.text, former);
  await rename(stagedName(path), path);
}
