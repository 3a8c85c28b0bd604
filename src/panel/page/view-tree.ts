/** Instances below who asked for them. */
import type { PanelInstance, PanelOverview, PanelPartition } from '../api.ts';
import { openRequestDialog } from './dialog-request.ts';
import { h, type PageNode } from './element.ts';
import { layOutTree, partitionTroubles, reportText, type TreeEntry } from './judge.ts';
import { badge, button, cell, emptyNote, type Mood, row, table } from './parts.ts';
import { changeState, type PageState } from './store.ts';
import { renderCount, softwareName } from './words.ts';

const COLUMNS = ['Instance', 'State', 'Software', 'Type', 'Place', 'Last report'].map((name) => ({
  name,
}));

export function showTree(state: PageState, overview: PanelOverview): readonly PageNode[] {
  const partitions = partitionsOf(overview);
  const isShown = ({ requestedState }: PanelInstance) =>
    state.showDestroyed || requestedState !== 'destroyed';
  const shown = overview.instances.filter(isShown);
  const hidden = overview.instances.length - shown.length;
  const rows = layOutTree(shown).map((entry) => showEntry(entry, partitions));
  return [
    h(
      'header',
      { key: 'title', class: 'head' },
      h('h1', { tabindex: -1, id: 'view' }, 'Instances'),
      button('Request an instance', () => openRequestDialog(overview), 'main'),
    ),
    hidden > 0 || state.showDestroyed ? showDestroyedSwitch(state) : '',
    rows.length > 0
      ? table('Instances', 'tree', COLUMNS, rows)
      : emptyNote('No instance has been requested yet.'),
  ];
}

function showDestroyedSwitch(state: PageState): PageNode {
  return h(
    'label',
    { key: 'destroyed', class: 'check' },
    h('input', {
      type: 'checkbox',
      checked: state.showDestroyed,
      on: {
        change: (event) =>
          changeState({ showDestroyed: (event.target as HTMLInputElement).checked }),
      },
    }),
    'Show destroyed instances',
  );
}

function partitionsOf(overview: PanelOverview): ReadonlyMap<string, PanelPartition> {
  return new Map(
    overview.nodes.flatMap(({ computerId, partitions }) =>
      partitions.map((partition) => [`${computerId} ${partition.reference}`, partition] as const),
    ),
  );
}

function showEntry(
  { instance, depth }: TreeEntry,
  partitions: ReadonlyMap<string, PanelPartition>,
): ReturnType<typeof row> {
  const partition = partitions.get(`${instance.computerId} ${instance.partition}`);
  const troubles = partition === undefined ? [] : partitionTroubles(partition);
  const href = `#/instance/${encodeURIComponent(instance.reference)}`;
  return row(instance.reference, troubles.length > 0 ? 'bad' : '', [
    cell(
      `name depth-${Math.min(depth, 5)}`,
      depth > 0 && h('span', { class: 'unseen' }, `level ${depth + 1}: `),
      h('a', { href }, instance.title || instance.reference),
      instance.isShared && h('span', { class: 'muted' }, ' shared'),
    ),
    cell('', stateBadge(instance, troubles.length)),
    cell(
      'software',
      h('span', { title: instance.softwareUrl }, softwareName(instance.softwareUrl)),
    ),
    cell('', instance.softwareType),
    cell('', placeOf(instance)),
    cell('report', troubles.length > 0 ? troubles.join(' · ') : reportText(instance.report)),
  ]);
}

export function placeOf({ computerId, partition }: PanelInstance): string {
  return partition === '' ? 'nowhere yet' : `${partition} on ${computerId}`;
}

export function stateBadge(instance: PanelInstance, troubles: number): PageNode {
  const { requestedState, partition } = instance;
  if (troubles > 0) return badge('bad', renderCount(troubles, 'problem'));
  if (partition === '' && requestedState !== 'destroyed') return badge('warn', 'waits for a place');
  const mood: Mood = requestedState === 'started' ? 'good' : 'idle';
  return badge(mood, requestedState);
}
