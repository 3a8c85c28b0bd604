/**
 * The screen of a terminal as full-screen programs use it: a grid with two buffers. What it does not
 * know is a problem that is remembered: a program of ours sends nothing else.
 */

const WIDE =
  /[\u1100-\u115f\u3041-\u33ff\u3400-\u9fff\uac00-\ud7a3\uff01-\uff60\u{1f300}-\u{1faff}]/u;
const MARK = /[\p{Mn}\p{Me}\u200b-\u200f\u2060\ufeff]/u;
const PIECE =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: terminal sequences are meant.
  /\x1b\[([?]?)([0-9;]*)([A-Za-z])|\x1b\][^\x07]*\x07|\x1b.|[\s\S]/gu;
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for.
const CONTROL = /[\x00-\x1f\x7f-\x9f]/;
const KNOWN_MODES = new Set(['7', '25', '1049', '2026']);

interface Cell {
  text: string;
  style: string;
}

class Grid {
  cells: Cell[][] = [];
  row = 0;
  column = 0;

  resize(columns: number, rows: number): void {
    this.cells = Array.from({ length: rows }, (_, row) =>
      Array.from({ length: columns }, (__, column) => {
        return this.cells[row]?.[column] ?? { text: ' ', style: '' };
      }),
    );
    this.row = Math.min(this.row, rows - 1);
    this.column = Math.min(this.column, columns - 1);
  }

  erase(fromRow: number, toRow: number, fromColumn = 0): void {
    for (const line of this.cells.slice(fromRow, toRow)) {
      for (const cell of line.slice(fromColumn)) Object.assign(cell, { text: ' ', style: '' });
    }
  }
}

export class FullScreen {
  readonly problems: string[] = [];
  readonly modes = new Map([
    ['7', true],
    ['25', true],
    ['1049', false],
  ]);
  readonly #primary = new Grid();
  readonly #alternate = new Grid();
  #style = '';
  #columns = 0;
  #rows = 0;
  #unfinished = '';
  frames = 0;

  constructor(columns: number, rows: number) {
    this.resize(columns, rows);
  }

  resize(columns: number, rows: number): void {
    [this.#columns, this.#rows] = [columns, rows];
    this.#primary.resize(columns, rows);
    this.#alternate.resize(columns, rows);
  }

  get isAlternate(): boolean {
    return this.modes.get('1049') === true;
  }

  get #grid(): Grid {
    return this.isAlternate ? this.#alternate : this.#primary;
  }

  /** As many as it has rows, without blanks at their ends. */
  get lines(): string[] {
    return this.#grid.cells.map((line) =>
      line
        .map(({ text }) => text)
        .join('')
        .trimEnd(),
    );
  }

  get text(): string {
    return this.lines.join('\n');
  }

  get currentLine(): string {
    return this.lines[this.#grid.row] ?? '';
  }

  /** The column in which a text starts, from 0; -1 when it is not on that line. */
  columnOf(row: number, text: string): number {
    const cells = this.#grid.cells[row] ?? [];
    return cells.findIndex((_, column) =>
      cells
        .slice(column)
        .map((cell) => cell.text)
        .join('')
        .startsWith(text),
    );
  }

  /** How the first letter of a text looks: SGR parameters. */
  styleOf(row: number, text: string): string | undefined {
    return this.#grid.cells[row]?.[this.columnOf(row, text)]?.style;
  }

  write(text: string): void {
    const all = this.#unfinished + text;
    // biome-ignore lint/suspicious/noControlCharactersInRegex: terminal sequences are meant.
    const cut = /\x1b(?:\[[?0-9;]*)?$/.exec(all)?.index ?? all.length;
    this.#unfinished = all.slice(cut);
    for (const match of all.slice(0, cut).matchAll(PIECE)) this.#apply(match);
  }

  #apply([piece, isPrivate, parameters, verb]: RegExpMatchArray): void {
    if (verb !== undefined) this.#obey(isPrivate === '?', parameters ?? '', verb);
    else if (piece === '\r') this.#grid.column = 0;
    else if (piece === '\n') this.#feed();
    else if (CONTROL.test(piece)) this.problems.push(JSON.stringify(piece));
    else this.#put(piece);
  }

  #feed(): void {
    const grid = this.#grid;
    if (grid.row < this.#rows - 1) {
      grid.row += 1;
      return;
    }
    grid.cells.shift();
    grid.resize(this.#columns, this.#rows);
  }

  #put(character: string): void {
    const grid = this.#grid;
    const line = grid.cells[grid.row] ?? [];
    if (MARK.test(character)) {
      const before = line[Math.max(0, grid.column - 1)];
      if (before !== undefined) before.text += character;
      return;
    }
    const width = WIDE.test(character) ? 2 : 1;
    if (grid.column + width > this.#columns) {
      if (this.modes.get('7') === true) {
        grid.column = 0;
        this.#feed();
      } else {
        this.problems.push(`beyond the right edge: ${JSON.stringify(character)}`);
        grid.column = this.#columns - width;
      }
    }
    const target = grid.cells[grid.row] ?? [];
    Object.assign(target[grid.column] ?? {}, { text: character, style: this.#style });
    if (width === 2) Object.assign(target[grid.column + 1] ?? {}, { text: '', style: '' });
    grid.column += width;
  }

  #obey(isPrivate: boolean, parameters: string, verb: string): void {
    const grid = this.#grid;
    const [first = 0, second = 0] = parameters.split(';').map(Number);
    if (isPrivate) this.#setMode(parameters, verb);
    else if (verb === 'm') this.#style = parameters === '0' ? '' : `${this.#style};${parameters}`;
    else if (verb === 'H') [grid.row, grid.column] = [(first || 1) - 1, (second || 1) - 1];
    else if (verb === 'G') grid.column = (first || 1) - 1;
    else if (verb === 'J' && first === 2) grid.erase(0, this.#rows);
    else if (verb === 'K') grid.erase(grid.row, grid.row + 1, first === 2 ? 0 : grid.column);
    else this.problems.push(`CSI ${parameters}${verb}`);
  }

  #setMode(mode: string, verb: string): void {
    if (!KNOWN_MODES.has(mode)) this.problems.push(`CSI ?${mode}${verb}`);
    if (mode === '2026' && verb === 'l') this.frames += 1;
    this.modes.set(mode, verb === 'h');
  }
}
