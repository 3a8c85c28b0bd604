/** Text tables as upstream prints them (spec/cli.md 9, spec/proxy.md 12). Pure. */

/** Lines of a table: rule, header, rule, rows, rule. Missing values are shown as `-`. */
export function renderTextTable(
  columns: readonly string[],
  rows: ReadonlyArray<ReadonlyArray<string | number | null>>,
): string[] {
  const texts = rows.map((row) => row.map((value) => (value === null ? '-' : String(value))));
  const widths = columns.map((title, index) => {
    return Math.max(title.length, ...texts.map((row) => row[index]?.length ?? 0));
  });
  const line = (cells: readonly string[]): string => {
    const centred = cells.map((cell, index) => centre(cell, widths[index] ?? 0));
    return ` ${centred.join(' ')} `;
  };
  const rule = '-'.repeat(widths.reduce((sum, width) => sum + width, widths.length + 1));
  return [rule, line(columns), rule, ...texts.map(line), rule];
}

/** The odd blank stands on the right of a text of odd length, on the left of an even one. */
function centre(text: string, width: number): string {
  const blanks = width - text.length;
  const isOddText = text.length % 2 === 1;
  const left = isOddText ? Math.floor(blanks / 2) : Math.ceil(blanks / 2);
  return ' '.repeat(left) + text + ' '.repeat(blanks - left);
}
