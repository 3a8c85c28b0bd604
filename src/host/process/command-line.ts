/** Command lines of processes, one after the other: a synchronous read of procfs takes 16 µs. */
import { closeSync, openSync, readSync } from 'node:fs';

/** A process can claim terabytes for either text, PR_SET_MM_MAP of prctl(2). */
const LARGEST_BYTES = 128 * 1024;

let buffer: Buffer | undefined;

/**
 * argv of a process (proc_pid_cmdline(5)); empty for a kernel thread or a zombie, undefined when
 * it is gone or hidden. A program that rewrote its title has it split at blanks, as psutil does.
 */
export function readCommandLine(pid: number, procRoot = '/proc'): readonly string[] | undefined {
  const text = readProcessText(pid, 'cmdline', procRoot);
  return text === undefined ? undefined : parseCommandLine(text);
}

/**
 * The first 128 KiB of what a process says of itself, each word closed by a NUL; undefined when it
 * is gone or hidden.
 */
export function readProcessText(
  pid: number,
  name: 'cmdline' | 'environ',
  procRoot = '/proc',
): string | undefined {
  let fd: number;
  try {
    fd = openSync(`${procRoot}/${pid}/${name}`, 'r');
  } catch {
    return undefined;
  }
  try {
    buffer ??= Buffer.alloc(LARGEST_BYTES);
    return buffer.toString('utf8', 0, readWhole(fd, buffer));
  } catch {
    return undefined;
  } finally {
    closeSync(fd);
  }
}

function readWhole(fd: number, into: Buffer): number {
  let length = 0;
  while (length < into.length) {
    const count = readSync(fd, into, length, into.length - length, null);
    if (count === 0) break;
    length += count;
  }
  return length;
}

/** Splits the text of a cmdline file. */
export function parseCommandLine(text: string): string[] {
  if (text === '') return [];
  const isTerminated = text.endsWith('\0');
  const words = isTerminated ? text.slice(0, -1).split('\0') : text.split(' ');
  const only = words[0] ?? '';
  return isTerminated && words.length === 1 && only.includes(' ') ? only.split(' ') : words;
}
