/** Consumption over time. The library for it is loaded when the first chart is opened. */
import { changeDetail, type Detail } from './detail.ts';
import { type ElementNode, h, type PageNode } from './element.ts';
import { button, emptyNote } from './parts.ts';

type ChartPainter = (element: HTMLElement, detail: Detail) => void;

const RANGES = [
  { name: '15 min', ms: 15 * 60_000 },
  { name: '1 h', ms: 60 * 60_000 },
  { name: '6 h', ms: 6 * 60 * 60_000 },
  { name: '24 h', ms: 24 * 60 * 60_000 },
] as const;

const RESOLUTIONS = { sample: 'Every sample of the collector.', minute: 'One value a minute.' };

let paint: ChartPainter | undefined;
let place: HTMLElement | undefined;

export function showCharts(detail: Detail): PageNode {
  if (!detail.isChartOpen) return button('Show charts', () => openCharts());
  return h(
    'div',
    { class: 'charts' },
    showRanges(detail),
    detail.seriesProblem !== undefined && h('p', { class: 'problem' }, detail.seriesProblem),
    showState(detail),
    h('div', {
      key: 'charts',
      class: 'grid',
      own: (element) => {
        place = element;
      },
    }),
  );
}

function openCharts(): void {
  changeDetail({ isChartOpen: true });
  void loadPainter();
}

async function loadPainter(): Promise<void> {
  const style = document.createElement('link');
  style.rel = 'stylesheet';
  style.href = new URL('charts.css', import.meta.url).href;
  if (paint === undefined) document.head.append(style);
  const charts = (await import('./charts.js')) as { readonly paintCharts: ChartPainter };
  paint = charts.paintCharts;
  changeDetail({});
}

function showRanges(detail: Detail): ElementNode {
  return h(
    'div',
    { class: 'tools', role: 'group', 'aria-label': 'Range' },
    RANGES.map(({ name, ms }) =>
      h(
        'button',
        {
          type: 'button',
          class: 'small',
          'aria-pressed': detail.rangeMs === ms ? 'true' : 'false',
          on: { click: () => changeDetail({ rangeMs: ms }) },
        },
        name,
      ),
    ),
  );
}

function showState(detail: Detail): PageNode {
  if (detail.series === undefined || paint === undefined) {
    return detail.seriesProblem === undefined ? emptyNote('…') : '';
  }
  return detail.series.timesMs.length === 0
    ? emptyNote(detail.series.reason || 'Nothing was measured in this time.')
    : h('p', { class: 'muted' }, RESOLUTIONS[detail.series.resolution]);
}

/** Called when the page has been shown. */
export function fillCharts(detail: Detail): void {
  if (paint === undefined || place === undefined || !place.isConnected) return;
  if (detail.series !== undefined) paint(place, detail);
}
