/** One line at the end of a terminal that changes in place, below the log. */
import type { TextStream } from './stream.ts';

/** Standard error: what is written goes above the status line, if there is one just now. */
export interface StatusStream extends TextStream {
  /** @param text Printable, without newline, narrower than the terminal. */
  showStatus(text: string): void;
  clearStatus(): void;
}

/** The status line as a command sees it. */
export interface StatusLine {
  /** How many characters a line may have: one less than the terminal, which else would wrap. */
  readonly width: number;
  show(text: string): void;
  clear(): void;
}

/** To the first column, then erase to the end of the line (ECMA-48 EL). */
const ERASE = '\r\x1b[K';
const USUAL_COLUMNS = 80;

/** Adds a status line to a stream. Each change is one write, so that nothing flickers. */
export function withStatusLine(stream: TextStream): StatusStream {
  let status = '';
  return {
    isTerminal: () => stream.isTerminal(),
    terminalColumns: () => stream.terminalColumns(),
    write(text) {
      if (status === '') return stream.write(text);
      // A line that is not finished leaves no room below it.
      if (!text.endsWith('\n')) status = '';
      stream.write(`${ERASE}${text}${status}`);
    },
    showStatus(text) {
      if (text === status) return;
      stream.write(`${status === '' ? '' : ERASE}${text}`);
      status = text;
    },
    clearStatus() {
      if (status !== '') stream.write(ERASE);
      status = '';
    },
  };
}

/**
 * The status line of a run; undefined where lines are wanted instead: in a pipe, on a terminal that
 * cannot erase (TERM=dumb), with `--quiet`, with `--verbose`, and for programs that read a JSON log.
 * It has no colours, so `NO_COLOR` changes nothing.
 */
export function statusLineOf(
  stream: StatusStream,
  env: Readonly<Record<string, string | undefined>>,
  { verbosity, logFormat }: { readonly verbosity: number; readonly logFormat: 'text' | 'json' },
): StatusLine | undefined {
  if (verbosity !== 1 || logFormat !== 'text' || env['TERM'] === 'dumb') return undefined;
  if (!stream.isTerminal()) return undefined;
  return {
    get width() {
      return (stream.terminalColumns() || USUAL_COLUMNS) - 1;
    },
    show: (text) => stream.showStatus(text),
    clear: () => stream.clearStatus(),
  };
}
