/** Lines of a screen as data: pieces of text with a style, of which only the screen makes colours. */
import { cellWidth, fitCells } from '../log/cell-width.ts';
import { printableName } from '../log/printable.ts';

export type Style = 'plain' | 'bold' | 'dim' | 'bad' | 'good' | 'accent';

export interface Span {
  /** Printable: nothing in it commands a terminal. */
  readonly text: string;
  readonly style: Style;
}

export interface Line {
  readonly spans: readonly Span[];
  /** The whole line is shown as the chosen one. */
  readonly isChosen?: boolean;
}

export function span(text: string, style: Style = 'plain'): Span {
  return { text, style };
}

export function line(...spans: readonly Span[]): Line {
  return { spans };
}

export const EMPTY_LINE: Line = { spans: [] };

/** Longer texts are cut before anything else looks at them. */
const MAX_UNITS = 4096;

/** A text of somebody else on one line. */
export function harmless(text: string): string {
  return printableName(text.slice(0, MAX_UNITS));
}

/** Somebody else's text in exactly so many columns. */
export function harmlessCell(text: string, columns: number): string {
  return fitCells(harmless(text), columns);
}

/** Cuts a line at the width of the screen, and marks that. */
export function cutLine({ spans, ...rest }: Line, columns: number): Line {
  const kept: Span[] = [];
  let room = columns;
  for (const { text, style } of spans) {
    if (room <= 0) break;
    const width = cellWidth(text);
    kept.push({ text: width > room ? fitCells(text, room) : text, style });
    room -= width;
  }
  return { ...rest, spans: kept };
}

export function lineWidth({ spans }: Line): number {
  return spans.reduce((sum, { text }) => sum + cellWidth(text), 0);
}

/** Facts one after the other on as few lines as hold them; one that is too long is cut. */
export function flowFacts(facts: ReadonlyArray<readonly Span[]>, columns: number): Line[] {
  const lines: Span[][] = [];
  let room = 0;
  for (const fact of facts) {
    const width = lineWidth({ spans: fact });
    const current = lines.at(-1);
    if (current === undefined || width + GAP.text.length > room) {
      lines.push([...fact]);
      room = columns - width;
    } else {
      current.push(GAP, ...fact);
      room -= width + GAP.text.length;
    }
  }
  return lines.map((spans) => cutLine({ spans }, columns));
}

const GAP = span('  ');
