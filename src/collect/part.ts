/**
 * The parts of a run, apart from each other: one that fails is logged and the others go on. Only a
 * cancelled run ends early.
 */
import { errorCode, errorMessage } from '../errors/slapos-error.ts';
import type { Logger } from '../log/logger.ts';

export interface PartOptions {
  /** A run in which a mandatory part failed exits with 1. */
  readonly isMandatory: boolean;
}

export class PartRunner {
  readonly #log: Logger;
  readonly #signal: AbortSignal;
  #hasMandatoryFailure = false;

  constructor(log: Logger, signal: AbortSignal) {
    this.#log = log;
    this.#signal = signal;
  }

  /** Whether a mandatory part has failed so far. */
  get hasMandatoryFailure(): boolean {
    return this.#hasMandatoryFailure;
  }

  /** Remembers a failure that was logged elsewhere. */
  noteMandatoryFailure(): void {
    this.#hasMandatoryFailure = true;
  }

  /**
   * Does one part. Resolves to undefined when it failed.
   * @param name what it does, to stand behind "Could not"
   * @throws the reason of the signal when the run was cancelled.
   */
  async run<Result>(
    name: string,
    options: PartOptions,
    work: () => Promise<Result>,
  ): Promise<Result | undefined> {
    this.#signal.throwIfAborted();
    try {
      return await work();
    } catch (error) {
      this.#signal.throwIfAborted();
      this.#report(name, options, error);
      return undefined;
    }
  }

  #report(name: string, { isMandatory }: PartOptions, error: unknown): void {
    if (isMandatory) this.#hasMandatoryFailure = true;
    const line = `Could not ${name}: ${errorMessage(error)}`;
    const facts = { event: 'collect.part_failed', part: name, code: errorCode(error) };
    if (isMandatory) this.#log.error(line, facts);
    else this.#log.warning(`${line} (ignoring)`, facts);
  }
}
