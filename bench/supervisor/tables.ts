/** Figures as tables of docs/benchmarks.md. Pure. */
import type { Figure } from './readings.ts';

function digits(unit: string, value: number): string {
  return value.toFixed(unit === '%' ? 3 : value < 10 ? 1 : 0);
}

function cell(figure: Figure | undefined): string {
  if (figure === undefined) return '–';
  const { unit, min, median, max } = figure;
  return [min, median, max].map((value) => digits(unit, value)).join(' / ');
}

function distinct<T>(values: readonly T[]): T[] {
  return [...new Set(values)];
}

/** One table for a number of services: a row for each thing measured, a column for each supervisor. */
function renderTable(services: number, figures: readonly Figure[]): string {
  const found = figures.filter((figure) => figure.services === services);
  const names = distinct(found.map(({ who }) => who));
  const title = ({ what, unit }: Figure) => `${what}, ${unit}`;
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  const rows = distinct(found.map(title)).map((name) => {
    const cells = names.map((who) =>
      cell(found.find((figure) => figure.who === who && title(figure) === name)),
    );
    return line([name, ...cells]);
  });
  const head = line([`${services} services`, ...names]);
  return [head, line(['---', ...names.map(() => '---')]), ...rows, ''].join('\n');
}

/** Minimum / median / maximum of everything. */
export function renderFigures(figures: readonly Figure[]): string {
  const counts = distinct(figures.map(({ services }) => services)).sort((a, b) => a - b);
  return counts.map((services) => renderTable(services, figures)).join('\n');
}
