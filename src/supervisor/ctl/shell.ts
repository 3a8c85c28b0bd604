/**
 * The session of supervisorctl: one line given on the command line, or a shell.
 *
 * Ctrl-C ends what the running action waits for; on the line that is being typed it throws that
 * away, and on an empty one it ends the shell.
 */
import type { LineHistory } from '../../host/log/line-history.ts';
import { SupervisorClient } from '../client.ts';
import { actionNames, runLine } from './actions.ts';
import { completeLine, NameSource, needsNames } from './completion.ts';
import { LineReader } from './line-reader.ts';
import type { CtlOptions } from './options.ts';
import type { CtlRun, CtlSession } from './session.ts';

export class Shell implements CtlSession {
  readonly isInteractive: boolean;
  readonly isTerminal: boolean;
  client: SupervisorClient;
  exitStatus = 0;
  isEnded = false;
  readonly #run: CtlRun;
  readonly #options: CtlOptions;
  readonly #history: LineHistory;
  readonly #names = new NameSource();
  readonly #earlierLines: readonly string[];
  #saved: Promise<void> = Promise.resolve();
  #reader: LineReader | undefined;
  #action: AbortController | undefined;

  private constructor(
    run: CtlRun,
    options: CtlOptions,
    history: LineHistory,
    earlierLines: readonly string[],
  ) {
    this.#run = run;
    this.#options = options;
    this.#history = history;
    this.#earlierLines = earlierLines;
    this.isInteractive = options.isInteractive;
    this.isTerminal = run.isTerminal;
    this.client = new SupervisorClient(options.target);
  }

  static async open(run: CtlRun, options: CtlOptions, history: LineHistory): Promise<Shell> {
    return new Shell(run, options, history, options.isInteractive ? await history.load() : []);
  }

  get signal(): AbortSignal {
    return this.#action?.signal ?? this.#run.signal;
  }

  write(text: string): void {
    this.#run.write(text);
  }

  writeError(text: string): void {
    this.#run.writeError(text);
  }

  ask(question: string, isSecret = false): Promise<string | undefined> {
    return this.#lines().next(question, isSecret ? 'secret' : 'answer');
  }

  /** Runs the action of the command line; resolves to its exit status. */
  async runOne(): Promise<number> {
    await this.#runLine(this.#options.words.join(' '));
    return this.exitStatus;
  }

  /** Reads and runs lines until the end of input or `exit`; resolves to 0. */
  async runAll(): Promise<number> {
    const { words, prompt } = this.#options;
    const reader = this.#lines();
    await this.#runLine(words.length === 0 ? 'status' : words.join(' '));
    while (!this.isEnded && !this.#run.signal.aborted) {
      const typed = await reader.next(`${prompt}> `, 'command');
      if (this.isEnded) break;
      await this.#runLine(typed ?? 'EOF');
    }
    await this.#saved;
    return 0;
  }

  close(): void {
    this.#reader?.close();
    this.client.close();
  }

  async #runLine(typed: string): Promise<void> {
    const action = new AbortController();
    const end = () => this.#interruptAction();
    this.#action = action;
    this.#run.signal.addEventListener('abort', end, { once: true });
    try {
      await runLine(this, typed);
    } finally {
      this.#run.signal.removeEventListener('abort', end);
      this.#action = undefined;
    }
  }

  #interruptAction(): void {
    this.#action?.abort();
    // Ends a call that waits for its answer; the next one opens another connection.
    this.client.close();
    this.#reader?.cancel();
  }

  #onInterrupt(typed: string): void {
    if (this.#action !== undefined) this.#interruptAction();
    else if (typed !== '') this.#reader?.clear();
    else {
      this.write('\n');
      this.isEnded = true;
      this.#reader?.cancel();
    }
  }

  #lines(): LineReader {
    this.#reader ??= new LineReader({
      input: this.#run.input,
      output: this.#run.output,
      isTerminal: this.#run.isTerminal,
      history: this.#earlierLines,
      complete: (typed) => this.#complete(typed),
      onInterrupt: (typed) => this.#onInterrupt(typed),
      onHistory: (line) => {
        this.#saved = this.#saved.then(() => this.#history.append(line)).catch(() => {});
      },
    });
    return this.#reader;
  }

  async #complete(typed: string): Promise<[string[], string]> {
    const noNames = { processes: [], groups: [] };
    const names = needsNames(typed) ? await this.#names.read(this.client) : noNames;
    return completeLine(typed, actionNames(), names);
  }
}
