/** One instance, or a partition without: everything about it, what is wrong first. */
import type { PanelInstance, PanelOverview, PanelPartition } from '../api.ts';
import { currentDetail, placeOfRoute } from './detail.ts';
import { openParameterDialog } from './dialog-request.ts';
import { openStateDialog } from './dialog-state.ts';
import { type ElementNode, h, type PageNode } from './element.ts';
import { partitionTroubles, reportText } from './judge.ts';
import { button, emptyNote, outerLink, section } from './parts.ts';
import type { Route } from './route.ts';
import { showCharts } from './view-charts.ts';
import { showLog } from './view-log.ts';
import { showPromises } from './view-promises.ts';
import { showServices } from './view-services.ts';
import { placeOf, stateBadge } from './view-tree.ts';
import { showValues } from './view-values.ts';

export function showInstance(route: Route, overview: PanelOverview): readonly PageNode[] {
  const instance =
    route.view === 'instance'
      ? overview.instances.find(({ reference }) => reference === route.reference)
      : undefined;
  const place = placeOfRoute(route);
  const node = overview.nodes.find(({ computerId }) => computerId === place?.computerId);
  const partition = node?.partitions.find(({ reference }) => reference === place?.partition);
  if (instance === undefined && partition === undefined) return [showAbsent(route)];
  return [
    showHead(instance, partition, overview),
    showProblem(partition),
    showFacts(instance, partition, overview),
    ...(instance === undefined ? [] : showInstanceValues(instance)),
    ...(partition === undefined ? [] : showPartitionParts(partition, node?.isLocal ?? false)),
  ];
}

function showAbsent(route: Route): ElementNode {
  const name = route.view === 'instance' ? route.reference : 'this partition';
  return h(
    'div',
    { key: 'absent' },
    h('h1', { tabindex: -1, id: 'view' }, 'Not here'),
    emptyNote(
      'The Master knows nothing of ',
      name,
      '. ',
      h('a', { href: '#/tree' }, 'All instances'),
    ),
  );
}

function showHead(
  instance: PanelInstance | undefined,
  partition: PanelPartition | undefined,
  overview: PanelOverview,
): ElementNode {
  const title = instance?.title || instance?.reference || partition?.reference || '';
  const troubles = partition === undefined ? [] : partitionTroubles(partition);
  return h(
    'header',
    { key: 'title', class: 'head' },
    h(
      'div',
      {},
      h('h1', { tabindex: -1, id: 'view' }, title),
      instance !== undefined && stateBadge(instance, troubles.length),
    ),
    instance !== undefined && showActions(instance, overview),
  );
}

function showActions(instance: PanelInstance, overview: PanelOverview): ElementNode {
  const { requestedState, requestedBy, isShared } = instance;
  const isGone = requestedState === 'destroyed';
  return h(
    'div',
    { class: 'actions', role: 'group', 'aria-label': 'Actions' },
    !isGone &&
      requestedBy === '' &&
      button('Edit parameters…', () => openParameterDialog(instance, overview)),
    requestedState === 'stopped' && button('Start…', () => openStateDialog(instance, 'started')),
    requestedState === 'started' &&
      // It runs as long as it is there.
      !isShared &&
      button('Stop…', () => openStateDialog(instance, 'stopped')),
    !isGone && button('Destroy…', () => openStateDialog(instance, 'destroyed'), 'danger'),
  );
}

function showProblem(partition: PanelPartition | undefined): ElementNode {
  const { problem } = currentDetail();
  const texts = [
    ...(partition === undefined ? [] : partitionTroubles(partition)),
    ...(currentDetail().partition?.partition.problems ?? []),
  ];
  return h(
    'div',
    { key: 'problems' },
    texts.map((text) => h('p', { class: 'problem' }, text)),
    problem !== undefined && h('p', { class: 'problem' }, problem.message, ' ', problem.hint),
  );
}

function showFacts(
  instance: PanelInstance | undefined,
  partition: PanelPartition | undefined,
  overview: PanelOverview,
): ElementNode {
  const user = currentDetail().partition?.partition;
  const facts: readonly (readonly [string, PageNode | undefined])[] = [
    ['Reference', instance?.reference],
    ['Software', instance && outerLink(instance.softwareUrl)],
    ['Type', instance?.softwareType],
    ['Place', instance === undefined ? partition?.reference : placeOf(instance)],
    ['Requested by', instance && showRequester(instance, overview)],
    ['User', user && user.user !== '' ? `${user.user} (${user.uid ?? '?'})` : undefined],
    ['Folder', user?.path],
    ['Addresses', partition?.addresses.join(', ')],
    ['Last report', reportText(instance?.report || partition?.report || '')],
  ];
  return h(
    'dl',
    { key: 'facts', class: 'facts-list' },
    facts.flatMap(([name, value]) =>
      value === undefined || value === ''
        ? []
        : [h('div', {}, h('dt', {}, name), h('dd', {}, value))],
    ),
  );
}

function showRequester({ requestedBy }: PanelInstance, overview: PanelOverview): PageNode {
  if (requestedBy === '') return 'an operator';
  const parent = overview.instances.find(({ reference }) => reference === requestedBy);
  const href = `#/instance/${encodeURIComponent(requestedBy)}`;
  return h('a', { href }, parent?.title || requestedBy);
}

function showInstanceValues(instance: PanelInstance): readonly ElementNode[] {
  const { instance: detail } = currentDetail();
  const wait = emptyNote('…');
  return [
    section(
      'Connection',
      'connection',
      detail === undefined
        ? wait
        : showValues('connection', detail.connection, 'It has published nothing yet.'),
    ),
    section(
      'Parameters',
      'parameters',
      detail === undefined
        ? wait
        : showValues('parameters', detail.parameters, 'It was requested without parameters.'),
      instance.requestedBy !== '' &&
        h('p', { class: 'muted' }, 'They are set by the instance that requested it.'),
    ),
  ];
}

function showPartitionParts(partition: PanelPartition, isHere: boolean): readonly ElementNode[] {
  if (!isHere) {
    const text = 'Services, promises, logs and consumption are known on its own machine.';
    return [h('p', { key: 'remote', class: 'empty' }, text)];
  }
  const detail = currentDetail();
  return [
    section('Services', 'services', showServices(partition.reference, detail)),
    section('Promises', 'promises', showPromises(detail)),
    section('Log', 'log', showLog(detail)),
    section('Consumption', 'consumption', showCharts(detail)),
  ];
}
