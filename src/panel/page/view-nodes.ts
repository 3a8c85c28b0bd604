/** The first view: what is wrong, then every node with its partitions. */

import type { Consumption } from '../../status/model.ts';
import type { PanelNode, PanelOverview, PanelPartition } from '../api.ts';
import { type ElementNode, h, type PageNode } from './element.ts';
import {
  isErrorReport,
  listTroubles,
  matchesFilter,
  nodeTroubles,
  partitionLink,
  partitionTroubles,
  reportText,
  type Trouble,
  titlesOf,
} from './judge.ts';
import { badge, cell, emptyNote, type Mood, moment, row, table } from './parts.ts';
import { changeState, type PageState } from './store.ts';
import { renderAgo, renderBytes, renderCount, renderCpu, renderRate } from './words.ts';

const TROUBLES_SHOWN = 8;

const COLUMNS = [
  { name: 'Partition' },
  { name: 'Instance' },
  { name: 'Services' },
  { name: 'Promises' },
  { name: 'CPU', class: 'number' },
  { name: 'Memory', class: 'number' },
  { name: 'Disk I/O', class: 'number' },
  { name: 'Network', class: 'number' },
  { name: 'Last report' },
];

export function showNodes(state: PageState, overview: PanelOverview): readonly PageNode[] {
  const titles = titlesOf(overview);
  return [
    h('h1', { key: 'title', tabindex: -1, id: 'view' }, 'Nodes'),
    showTroubles(overview, state.trouble === undefined),
    showFilter(state),
    ...overview.nodes.map((node) => showNode(state, node, titles, overview.takenAtMs)),
    overview.nodes.length === 0 &&
      emptyNote(
        'No node has registered yet. Run ',
        h('code', {}, 'slapos node format'),
        ' on one.',
      ),
  ].filter((part) => part !== false);
}

/** @param isLive otherwise it is what was seen last */
function showTroubles(overview: PanelOverview, isLive: boolean): ElementNode {
  const is = isLive ? 'is' : 'was';
  const places = byPlace(listTroubles(overview, overview.takenAtMs));
  if (places.length === 0) {
    return h('section', { key: 'troubles', class: 'verdict' }, h('h2', {}, `Nothing ${is} wrong`));
  }
  const shown = places.slice(0, TROUBLES_SHOWN);
  const rest = places.length - shown.length;
  const title = `Something ${is} wrong in ${renderCount(places.length, 'place')}`;
  return h(
    'section',
    { key: 'troubles', class: 'verdict bad' },
    h('h2', {}, title),
    h(
      'ul',
      {},
      shown.map(({ place, what, href }) =>
        h(
          'li',
          {},
          href === '' ? h('strong', {}, place) : h('a', { href }, place),
          ' ',
          h('span', {}, what),
        ),
      ),
    ),
    rest > 0 && h('p', {}, `and ${rest} more: tick “Only problems” to see their partitions.`),
  );
}

/** One entry a place, with all that is wrong there. */
function byPlace(troubles: readonly Trouble[]): readonly Trouble[] {
  const places = new Map<string, Trouble>();
  for (const trouble of troubles) {
    const key = `${trouble.href} ${trouble.place}`;
    const known = places.get(key);
    const what = known === undefined ? trouble.what : `${known.what} · ${trouble.what}`;
    places.set(key, { ...trouble, what });
  }
  return [...places.values()];
}

function showFilter(state: PageState): ElementNode {
  return h(
    'form',
    {
      key: 'filter',
      class: 'filter',
      role: 'search',
      on: { submit: (event) => event.preventDefault() },
    },
    h('label', { for: 'filter' }, 'Filter'),
    h('input', {
      id: 'filter',
      type: 'search',
      autocomplete: 'off',
      spellcheck: 'false',
      placeholder: 'title, partition, address…',
      value: state.filter,
      on: {
        input: (event) => changeState({ filter: (event.target as HTMLInputElement).value }),
      },
    }),
    h(
      'label',
      { class: 'check' },
      h('input', {
        type: 'checkbox',
        checked: state.onlyTroubles,
        on: {
          change: (event) =>
            changeState({ onlyTroubles: (event.target as HTMLInputElement).checked }),
        },
      }),
      'Only problems',
    ),
  );
}

