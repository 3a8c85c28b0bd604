/** The log of a service that we write on its behalf; opened as {@link openProgramLog} does. */
import { closeSync, writeSync } from 'node:fs';
import { openProgramLog } from './program-log.ts';

/**
 * Invariant: what is written before the file is open waits in memory, in order. A file that cannot
 * be opened or written loses its data, once told to `complain`.
 */
export class ProgramLogWriter {
  readonly #path: string;
  readonly #ownerUid: number;
  readonly #complain: (error: unknown) => void;
  #fd: number | undefined;
  #waiting: Buffer[] = [];
  #isClosed = false;
  #hasComplained = false;

  /** @param ownerUid user of the service */
  constructor(path: string, ownerUid: number, complain: (error: unknown) => void) {
    this.#path = path;
    this.#ownerUid = ownerUid;
    this.#complain = complain;
    this.#open();
  }

  write(data: Buffer): void {
    if (this.#fd === undefined) this.#waiting.push(data);
    else this.#append(this.#fd, data);
  }

  /** Opens the path again: after somebody renamed the file. */
  reopen(): void {
    if (this.#fd === undefined) return;
    closeSync(this.#fd);
    this.#fd = undefined;
    this.#open();
  }

  close(): void {
    this.#isClosed = true;
    if (this.#fd !== undefined) closeSync(this.#fd);
    this.#fd = undefined;
  }

  #open(): void {
    openProgramLog(this.#path, this.#ownerUid).then(
      (fd) => {
        for (const data of this.#waiting.splice(0)) this.#append(fd, data);
        if (this.#isClosed) closeSync(fd);
        else this.#fd = fd;
      },
      (error: unknown) => this.#fail(error),
    );
  }

  #append(fd: number, data: Buffer): void {
    try {
      for (let written = 0; written < data.length; ) written += writeSync(fd, data, written);
    } catch (error) {
      this.#fail(error);
    }
  }

  #fail(error: unknown): void {
    this.#waiting = [];
    if (this.#hasComplained) return;
    this.#hasComplained = true;
    this.#complain(error);
  }
}
