/**
 * Texts of /proc that are read again and again: the kernel makes them up in microseconds, so that
 * they are read at once, from descriptors that stay open.
 */
import { openSync, readSync } from 'node:fs';

const FIRST_BYTES = 16 * 1024;
/** /proc/net/dev has 120 bytes for each device. */
const LARGEST_BYTES = 16 * 1024 * 1024;

export class KernelTexts {
  /** By path; undefined for what cannot be opened. */
  readonly #files = new Map<string, number | undefined>();
  #buffer = Buffer.allocUnsafe(FIRST_BYTES);

  /** Empty when there is no such file, or the kernel has nothing to tell there. */
  read(path: string): string {
    const fd = this.#open(path);
    if (fd === undefined) return '';
    try {
      const length = this.#fill(fd);
      return this.#buffer.toString('latin1', 0, length);
    } catch {
      return '';
    }
  }

  #open(path: string): number | undefined {
    if (this.#files.has(path)) return this.#files.get(path);
    let fd: number | undefined;
    try {
      fd = openSync(path, 'r');
    } catch {
      // Pressure stall information, say, may be left out of a kernel.
    }
    this.#files.set(path, fd);
    return fd;
  }

  /** Reads it from its begin; returns the number of bytes. */
  #fill(fd: number): number {
    let length = 0;
    for (;;) {
      const count = readSync(fd, this.#buffer, length, this.#buffer.length - length, length);
      length += count;
      if (count === 0 || length >= LARGEST_BYTES) return length;
      if (length === this.#buffer.length) {
        this.#buffer = Buffer.concat([this.#buffer], 2 * length);
      }
    }
  }
}
