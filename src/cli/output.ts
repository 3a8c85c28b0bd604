import type { TextStream } from './stream.ts';

/** Standard output of a command: data only. Logs, progress and questions go to standard error. */
export interface Output {
  /** Writes text as it is. */
  write(text: string): void;
  /** Writes text and a newline. */
  line(text: string): void;
  readonly isTerminal: boolean;
  /** Width of the terminal, or `$COLUMNS`, or 80. */
  readonly columns: number;
  /** Whether ANSI colours may be used. */
  readonly hasColors: boolean;
}

type Environment = Readonly<Record<string, string | undefined>>;

/** `$COLUMNS`, else the width of the terminal, else 80. */
export function columnsOf(stream: TextStream, env: Environment): number {
  const asked = Number(env['COLUMNS']);
  if (Number.isInteger(asked) && asked > 0) return asked;
  return (stream.isTerminal() ? stream.terminalColumns() : undefined) || 80;
}

/** Whether a stream may get colours: a terminal that knows them, and no `$NO_COLOR`. */
export function allowsColors(stream: TextStream, env: Environment): boolean {
  return stream.isTerminal() && !env['NO_COLOR'] && env['TERM'] !== 'dumb';
}

/**
 * Output on a stream. What the terminal is like is asked only when somebody wants to know.
 * @param beforeWrite frees the line of the terminal that the text goes to
 */
export function createOutput(
  stream: TextStream,
  env: Environment,
  beforeWrite: () => void = () => {},
): Output {
  const write = (text: string) => {
    beforeWrite();
    stream.write(text);
  };
  return {
    write,
    line: (text) => write(`${text}\n`),
    get isTerminal() {
      return stream.isTerminal();
    },
    get columns() {
      return columnsOf(stream, env);
    },
    get hasColors() {
      return allowsColors(stream, env);
    },
  };
}
