/** Draws consumption with uPlot; a bundle of its own, loaded when a chart is opened. */
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import type { PanelSeries } from '../api.ts';
import { renderBytes, renderCpu, renderRate } from './words.ts';

interface ChartKind {
  readonly title: string;
  readonly lines: readonly { readonly name: string; readonly value: string }[];
  readonly render: (value: number) => string;
  /** The least that the whole height stands for. */
  readonly least: number;
  /** Steps between the lines of the grid. */
  readonly steps: number[];
}

/** 1, 2, 4 … 512 of each unit, so that bytes get round numbers. */
const BYTE_STEPS = Array.from({ length: 50 }, (_, power) => 2 ** power);
const CPU_STEPS = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100];
const CPU = { render: renderCpu, least: 0.01, steps: CPU_STEPS };
const MEMORY = { render: renderBytes, least: 1024, steps: BYTE_STEPS };
const RATE = { render: renderRate, least: 1024, steps: BYTE_STEPS };

const KINDS: readonly ChartKind[] = [
  { title: 'CPU', lines: [{ name: 'used', value: 'cpu' }], ...CPU },
  { title: 'Memory', lines: [{ name: 'resident', value: 'rssBytes' }], ...MEMORY },
  {
    title: 'Disk I/O',
    lines: [
      { name: 'read', value: 'readBytesPerS' },
      { name: 'written', value: 'writeBytesPerS' },
      { name: 'read and written', value: 'ioBytesPerS' },
    ],
    ...RATE,
  },
  {
    title: 'Network',
    lines: [
      { name: 'in', value: 'netInBytesPerS' },
      { name: 'out', value: 'netOutBytesPerS' },
    ],
    ...RATE,
  },
];

const HEIGHT_PX = 150;
const AXIS_PX = 76;
const LINE_COLOURS = ['--line-1', '--line-2', '--line-1'];

interface Chart {
  readonly figure: HTMLElement;
  readonly kind: ChartKind;
  readonly caption: HTMLElement;
  readonly canvas: HTMLElement;
  plot: uPlot | undefined;
}

const chartsOf = new WeakMap<HTMLElement, Chart[]>();

export function paintCharts(
  place: HTMLElement,
  { series, rangeMs }: { readonly series?: PanelSeries; readonly rangeMs: number },
): void {
  if (series === undefined) return;
  const charts = chartsOf.get(place) ?? createCharts(place);
  for (const chart of charts) paintChart(chart, series, rangeMs);
}

function createCharts(place: HTMLElement): Chart[] {
  const charts = KINDS.map((kind): Chart => {
    const figure = document.createElement('figure');
    const caption = document.createElement('figcaption');
    const canvas = document.createElement('div');
    canvas.setAttribute('aria-hidden', 'true');
    figure.append(caption, canvas);
    place.append(figure);
    return { figure, kind, caption, canvas, plot: undefined };
  });
  chartsOf.set(place, charts);
  new ResizeObserver(() => {
    for (const { plot, canvas } of charts) {
      plot?.setSize({ width: canvas.clientWidth, height: HEIGHT_PX });
    }
  }).observe(place);
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => {
    for (const chart of charts) {
      chart.plot?.destroy();
      chart.plot = undefined;
    }
  });
  return charts;
}

function paintChart(chart: Chart, series: PanelSeries, rangeMs: number): void {
  const { kind, caption, canvas, figure } = chart;
  // The database knows less than the collector's daemon.
  figure.hidden = kind.lines.every(({ value }) => series.values[value] === undefined);
  if (figure.hidden) return;
  const values = kind.lines.map(({ value }) => series.values[value] ?? []);
  caption.textContent = describe(kind, values);
  const times = series.timesMs.map((timeMs) => timeMs / 1000);
  const data = [times, ...values.map((list) => padTo(list, times.length))] as uPlot.AlignedData;
  chart.plot ??= new uPlot(optionsOf(kind, canvas), undefined, canvas);
  const nowS = Date.now() / 1000;
  chart.plot.batch(() => {
    chart.plot?.setData(data, false);
    chart.plot?.setScale('x', { min: nowS - rangeMs / 1000, max: nowS });
  });
}

function padTo(list: readonly number[], length: number): (number | null)[] {
  return Array.from({ length }, (_, index) => list[index] ?? null);
}

/** The chart in words, for those who do not see it. */
function describe({ title, lines, render }: ChartKind, values: readonly (readonly number[])[]) {
  const parts = lines.flatMap(({ name }, index) => {
    const list = values[index] ?? [];
    const last = list.at(-1);
    if (last === undefined) return [];
    const most = list.reduce((a, b) => Math.max(a, b), 0);
    return [`${name} ${render(last)}, at most ${render(most)}`];
  });
  return `${title}: ${parts.join(' · ') || 'nothing measured'}`;
}

function renderHour(timeS: number): string {
  const options = { hour: '2-digit', minute: '2-digit', hour12: false } as const;
  return new Date(timeS * 1000).toLocaleTimeString(undefined, options);
}

function optionsOf(kind: ChartKind, canvas: HTMLElement): uPlot.Options {
  const colour = (name: string) => getComputedStyle(canvas).getPropertyValue(name).trim();
  const axis: uPlot.Axis = {
    stroke: colour('--muted'),
    grid: { stroke: colour('--rule'), width: 1 },
    ticks: { show: false },
    font: '12px system-ui, sans-serif',
  };
  return {
    width: Math.max(canvas.clientWidth, 200),
    height: HEIGHT_PX,
    legend: { show: false },
    cursor: { drag: { x: false, y: false } },
    scales: {
      x: { time: true },
      y: { range: (_, __, max) => [0, Math.max(max * 1.1, kind.least)] },
    },
    axes: [
      { ...axis, size: 28, values: (_, splits) => splits.map(renderHour) },
      { ...axis, size: AXIS_PX, incrs: kind.steps, values: (_, splits) => splits.map(kind.render) },
    ],
    series: [
      {},
      ...kind.lines.map(({ name }, index) => ({
        label: name,
        stroke: colour(LINE_COLOURS[index] ?? ''),
        width: 1.5,
        points: { show: false },
      })),
    ],
  };
}
