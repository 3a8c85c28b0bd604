/**
 * Lines of a terminal or a pipe, each given once to whoever asks next: the shell, a question, or
 * a service in the foreground. A pipe may end before its lines were asked for, so they wait here.
 */
import { createInterface, type Interface } from 'node:readline';
import { Writable } from 'node:stream';

export interface LineReaderOptions {
  readonly input: NodeJS.ReadableStream;
  readonly output: NodeJS.WritableStream;
  readonly isTerminal: boolean;
  /** Lines of earlier shells, the oldest first. */
  readonly history: readonly string[];
  complete(typed: string): Promise<[string[], string]>;
  /** Ctrl-C was typed; `typed` is what stands on the line. */
  onInterrupt(typed: string): void;
  onHistory(line: string): void;
}

/** What Tab offers where nothing can be completed. */
const NOTHING: [string[], string] = [[], ''];

/** Longest history in memory. */
const HISTORY_SIZE = 1000;

/** Writes on, but for what is typed while a secret is asked for. */
class Screen extends Writable {
  readonly #output: NodeJS.WritableStream;
  isMuted = false;

  constructor(output: NodeJS.WritableStream) {
    super();
    this.#output = output;
  }

  get columns(): number | undefined {
    return (this.#output as Partial<NodeJS.WriteStream>).columns;
  }

  override _write(chunk: Buffer, _: BufferEncoding, done: (error?: Error | null) => void): void {
    // Not held back, since actions write to the same output directly.
    if (!this.isMuted) this.#output.write(chunk);
    done();
  }
}

type Purpose = 'command' | 'answer' | 'secret';

export class LineReader {
  readonly #options: LineReaderOptions;
  readonly #screen: Screen;
  readonly #reader: Interface;
  readonly #lines: string[] = [];
  /** What the history holds, the newest first. */
  #kept: readonly string[];
  /** Readline's own list, once it has told of it. */
  #live: string[] | undefined;
  #purpose: Purpose = 'answer';
  #waiter: ((line: string | undefined) => void) | undefined;
  #isClosed = false;

  constructor(options: LineReaderOptions) {
    this.#options = options;
    this.#screen = new Screen(options.output);
    this.#kept = [...options.history].reverse();
    this.#reader = createInterface({
      input: options.input,
      output: this.#screen,
      terminal: options.isTerminal,
      history: [...this.#kept],
      historySize: HISTORY_SIZE,
      removeHistoryDuplicates: true,
      completer: (typed, done) => this.#complete(typed, done),
    });
    this.#reader.on('line', (line) => this.#give(line));
    this.#reader.on('SIGINT', () => options.onInterrupt(this.#reader.line));
    this.#reader.on('history', (lines) => this.#restoreHistory(lines));
    this.#reader.on('close', () => this.#end());
  }

  /** The next line; undefined at the end. */
  next(prompt: string, purpose: Purpose): Promise<string | undefined> {
    this.#purpose = purpose;
    const waiting = this.#lines.shift();
    if (waiting !== undefined || this.#isClosed) {
      if (purpose === 'command' && waiting !== undefined) this.#remember(waiting);
      this.#options.output.write(prompt);
      return Promise.resolve(waiting);
    }
    return new Promise((resolve) => {
      this.#waiter = resolve;
      this.#reader.setPrompt(prompt);
      this.#reader.prompt();
      this.#screen.isMuted = purpose === 'secret' && this.#options.isTerminal;
    });
  }

  /** Gives up waiting for a line, as if the input had ended; later lines can be asked for. */
  cancel(): void {
    this.#give(undefined);
  }

  /** Throws away what stands on the line and shows the prompt anew. */
  clear(): void {
    this.#reader.write(null, { ctrl: true, name: 'e' });
    this.#reader.write(null, { ctrl: true, name: 'u' });
    this.#options.output.write('^C\n');
    this.#reader.prompt();
  }

  close(): void {
    this.#reader.close();
  }

  #complete(typed: string, done: (error: null, result: [string[], string]) => void): void {
    const offered =
      this.#purpose === 'command' ? this.#options.complete(typed) : Promise.resolve(NOTHING);
    offered.then(
      (result) => done(null, result),
      () => done(null, NOTHING),
    );
  }

  /** Readline adds every line; only commands are kept, once they are taken as such. */
  #restoreHistory(lines: string[]): void {
    this.#live = lines;
    lines.splice(0, lines.length, ...this.#kept);
  }

  #remember(line: string): void {
    if (line.trim() === '' || line === this.#kept[0]) return;
    this.#kept = [line, ...this.#kept.filter((each) => each !== line)].slice(0, HISTORY_SIZE);
    if (this.#live !== undefined) this.#restoreHistory(this.#live);
    this.#options.onHistory(line);
  }

  #give(line: string | undefined): void {
    const waiter = this.#waiter;
    this.#waiter = undefined;
    this.#screen.isMuted = false;
    if (waiter !== undefined) {
      if (this.#purpose === 'command' && line !== undefined) this.#remember(line);
      waiter(line);
    } else if (line !== undefined) this.#lines.push(line);
  }

  #end(): void {
    this.#isClosed = true;
    if (this.#lines.length === 0) this.#give(undefined);
  }
}
