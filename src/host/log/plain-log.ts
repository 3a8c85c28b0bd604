/** The log of a plugin promise, as the process of the plugin itself uses it: it has no rights to lose. */
import { appendFileSync, closeSync, fstatSync, openSync, readSync, writeSync } from 'node:fs';

export function appendPlainLog(path: string, text: string): void {
  appendFileSync(path, text, { mode: 0o644 });
}

/** At most the last `maxBytes` bytes as text; empty when there is none to read. */
export function readPlainEnd(path: string, maxBytes: number): string {
  let fd: number;
  try {
    fd = openSync(path, 'r');
  } catch {
    return '';
  }
  try {
    const { size } = fstatSync(fd);
    const buffer = Buffer.alloc(Math.min(size, maxBytes));
    const length = readSync(fd, buffer, 0, buffer.length, size - buffer.length);
    return buffer.toString('utf8', 0, length);
  } finally {
    closeSync(fd);
  }
}

/** Writes a line to an open descriptor, whole. */
export function writeLine(fd: number, line: string): void {
  let rest = Buffer.from(`${line}\n`);
  while (rest.length > 0) rest = rest.subarray(writeSync(fd, rest));
}
