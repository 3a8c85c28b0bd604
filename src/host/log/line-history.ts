/**
 * The lines typed into a shell, kept for the next one: a file of its user alone, appended to, so
 * that several shells add to it, and cut when it grows too long.
 */
import { constants } from 'node:fs';
import { type FileHandle, mkdir, open } from 'node:fs/promises';
import { dirname } from 'node:path';
import { errorCode } from '../../errors/slapos-error.ts';

export interface LineHistory {
  /** The oldest line first; empty when there is no file or it is not one of ours. */
  load(): Promise<string[]>;
  /** Adds a line; what the kernel refuses is ignored, a history is no more than a comfort. */
  append(line: string): Promise<void>;
}

const MAX_BYTES = 256 * 1024;
const MAX_LINE = 4096;

/** Opens a plain file that belongs to us and nobody else can read; undefined otherwise. */
async function openOwn(path: string, flags: number): Promise<FileHandle | undefined> {
  let handle: FileHandle;
  try {
    handle = await open(path, flags | constants.O_NOFOLLOW | constants.O_NONBLOCK, 0o600);
  } catch {
    return undefined;
  }
  const status = await handle.stat();
  if (status.isFile() && status.nlink === 1 && status.uid === process.geteuid?.()) return handle;
  await handle.close();
  return undefined;
}

function lastLines(text: string, count: number): string[] {
  return text
    .split('\n')
    .filter((line) => line !== '' && line.length <= MAX_LINE)
    .slice(-count);
}

async function readLines(handle: FileHandle, count: number): Promise<string[]> {
  const { size } = await handle.stat();
  const length = Math.min(size, MAX_BYTES);
  const { buffer, bytesRead } = await handle.read(Buffer.alloc(length), 0, length, size - length);
  const text = buffer.toString('utf8', 0, bytesRead);
  // The first line of a part may be half of one.
  return lastLines(length < size ? text.slice(text.indexOf('\n') + 1) : text, count);
}

/** @param maxLines how many lines are kept; the file holds twice as many at most. */
export function openLineHistory(path: string, maxLines = 1000): LineHistory {
  let lineCount = 0;
  return {
    async load() {
      const handle = await openOwn(path, constants.O_RDWR);
      if (handle === undefined) return [];
      try {
        await handle.chmod(0o600);
        const lines = await readLines(handle, Number.MAX_SAFE_INTEGER);
        lineCount = lines.length;
        return lines.slice(-maxLines);
      } finally {
        await handle.close();
      }
    },
    async append(line) {
      if (line === '' || line.length > MAX_LINE || line.includes('\n')) return;
      await makeFolder(path);
      const { O_RDWR, O_APPEND, O_CREAT } = constants;
      const handle = await openOwn(path, O_RDWR | O_APPEND | O_CREAT);
      if (handle === undefined) return;
      try {
        lineCount += 1;
        if (lineCount > 2 * maxLines) {
          const kept = await readLines(handle, maxLines - 1);
          await handle.truncate(0);
          await handle.write(kept.map((each) => `${each}\n`).join(''));
          lineCount = kept.length + 1;
        }
        await handle.write(`${line}\n`);
      } catch (error) {
        if (!['ENOSPC', 'EDQUOT', 'EIO'].includes(errorCode(error))) throw error;
      } finally {
        await handle.close();
      }
    },
  };
}

async function makeFolder(path: string): Promise<void> {
  try {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  } catch (error) {
    if (errorCode(error) === '') throw error;
  }
}
