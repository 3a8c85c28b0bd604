/** The tables of docs/benchmarks.md. Pure. */
import type { Ratio, Row } from './statistics.ts';

/** One row for each thing measured, one column for each number of partitions: min / median / max. */
export function renderRows(rows: readonly Row[]): string {
  const cell = (row: Row) => `${row.min} / ${row.median} / ${row.max}`;
  return renderTable('minimum / median / maximum', rows, cell, (row) => `${row.what}, ${row.unit}`);
}

/** One row for each comparison: of minima / of medians. */
export function renderRatios(ratios: readonly Ratio[]): string {
  const cell = (ratio: Ratio) => `${ratio.ofMinima} / ${ratio.ofMedians}`;
  const title = ({ what, wanted }: Ratio) => (wanted === '' ? what : `${what} (${wanted})`);
  return renderTable('ratio of minima / of medians', ratios, cell, title);
}

function renderTable<Item extends { readonly partitions: number }>(
  heading: string,
  items: readonly Item[],
  cell: (item: Item) => string,
  title: (item: Item) => string,
): string {
  const counts = [...new Set(items.map(({ partitions }) => partitions))].sort((a, b) => a - b);
  const titles = [...new Set(items.map(title))];
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  const find = (name: string, count: number) =>
    items.find((item) => title(item) === name && item.partitions === count);
  return [
    line([heading, ...counts.map(String)]),
    line(['---', ...counts.map(() => '---')]),
    ...titles.map((name) => {
      const found = counts.map((count) => find(name, count));
      return line([name, ...found.map((item) => (item === undefined ? '–' : cell(item)))]);
    }),
    '',
  ].join('\n');
}
