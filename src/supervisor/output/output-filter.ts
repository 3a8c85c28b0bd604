/**
 * What becomes of the output of a process on its way to the log (spec/supervisor.md 6.2 and 7):
 * escape sequences are taken out, and text between two marks goes to the listeners instead. Pure.
 */

const BEGIN = '<!--XSUPERVISOR:BEGIN-->';
const END = '<!--XSUPERVISOR:END-->';
/** An escape sequence begins so, and goes on up to a letter. */
const ESCAPE = '\u001b[';
const LETTER = /[a-zA-Z]/g;
/** One of which the end has not come yet. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: the escape character is what is sought
const OPEN_ESCAPE = /\u001b(?:\[[^a-zA-Z]{0,64})?$/;

export type OutputPart =
  | { readonly kind: 'log'; readonly data: Buffer }
  /** A piece of what is being captured: for everything but the log. */
  | { readonly kind: 'captured'; readonly data: Buffer }
  /** A whole text between the marks, without its beginning when it was too long. */
  | { readonly kind: 'communication'; readonly data: Buffer };

export interface OutputFilterOptions {
  /** Most bytes of a captured text; 0: nothing is captured. */
  readonly captureMaxBytes: number;
  readonly isAnsiStripped: boolean;
}

/** Length of the longest end of a text that begins a mark. */
function heldLength(text: string, mark: string): number {
  for (let length = Math.min(mark.length - 1, text.length); length > 0; length -= 1) {
    if (text.endsWith(mark.slice(0, length))) return length;
  }
  return 0;
}

/**
 * Follows one channel of one process. Bytes are latin1 characters here. Only what may be the
 * beginning of a mark or of an escape sequence waits for more.
 */
export class OutputFilter {
  readonly #options: OutputFilterOptions;
  #escape = '';
  #held = '';
  #captured: string | undefined;

  constructor(options: OutputFilterOptions) {
    this.#options = options;
  }

  push(chunk: Buffer): OutputPart[] {
    const { captureMaxBytes, isAnsiStripped } = this.#options;
    if (captureMaxBytes === 0 && !isAnsiStripped) return [{ kind: 'log', data: chunk }];
    const text = isAnsiStripped ? this.#strip(chunk.toString('latin1')) : chunk.toString('latin1');
    return captureMaxBytes === 0 ? logPart(text) : this.#capture(text);
  }

  /** The process has ended: what waited, and a text whose end did not come, goes to the log. */
  end(): OutputPart[] {
    const begun = this.#captured === undefined ? '' : BEGIN + this.#captured;
    const rest = begun + this.#held + this.#escape;
    this.#captured = undefined;
    this.#held = '';
    this.#escape = '';
    return logPart(rest);
  }

  #strip(chunk: string): string {
    const text = withoutEscapes(this.#escape + chunk);
    this.#escape = OPEN_ESCAPE.exec(text)?.[0] ?? '';
    return text.slice(0, text.length - this.#escape.length);
  }

  #capture(chunk: string): OutputPart[] {
    const parts: OutputPart[] = [];
    let text = this.#held + chunk;
    for (;;) {
      const mark = this.#captured === undefined ? BEGIN : END;
      const at = text.indexOf(mark);
      const length = at < 0 ? text.length - heldLength(text, mark) : at;
      parts.push(...this.#take(text.slice(0, length)));
      if (at < 0) {
        this.#held = text.slice(length);
        return parts;
      }
      text = text.slice(at + mark.length);
      if (this.#captured === undefined) this.#captured = '';
      else {
        parts.push({ kind: 'communication', data: Buffer.from(this.#captured, 'latin1') });
        this.#captured = undefined;
      }
    }
  }

  #take(text: string): OutputPart[] {
    if (this.#captured === undefined) return logPart(text);
    this.#captured = (this.#captured + text).slice(-this.#options.captureMaxBytes);
    return text === '' ? [] : [{ kind: 'captured', data: Buffer.from(text, 'latin1') }];
  }
}

/** In time that grows with the length: the search for one letter serves all that begins before it. */
function withoutEscapes(text: string): string {
  let plain = '';
  let from = 0;
  for (;;) {
    const at = text.indexOf(ESCAPE, from);
    LETTER.lastIndex = at + ESCAPE.length;
    const end = at < 0 ? null : LETTER.exec(text);
    if (end === null) return plain + text.slice(from);
    plain += text.slice(from, at);
    from = end.index + 1;
  }
}

function logPart(text: string): OutputPart[] {
  return text === '' ? [] : [{ kind: 'log', data: Buffer.from(text, 'latin1') }];
}
