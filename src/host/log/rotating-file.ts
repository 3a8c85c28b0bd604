/** A log file of our own that is renamed away when it has grown enough. */
import { closeSync, fstatSync, openSync, renameSync, rmSync, writeSync } from 'node:fs';
import { errorCode } from '../../errors/slapos-error.ts';

export interface RotatingFileOptions {
  readonly path: string;
  /** Size in bytes that starts a new file; 0 for never. */
  readonly maxBytes: number;
  /** Files kept as `.1`, `.2`…; 0 keeps none. */
  readonly backups: number;
}

/** Synchronous, so that the last lines before an exit are never lost. */
export class RotatingFile {
  readonly #options: RotatingFileOptions;
  #fd: number;
  #sizeBytes: number;

  /** @throws the system's error when the file cannot be opened. */
  constructor(options: RotatingFileOptions) {
    this.#options = options;
    this.#fd = openSync(options.path, 'a', 0o644);
    this.#sizeBytes = fstatSync(this.#fd).size;
  }

  append(data: string | Uint8Array): void {
    const bytes = typeof data === 'string' ? Buffer.from(data) : data;
    writeSync(this.#fd, bytes);
    this.#sizeBytes += bytes.length;
    const { maxBytes } = this.#options;
    if (maxBytes > 0 && this.#sizeBytes >= maxBytes) this.#rotate();
  }

  /** Opens the path again: after somebody renamed the file. What cannot be opened leaves the former. */
  reopen(): void {
    const fd = openSync(this.#options.path, 'a', 0o644);
    closeSync(this.#fd);
    this.#fd = fd;
    this.#sizeBytes = fstatSync(this.#fd).size;
  }

  /** Removes what was written so far. */
  clear(): void {
    rmSync(this.#options.path, { force: true });
    this.reopen();
  }

  close(): void {
    closeSync(this.#fd);
  }

  #rotate(): void {
    const { path, backups } = this.#options;
    for (let number = backups; number >= 1; number -= 1) {
      const from = number === 1 ? path : `${path}.${number - 1}`;
      try {
        renameSync(from, `${path}.${number}`);
      } catch (error) {
        if (errorCode(error) !== 'ENOENT') throw error;
      }
    }
    if (backups === 0) rmSync(path, { force: true });
    this.reopen();
  }
}
