/** Promises, those that fail first, each with its results from new to old. */
import type { PromiseStatus } from '../../status/model.ts';
import type { Detail } from './detail.ts';
import { type ElementNode, h, type PageNode } from './element.ts';
import { badge, emptyNote, moment } from './parts.ts';
import { refreshPage } from './store.ts';
import { renderAgo, renderCount, renderMoment } from './words.ts';

const STRIP = 30;
const HISTORY = 50;

export function showPromises(detail: Detail): PageNode {
  const promises = detail.partition?.partition.promises;
  if (promises === undefined) return emptyNote('…');
  if (promises.length === 0) return emptyNote('No promise has been checked yet.');
  const sorted = [...promises].sort(
    (a, b) => Number(b.hasFailed) - Number(a.hasFailed) || a.title.localeCompare(b.title),
  );
  return h(
    'ul',
    { class: 'promise-list' },
    sorted.map((promise) => showPromise(promise, detail)),
  );
}

function showPromise(promise: PromiseStatus, detail: Detail): ElementNode {
  const { title, hasFailed, message, atMs } = promise;
  const history = detail.partition?.history[title] ?? [];
  const isOpen = detail.openPromises.has(title);
  return h(
    'li',
    { key: title, class: hasFailed ? 'bad' : '' },
    h(
      'div',
      { class: 'line' },
      badge(hasFailed ? 'bad' : 'good', hasFailed ? 'failed' : 'passed'),
      h('strong', {}, title),
      h('span', { class: 'muted' }, moment(atMs, renderAgo(atMs, Date.now()))),
      history.length > 0 && showStrip(history),
    ),
    message !== '' && h('p', { class: 'message' }, message),
    history.length > 0 && showToggle(promise, detail, isOpen, history.length),
    isOpen && showHistory(title, history),
  );
}

/** One mark a result, old to new; the words are for who does not see them. */
function showStrip(history: readonly PromiseStatus[]): ElementNode {
  const last = history.slice(-STRIP);
  const failed = last.filter(({ hasFailed }) => hasFailed).length;
  return h(
    'span',
    { class: 'strip' },
    h('span', { class: 'unseen' }, `${failed} of the last ${last.length} results failed`),
    last.map(({ hasFailed }) => h('i', { class: hasFailed ? 'bad' : '', 'aria-hidden': 'true' })),
  );
}

function showToggle(
  { title }: PromiseStatus,
  detail: Detail,
  isOpen: boolean,
  count: number,
): ElementNode {
  const toggle = () => {
    if (!detail.openPromises.delete(title)) detail.openPromises.add(title);
    refreshPage();
  };
  return h(
    'button',
    {
      type: 'button',
      class: 'small plain',
      'aria-expanded': isOpen ? 'true' : 'false',
      on: { click: toggle },
    },
    isOpen ? 'Hide history' : `History (${renderCount(count, 'result')})`,
    h('span', { class: 'unseen' }, ` of ${title}`),
  );
}

function showHistory(title: string, history: readonly PromiseStatus[]): ElementNode {
  const results = history.slice(-HISTORY).reverse();
  return h(
    'ol',
    { class: 'history', tabindex: 0, 'aria-label': `Results of ${title}, newest first` },
    results.map(({ atMs, hasFailed, message, executionS }) =>
      h(
        'li',
        {},
        badge(hasFailed ? 'bad' : 'good', hasFailed ? 'failed' : 'passed'),
        moment(atMs, renderMoment(atMs)),
        h('span', { class: 'muted' }, executionS > 0 && `${executionS.toFixed(1)} s`),
        h('span', { class: 'message' }, message),
      ),
    ),
  );
}
