/** Services with their state and why, and what can be done about it. */
import type { ServiceStatus } from '../../status/model.ts';
import { announce, tell } from './announce.ts';
import { type Detail, refreshDetail } from './detail.ts';
import { confirmAction } from './dialog-state.ts';
import { type ElementNode, h, type PageNode } from './element.ts';
import { badge, cell, emptyNote, type Mood, row, table } from './parts.ts';
import { type ServiceAction, server } from './server.ts';
import { renderAgo } from './words.ts';

const COLUMNS = ['Service', 'State', 'Why', 'Action'].map((name) => ({ name }));
const MOODS: Readonly<Record<string, Mood>> = {
  RUNNING: 'good',
  STARTING: 'warn',
  STOPPING: 'warn',
  BACKOFF: 'bad',
  FATAL: 'bad',
  UNKNOWN: 'bad',
};
const RUNS = new Set(['RUNNING', 'STARTING', 'BACKOFF']);

export function showServices(partition: string, detail: Detail): PageNode {
  const services = detail.partition?.partition.services;
  if (services === undefined) return emptyNote('…');
  if (services.length === 0)
    return emptyNote('None: the supervisor has no service of this partition.');
  return table(
    'Services',
    'services',
    COLUMNS,
    services.map((service) => showService(partition, service)),
  );
}

function showService(partition: string, service: ServiceStatus): ElementNode {
  const { name, state, reason } = service;
  return row(name, MOODS[state] === 'bad' ? 'bad' : '', [
    cell('name', name),
    cell('', badge(moodOf(service), state.toLowerCase())),
    cell('why', reason || sinceOf(service)),
    cell('action', ...actionsFor(state).map((action) => actionButton(partition, name, action))),
  ]);
}

/** One that ended by itself has failed when its exit status says so. */
function moodOf({ state, exitStatus }: ServiceStatus): Mood {
  if (state === 'EXITED') return exitStatus === 0 ? 'idle' : 'bad';
  return MOODS[state] ?? 'idle';
}

function sinceOf({ startedAtMs, stoppedAtMs, pid }: ServiceStatus): string {
  const now = Date.now();
  if (pid !== null && startedAtMs !== null) {
    return `pid ${pid}, started ${renderAgo(startedAtMs, now)}`;
  }
  return stoppedAtMs === null ? 'never started' : `ended ${renderAgo(stoppedAtMs, now)}`;
}

function actionsFor(state: string): readonly ServiceAction[] {
  return RUNS.has(state) ? ['restart', 'stop'] : ['start'];
}

const WORDS = { start: 'Start', stop: 'Stop', restart: 'Restart' } as const;

function actionButton(partition: string, name: string, action: ServiceAction): ElementNode {
  return h(
    'button',
    {
      type: 'button',
      key: action,
      class: 'small',
      'aria-label': `${WORDS[action]} ${name}`,
      on: { click: () => act(partition, name, action) },
    },
    WORDS[action],
  );
}

function act(partition: string, name: string, action: ServiceAction): void {
  const run = async () => {
    announce(`${WORDS[action]} ${name}…`);
    await server.actOnService(partition, name, action);
    tell(`${name}: ${action} is done.`);
    refreshDetail();
  };
  const text =
    action === 'start'
      ? `It will run in ${partition}.`
      : `Who uses it in ${partition} is interrupted.`;
  confirmAction({ title: `${WORDS[action]} ${name}?`, text, label: WORDS[action], run });
}
