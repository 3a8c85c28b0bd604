/** Files of the host that are too large to be held in memory, or not worth waiting for the disk. */
import { createReadStream, createWriteStream } from 'node:fs';
import { open, rename, rm, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import { syncFolder } from './host-files.ts';

const FILE_MODE = 0o644;

/** Same name for every writer of a path, so that the next one clears what a killed one left. */
function temporaryOf(path: string): string {
  return join(dirname(path), `.${basename(path)}.slapos-new`);
}

/** Replaces a file by the temporary one that `fill` writes, or leaves it as it was. */
async function replaceBy(path: string, fill: (temporary: string) => Promise<void>): Promise<void> {
  const temporary = temporaryOf(path);
  await rm(temporary, { force: true });
  try {
    await fill(temporary);
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}

/**
 * Replaces a file, 0644: readers see the old or the new content. After a power cut it may be empty.
 * @throws Error of the system.
 */
export function replaceFile(path: string, text: string): Promise<void> {
  return replaceBy(path, (temporary) =>
    writeFile(temporary, text, { mode: FILE_MODE, flag: 'wx' }),
  );
}

/**
 * Replaces a file, 0644, by what a stream gives, and waits until the disk has it.
 * @throws Error of the system, or what the stream throws.
 */
export async function writeStream(
  path: string,
  chunks: AsyncIterable<string | Uint8Array>,
  options: { readonly isCompressed: boolean },
): Promise<void> {
  await replaceBy(path, async (temporary) => {
    const source = Readable.from(chunks, { objectMode: true });
    const target = createWriteStream(temporary, { mode: FILE_MODE, flags: 'wx' });
    if (options.isCompressed) await pipeline(source, createGzip(), target);
    else await pipeline(source, target);
    const handle = await open(temporary, 'r+');
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
  });
  await syncFolder(dirname(path));
}

/** The content of a file, piece by piece. */
export function readStream(path: string): AsyncIterable<Uint8Array> {
  return createReadStream(path);
}
