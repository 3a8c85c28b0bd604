/** Tables of `proxy show` and `cachelookup` (spec/cli.md 9). */

const WIDE =
  /[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{1f300}-\u{1faff}\u{20000}-\u{3fffd}]/u;

/** Columns that a text takes on a terminal. */
export function displayWidth(text: string): number {
  let width = 0;
  for (const letter of text) {
    if (!/\p{M}/u.test(letter)) width += WIDE.test(letter) ? 2 : 1;
  }
  return width;
}

/** Centres a text; an odd rest goes to the right when the text is odd, to the left when even. */
function center(text: string, width: number): string {
  const own = displayWidth(text);
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
    Math.max(...[title, ...rows.map((row) => row[at] ?? '')].map(displayWidth)),
  );
  const renderRow = (cells: readonly string[]) =>
    ` ${widths.map((width, at) => `${center(cells[at] ?? '', width)} `).join('')}`;
  const total = widths.reduce((sum, width) => sum + width, 0) + widths.length + 1;
  const rule = '-'.repeat(total);
  return [rule, renderRow(titles), rule, ...rows.map(renderRow), rule];
}
