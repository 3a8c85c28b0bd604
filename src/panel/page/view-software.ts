/** Software releases and how their builds went. */
import type { PanelOverview, PanelSoftware } from '../api.ts';
import { openRequestDialog } from './dialog-request.ts';
import { h, type PageNode } from './element.ts';
import { reportText } from './judge.ts';
import { badge, button, cell, emptyNote, type Mood, outerLink, row, table } from './parts.ts';
import { renderCount, softwareName } from './words.ts';

const COLUMNS = ['Software', 'Build', 'Node', 'Instances', 'Last report', 'Action'].map((name) => ({
  name,
}));

const ORDER = ['error', 'building', '', 'available'];

export function showSoftware(overview: PanelOverview): readonly PageNode[] {
  const software = [...overview.software].sort(
    (a, b) => ORDER.indexOf(a.state) - ORDER.indexOf(b.state) || a.url.localeCompare(b.url),
  );
  return [
    h('h1', { key: 'title', tabindex: -1, id: 'view' }, 'Software'),
    software.length > 0
      ? table('Software releases', 'software-list', COLUMNS, software.map(showRelease(overview)))
      : emptyNote('No software has been supplied yet: ', h('code', {}, 'slapos supply URL NODE')),
  ];
}

function showRelease(overview: PanelOverview) {
  return (software: PanelSoftware) => {
    const { url, computerId, state, requestedState, report } = software;
    const users = overview.instances.filter(
      (instance) =>
        instance.softwareUrl === url &&
        instance.computerId === computerId &&
        instance.requestedState !== 'destroyed',
    ).length;
    return row(`${computerId} ${url}`, state === 'error' ? 'bad' : '', [
      cell(
        'name',
        h('strong', {}, softwareName(url)),
        h('span', { class: 'address' }, outerLink(url)),
      ),
      cell('', buildBadge(state, requestedState)),
      cell('', computerId),
      cell('', renderCount(users, 'instance')),
      cell('report', reportText(report)),
      cell(
        'action',
        requestedState !== 'destroyed' &&
          button('Request…', () => openRequestDialog(overview, url), 'small'),
      ),
    ]);
  };
}

function buildBadge(state: string, requestedState: string): PageNode {
  if (requestedState === 'destroyed') return badge('idle', 'to be removed');
  const moods: Readonly<Record<string, Mood>> = {
    available: 'good',
    building: 'warn',
    error: 'bad',
  };
  const words: Readonly<Record<string, string>> = { '': 'not built yet', error: 'build failed' };
  return badge(moods[state] ?? 'idle', words[state] ?? state);
}
