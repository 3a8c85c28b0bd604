/** Tables of `proxy show` and `cachelookup` (spec/cli.md 9). */
import { cellWidth, fitCells } from '../log/cell-width.ts';

/** Centres a text; an odd rest goes to the right when the text is odd, to the left when even. */
function center(text: string, width: number): string {
  const own = cellWidth(text);
  const rest = width - own;
  const small = Math.floor(rest / 2);
  const isExtraRight = rest % 2 === 1 && own % 2 === 1;
  const left = rest % 2 === 1 && !isExtraRight ? small + 1 : small;
  return ' '.repeat(left) + text + ' '.repeat(rest - left);
}

/**
 * The lines of a table: every column as wide as its longest text, cells centred, rules of dashes
 * above and below the titles and after the last row.
 */
export function renderTable(
  titles: readonly string[],
  rows: ReadonlyArray<readonly string[]>,
): string[] {
  const widths = titles.map((title, at) =>
    Math.max(...[title, ...rows.map((row) => row[at] ?? '')].map(cellWidth)),
  );
  const renderRow = (cells: readonly string[]) =>
    ` ${widths.map((width, at) => `${center(cells[at] ?? '', width)} `).join('')}`;
  const total = widths.reduce((sum, width) => sum + width, 0) + widths.length + 1;
  const rule = '-'.repeat(total);
  return [rule, renderRow(titles), rule, ...rows.map(renderRow), rule];
}

/** A text that takes so many columns at most; `…` stands for what was cut off its end. */
function cut(text: string, width: number): string {
  return cellWidth(text) <= width ? text : fitCells(text, width).trimEnd();
}

/**
 * The rows of a table that is no wider than a terminal: the widest columns are cut, though never
 * below their titles.
 */
export function fitColumns(
  titles: readonly string[],
  rows: ReadonlyArray<readonly string[]>,
  columns: number,
): string[][] {
  const least = titles.map(cellWidth);
  const widths = titles.map((title, at) =>
    Math.max(...[title, ...rows.map((row) => row[at] ?? '')].map(cellWidth)),
  );
  let excess = widths.reduce((sum, width) => sum + width, widths.length + 1) - columns;
  for (; excess > 0; excess -= 1) {
    const spare = widths.map((width, at) => (width > (least[at] ?? 0) ? width : 0));
    const widest = spare.indexOf(Math.max(...spare));
    if (spare[widest] === 0) break;
    widths[widest] = (widths[widest] ?? 0) - 1;
  }
  return rows.map((row) => row.map((text, at) => cut(text, widths[at] ?? 0)));
}