function showNode(
  state: PageState,
  node: PanelNode,
  titles: ReadonlyMap<string, string>,
  nowMs: number,
): ElementNode {
  const filter = { text: state.filter, onlyTroubles: state.onlyTroubles };
  const rows = node.partitions.filter((partition) =>
    matchesFilter(partition, titles.get(partition.instance) ?? '', filter),
  );
  const used = node.partitions.filter(({ isFree }) => !isFree).length;
  const titleId = `node-${node.computerId}`;
  return h(
    'section',
    { key: `node ${node.computerId}`, class: 'node', 'aria-labelledby': titleId },
    h('header', {}, h('h2', { id: titleId }, node.computerId), showNodeFacts(node, used, nowMs)),
    nodeTroubles(node, nowMs).map((text) => h('p', { class: 'problem' }, text)),
    rows.length > 0
      ? table(
          `Partitions of ${node.computerId}`,
          'partitions',
          COLUMNS,
          rows.map((partition) => showPartition(node, partition, titles, nowMs)),
        )
      : emptyNote(
          node.partitions.length === 0
            ? 'It has no partitions yet.'
            : `None of its ${renderCount(node.partitions.length, 'partition')} matches.`,
        ),
  );
}

function showNodeFacts(node: PanelNode, used: number, nowMs: number): ElementNode {
  const { lastContactMs } = node;
  return h(
    'p',
    { class: 'facts' },
    node.isLocal && h('span', {}, 'this machine'),
    h('span', {}, `${used} of ${renderCount(node.partitions.length, 'partition')} used`),
    lastContactMs === null
      ? h('span', {}, 'never seen')
      : h('span', {}, 'seen ', moment(lastContactMs, renderAgo(lastContactMs, nowMs))),
    // It reports its own name when there is nothing else to say.
    ![node.computerId, ''].includes(reportText(node.report)) &&
      !isErrorReport(node.report) &&
      h('span', { class: 'report' }, reportText(node.report)),
  );
}

function showPartition(
  node: PanelNode,
  partition: PanelPartition,
  titles: ReadonlyMap<string, string>,
  nowMs: number,
): ElementNode {
  const { consumption } = partition;
  const title = titles.get(partition.instance) ?? partition.instance;
  const isBad = partitionTroubles(partition).length > 0;
  const { io, net } = sumRates(consumption);
  return row(partition.reference, isBad ? 'bad' : partition.isFree ? 'free' : '', [
    cell('name', h('a', { href: partitionLink(node, partition) }, partition.reference)),
    cell('title', partition.isFree ? h('span', { class: 'muted' }, 'free') : title),
    cell('services', ...showServices(partition)),
    cell('promises', ...showPromises(partition)),
    amount('CPU', consumption === null ? null : renderCpu(consumption.cpu)),
    amount('Memory', consumption === null ? null : renderBytes(consumption.rssBytes)),
    amount('Disk I/O', io === null ? null : renderRate(io)),
    amount('Network', net === null ? null : renderRate(net)),
    cell('report', isOld(partition, nowMs), reportText(partition.report)),
  ]);
}

/** Of disk and network; null for what nobody has measured. */
function sumRates(consumption: Consumption | null): { io: number | null; net: number | null } {
  if (consumption === null) return { io: null, net: null };
  const { ioBytesPerS, readBytesPerS, writeBytesPerS } = consumption;
  if (ioBytesPerS !== undefined) return { io: ioBytesPerS, net: null };
  const net = consumption.netInBytesPerS + consumption.netOutBytesPerS;
  return { io: readBytesPerS + writeBytesPerS, net };
}

/** Consumption that was measured long ago is told as such. */
function isOld({ consumption }: PanelPartition, nowMs: number): ElementNode | false {
  if (consumption === null || nowMs - consumption.atMs < 10 * 60_000) return false;
  return h('span', { class: 'muted' }, `measured ${renderAgo(consumption.atMs, nowMs)}. `);
}

function amount(name: string, text: string | null): ElementNode {
  return cell('number', h('span', { class: 'label' }, name), text ?? '–');
}

function showServices({ services }: PanelPartition): ElementNode[] {
  if (services === null || services.all === 0) return [h('span', { class: 'muted' }, '–')];
  const { running, failed, all } = services;
  const mood: Mood = failed > 0 ? 'bad' : running === 0 ? 'idle' : 'good';
  const word = failed > 0 ? `${failed} of ${all} failed` : `${running}/${all} running`;
  return [badge(mood, word)];
}

function showPromises({ promises }: PanelPartition): ElementNode[] {
  if (promises === null || promises.all === 0) return [h('span', { class: 'muted' }, '–')];
  const { failed, all } = promises;
  return [
    badge(failed > 0 ? 'bad' : 'good', failed > 0 ? `${failed} of ${all} failed` : `${all} passed`),
  ];
}
