/** Brings the write-ahead log of SQLite to the disk soon after commits, off the main thread. */
import { type FileHandle, open } from 'node:fs/promises';
import { errorCode } from '../errors/slapos-error.ts';

/** What a power cut may take: less time than any node needs to act on an answer. */
const DELAY_MS = 20;

/**
 * Invariant: a commit is on the disk at most DELAY_MS and two syncs after `request`. A commit
 * during a sync asks for another one, since that sync may have passed it.
 */
export class WalSync {
  readonly #path: string;
  #file: FileHandle | null = null;
  #timer: NodeJS.Timeout | null = null;
  #running: Promise<void> | null = null;
  #isAskedAgain = false;

  constructor(path: string) {
    this.#path = path;
  }

  request(): void {
    if (this.#running !== null) this.#isAskedAgain = true;
    else this.#timer ??= setTimeout(() => this.#start(), DELAY_MS).unref();
  }

  async close(): Promise<void> {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    this.#isAskedAgain = false;
    await this.#running;
    await this.#file?.close();
    this.#file = null;
  }

  #start(): void {
    this.#timer = null;
    this.#running = this.#sync().finally(() => {
      this.#running = null;
      if (!this.#isAskedAgain) return;
      this.#isAskedAgain = false;
      this.request();
    });
  }

  async #sync(): Promise<void> {
    try {
      this.#file ??= await open(this.#path, 'r');
      await this.#file.datasync();
    } catch (error) {
      // Without a log there is nothing to bring down; SQLite itself reports a disk that fails.
      if (errorCode(error) === '') throw error;
    }
  }
}
