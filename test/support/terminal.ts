/** A program on a real pseudo-terminal (through util-linux script), and what its screen shows. */
import { type ChildProcess, spawn } from 'node:child_process';
import { until } from './supervisor-run.ts';

/** The screen of a terminal that scrolls for ever: enough for what readline and we write. */
export class Screen {
  readonly #lines: string[] = [''];
  #row = 0;
  #column = 0;

  write(text: string): void {
    // biome-ignore lint/suspicious/noControlCharactersInRegex: terminal sequences are meant.
    for (const [piece] of text.matchAll(/\x1b\[[0-9;?]*[A-Za-z]|[\s\S]/gu)) this.#apply(piece);
  }

  /** What stands there, without blanks at the ends of lines. */
  get text(): string {
    return this.#lines.map((line) => line.trimEnd()).join('\n');
  }

  /** The line of the cursor. */
  get currentLine(): string {
    return (this.#lines[this.#row] ?? '').trimEnd();
  }

  #apply(piece: string): void {
    if (piece === '\n') {
      this.#row += 1;
      this.#lines[this.#row] ??= '';
    } else if (piece === '\r') this.#column = 0;
    else if (piece === '\b') this.#column = Math.max(0, this.#column - 1);
    else if (piece === '\x07') return;
    else if (piece.startsWith('\x1b')) this.#obey(piece);
    else this.#put(piece);
  }

  #put(character: string): void {
    const line = (this.#lines[this.#row] ?? '').padEnd(this.#column);
    const rest = line.slice(this.#column + 1);
    this.#lines[this.#row] = line.slice(0, this.#column) + character + rest;
    this.#column += 1;
  }

  #obey(sequence: string): void {
    const count = Number.parseInt(sequence.slice(2), 10);
    const verb = sequence.at(-1);
    if (verb === 'G') this.#column = (count || 1) - 1;
    else if (verb === 'C') this.#column += count || 1;
    else if (verb === 'D') this.#column = Math.max(0, this.#column - (count || 1));
    else if (verb === 'A') this.#row = Math.max(0, this.#row - (count || 1));
    else if (verb === 'B') this.#row += count || 1;
    else if (verb === 'J' || verb === 'K') {
      const line = this.#lines[this.#row] ?? '';
      this.#lines[this.#row] = line.slice(0, this.#column);
      if (verb === 'J') this.#lines.length = this.#row + 1;
    }
  }
}

/** What keeps what a terminal shows. */
export interface TerminalScreen {
  write(text: string): void;
  readonly text: string;
  readonly currentLine: string;
}

export interface TerminalOptions<Shown extends TerminalScreen> {
  readonly screen: Shown;
  readonly columns: number;
  readonly rows: number;
}

export class Terminal<Shown extends TerminalScreen = Screen> {
  readonly screen: Shown;
  readonly #child: ChildProcess;
  readonly ended: Promise<number>;

  /** @param command shell words: quote what needs it */
  constructor(
    command: string,
    env: Readonly<Record<string, string>> = {},
    { columns = 80, rows = 24, screen }: Partial<TerminalOptions<Shown>> = {},
  ) {
    this.screen = screen ?? (new Screen() as TerminalScreen as Shown);
    const sized = `stty cols ${columns} rows ${rows}; exec ${command}`;
    this.#child = spawn('script', ['-qefc', sized, '/dev/null'], {
      env: { PATH: process.env['PATH'] ?? '', TERM: 'xterm', ...env },
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    this.#child.stdout?.setEncoding('utf8');
    this.#child.stdout?.on('data', (text: string) => this.screen.write(text));
    this.ended = new Promise((resolve) => {
      this.#child.on('exit', (status) => resolve(status ?? -1));
    });
  }

  type(text: string): void {
    this.#child.stdin?.write(text);
  }

  /** Waits until the screen shows something. */
  async sees(wanted: RegExp): Promise<void> {
    await until(() => (wanted.test(this.screen.text) ? true : undefined), `${wanted}`).catch(() => {
      throw new Error(`${wanted} is not on the screen:\n${this.screen.text}`);
    });
  }

  /** Waits until the line of the cursor is this. */
  async isAt(line: string): Promise<void> {
    await until(() => (this.screen.currentLine === line ? true : undefined), line).catch(() => {
      throw new Error(`the cursor is not on ${JSON.stringify(line)}:\n${this.screen.text}`);
    });
  }

  close(): void {
    this.#child.kill('SIGKILL');
  }
}
