/** Starts the page: what frames every view, and what is told when something changes. */
import type { PanelOverview } from '../api.ts';
import { announce } from './announce.ts';
import { currentDetail, refreshDetail } from './detail.ts';
import { h, type PageNode } from './element.ts';
import { listTroubles } from './judge.ts';
import { followOverview } from './live.ts';
import { emptyNote } from './parts.ts';
import { createRoot, type Root } from './patch.ts';
import { parseRoute, type Route, renderRoute } from './route.ts';
import { changeState, currentState, onRefresh, type PageState } from './store.ts';
import { fillCharts } from './view-charts.ts';
import { showInstance } from './view-instance.ts';
import { fillLog } from './view-log.ts';
import { showNodes } from './view-nodes.ts';
import { showSoftware } from './view-software.ts';
import { showTree } from './view-tree.ts';
import { visibleText } from './visible-text.ts';
import { renderClock, renderCount } from './words.ts';

const VIEWS = [
  { view: 'nodes', name: 'Nodes' },
  { view: 'tree', name: 'Instances' },
  { view: 'software', name: 'Software' },
] as const;

function rootOf(id: string): Root {
  const element = document.getElementById(id);
  if (element === null) throw new Error(`the page has no #${id}`);
  return createRoot(element);
}

const roots = { nav: rootOf('nav'), status: rootOf('status'), main: rootOf('main') };

function showPage(): void {
  const state = currentState();
  roots.nav.show([showNav(state.route)]);
  roots.status.show(showStatus(state));
  roots.main.show([h('div', { key: renderRoute(state.route) }, showView(state))]);
  fillLog(currentDetail());
  fillCharts(currentDetail());
  document.title = titleOf(state);
}

function showNav(route: Route): PageNode {
  const isInstance = route.view === 'instance' || route.view === 'partition';
  return h(
    'ul',
    {},
    VIEWS.map(({ view, name }) => {
      const isCurrent = route.view === view || (isInstance && view === 'tree');
      const current = isCurrent ? (isInstance ? 'true' : 'page') : undefined;
      return h('li', {}, h('a', { href: renderRoute({ view }), 'aria-current': current }, name));
    }),
  );
}

function showStatus({ trouble, overview }: PageState): readonly PageNode[] {
  if (trouble === undefined) {
    const isFirst = overview === undefined;
    return [h('span', { class: isFirst ? 'muted' : 'live' }, isFirst ? 'connecting…' : 'live')];
  }
  if (trouble.mustSignIn) {
    return [
      h(
        'span',
        { class: 'dead' },
        'Signed out: ',
        h('a', { href: './', target: '_self' }, 'sign in'),
      ),
    ];
  }
  return [
    h(
      'span',
      { class: 'dead', title: trouble.message },
      `not live since ${renderClock(trouble.sinceMs)}`,
    ),
  ];
}

function showView(state: PageState): readonly PageNode[] {
  const { overview, route, trouble } = state;
  if (overview === undefined) {
    return [
      h('h1', { key: 'title', tabindex: -1, id: 'view' }, 'SlapOS node'),
      trouble === undefined ? emptyNote('Looking…') : h('p', { class: 'problem' }, trouble.message),
    ];
  }
  if (route.view === 'tree') return showTree(state, overview);
  if (route.view === 'software') return showSoftware(overview);
  if (route.view === 'nodes') return showNodes(state, overview);
  return showInstance(route, overview);
}

function titleOf({ overview, route }: PageState): string {
  const instance =
    route.view === 'instance'
      ? overview?.instances.find(({ reference }) => reference === route.reference)?.title
      : undefined;
  const name = VIEWS.find(({ view }) => view === route.view)?.name;
  const troubles = overview === undefined ? 0 : listTroubles(overview, overview.takenAtMs).length;
  const count = troubles > 0 ? `(${troubles}) ` : '';
  return `${count}${visibleText(instance ?? name ?? 'Partition')} · SlapOS`;
}

/** Only what an operator acts on: new troubles, and when all of them are gone. */
function tellChanges(before: PanelOverview | undefined, after: PanelOverview): void {
  if (before === undefined) return;
  const keys = (overview: PanelOverview) =>
    new Map(
      listTroubles(overview, overview.takenAtMs).map(({ place, what }) => [
        `${place}: ${what.replace(/^last seen .*/, 'silent')}`,
        `${place}: ${what}`,
      ]),
    );
  const [old, now] = [keys(before), keys(after)];
  const fresh = [...now].filter(([key]) => !old.has(key)).map(([, text]) => text);
  if (fresh.length === 1) announce(visibleText(fresh[0] ?? ''));
  else if (fresh.length > 1) announce(`${renderCount(fresh.length, 'new problem')}.`);
  else if (old.size > 0 && now.size === 0) announce('Nothing is wrong any more.');
}

function moved(): void {
  changeState({ route: parseRoute(location.hash) });
  refreshDetail();
  // The new view is read from its beginning.
  requestAnimationFrame(() => {
    window.scrollTo(0, 0);
    document.getElementById('view')?.focus({ preventScroll: true });
  });
}

onRefresh(showPage);
window.addEventListener('hashchange', moved);
document.getElementById('skip')?.addEventListener('click', (event) => {
  event.preventDefault();
  document.getElementById('view')?.focus();
});
showPage();
followOverview({
  overview(overview) {
    tellChanges(currentState().overview, overview);
    changeState({ overview });
    refreshDetail();
  },
  changed(problem) {
    const before = currentState().trouble;
    if (problem === undefined) {
      if (before !== undefined) changeState({ trouble: undefined });
      return;
    }
    const trouble = {
      sinceMs: before?.sinceMs ?? Date.now(),
      message: `${problem.message} ${problem.hint}`.trim(),
      mustSignIn: problem.status === 401,
    };
    if (before?.message !== trouble.message) changeState({ trouble });
  },
});
