/** The figures of the proxies, and their tables. */
import type { Round } from './crowd.ts';
import type { Times } from './scenarios.ts';

type Unit =
  | 'µs'
  | 'ms'
  | 'MB'
  | 'requests/s'
  | 'instances/s'
  | 'nodes'
  | '%'
  | 'connections'
  | 'failures';

export interface Figure {
  readonly who: string;
  readonly what: string;
  readonly unit: Unit;
  /** Requests one after another, or rounds of many. */
  readonly samples: number;
  readonly min: number;
  readonly median: number;
  /** Of single requests only: a few rounds have none. */
  readonly p99?: number;
  readonly max: number;
}

export interface Ratio {
  readonly what: string;
  readonly over: string;
  readonly under: string;
  readonly ofMedians: number;
}

function summarise(values: readonly number[]): Omit<Figure, 'who' | 'what' | 'unit'> {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (share: number): number => sorted[Math.floor((sorted.length - 1) * share)] ?? 0;
  const { length: samples } = sorted;
  const common = { samples, min: at(0), median: at(0.5), max: at(1) };
  return samples < 20 ? common : { ...common, p99: at(0.99) };
}

export class Figures {
  readonly all: Figure[] = [];

  add(who: string, what: string, unit: Unit, values: Times): void {
    const figure = { who, what, unit, ...summarise(values) };
    this.all.push(figure);
    const text = `${figure.median.toFixed(2).padStart(12)} ${unit}\n`;
    process.stderr.write(`${`${who}: ${what}`.padEnd(84)}${text}`);
  }

  addRounds(who: string, what: string, rounds: readonly Round[]): void {
    if (rounds.length === 0) return;
    const pick = (name: keyof Round) => rounds.map((round) => round[name]);
    this.add(who, what, 'requests/s', pick('perSecond'));
    this.add(who, `${what}, median of a round`, 'ms', pick('medianMs'));
    this.add(who, `${what}, p99 of a round`, 'ms', pick('p99Ms'));
  }

  /** How often one serves what another serves once. */
  ratios(over: string): Ratio[] {
    return this.all
      .filter(({ who, unit }) => who === over && unit === 'requests/s')
      .flatMap(({ what, median }) => {
        const others = this.all.filter((one) => one.what === what && one.who !== over);
        return others.map(({ who, median: other }) => {
          return { what, over, under: who, ofMedians: median / other };
        });
      });
  }

  renderTable(): string {
    const names = [...new Set(this.all.map(({ who }) => who))];
    const titles = [...new Set(this.all.map(titleOf))];
    const head = renderLine(['minimum / median / p99 / maximum', ...names]);
    const rows = titles.map((title) => {
      const cells = names.map((name) => {
        return renderCell(this.all.find((one) => one.who === name && titleOf(one) === title));
      });
      return renderLine([title, ...cells]);
    });
    return [head, renderLine(['---', ...names.map(() => '---')]), ...rows, ''].join('\n');
  }
}

function titleOf({ what, unit }: Figure): string {
  return `${what}, ${unit}`;
}

function renderLine(cells: readonly string[]): string {
  return `| ${cells.join(' | ')} |`;
}

function renderCell(figure: Figure | undefined): string {
  if (figure === undefined) return '–';
  const { min, median, p99, max, samples } = figure;
  const digits = median < 100 ? 2 : 0;
  const values = samples === 1 ? [median] : [min, median, ...(p99 === undefined ? [] : [p99]), max];
  return values.map((value) => value.toFixed(digits)).join(' / ');
}

export function renderRatios(ratios: readonly Ratio[]): string {
  const lines = ratios.map(({ what, over, under, ofMedians }) => {
    return renderLine([what, `${over} / ${under}`, ofMedians.toFixed(2)]);
  });
  return [
    renderLine(['requests/s', 'who', 'ratio of medians']),
    '| --- | --- | --- |',
    ...lines,
    '',
  ].join('\n');
}
