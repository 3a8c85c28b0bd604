/** The table of what each kind of request took. */
import { type KindFigures, Timings } from './timings.ts';

const rows = new Map<string, Map<string, KindFigures>>();

export function addKinds(who: string, what: string, rounds: readonly Timings[]): void {
  for (const [kind, figures] of Timings.merge(rounds).kinds()) {
    const title = `${what}: ${kind}`;
    const row = rows.get(title) ?? new Map<string, KindFigures>();
    rows.set(title, row.set(who, figures));
  }
}

export function renderKinds(): string {
  const names = [...new Set([...rows.values()].flatMap((row) => [...row.keys()]))];
  const lines = [...rows].map(([title, row]) => {
    return `| ${[title, ...names.map((name) => renderCell(row.get(name)))].join(' | ')} |`;
  });
  const head = `| p50 / p99 / slowest in ms (count) | ${names.join(' | ')} |`;
  return [head, `| --- |${' --- |'.repeat(names.length)}`, ...lines, ''].join('\n');
}

function renderCell(figures: KindFigures | undefined): string {
  if (figures === undefined) return '–';
  const { medianMs, p99Ms, maxMs, count } = figures;
  return `${[medianMs, p99Ms, maxMs].map((ms) => ms.toFixed(2)).join(' / ')} (${count})`;
}
