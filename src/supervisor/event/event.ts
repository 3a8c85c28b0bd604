/** Events and their payloads (spec/supervisor.md 6.2). Pure. */
import { STATE_CODES } from '../process/process-state.ts';
import type { StateEvent } from '../process/state-transition.ts';

export interface SupervisorEvent {
  readonly name: string;
  readonly payload: string;
}

const PARENTS = ['PROCESS_STATE', 'PROCESS_LOG', 'PROCESS_COMMUNICATION', 'PROCESS_GROUP'] as const;
const OTHER_PARENTS = ['SUPERVISOR_STATE_CHANGE', 'TICK', 'EVENT'] as const;
const KNOWN_PARENTS: ReadonlySet<string> = new Set([...PARENTS, ...OTHER_PARENTS]);

const NAMES: ReadonlySet<string> = new Set([
  ...KNOWN_PARENTS,
  ...Object.keys(STATE_CODES).map((state) => `PROCESS_STATE_${state}`),
  ...['PROCESS_LOG', 'PROCESS_COMMUNICATION'].flatMap((name) => [
    `${name}_STDOUT`,
    `${name}_STDERR`,
  ]),
  ...['PROCESS_GROUP_ADDED', 'PROCESS_GROUP_REMOVED', 'REMOTE_COMMUNICATION'],
  ...['SUPERVISOR_STATE_CHANGE_RUNNING', 'SUPERVISOR_STATE_CHANGE_STOPPING'],
  ...['TICK_5', 'TICK_60', 'TICK_3600'],
]);

/** True for an event, or a parent of events, that listeners can subscribe to. */
export function isEventName(name: string): boolean {
  return NAMES.has(name);
}

/** True when a subscription, to the event itself or to a parent of it, covers an event. */
export function isSubscribed(subscriptions: readonly string[], name: string): boolean {
  return subscriptions.some((wanted) => {
    if (wanted === name || wanted === 'EVENT') return true;
    return KNOWN_PARENTS.has(wanted) && name.startsWith(`${wanted}_`);
  });
}

function details(event: StateEvent): string {
  switch (event.state) {
    case 'STARTING':
    case 'BACKOFF':
      return ` tries:${event.tries}`;
    case 'EXITED':
      return ` expected:${event.isExpected ? 1 : 0} pid:${event.pid}`;
    case 'RUNNING':
    case 'STOPPING':
    case 'STOPPED':
      return ` pid:${event.pid}`;
    default:
      return '';
  }
}

export function renderStateEvent(group: string, name: string, event: StateEvent): SupervisorEvent {
  const payload = `processname:${name} groupname:${group} from_state:${event.from}${details(event)}`;
  return { name: `PROCESS_STATE_${event.state}`, payload };
}

export function renderGroupEvent(kind: 'ADDED' | 'REMOVED', group: string): SupervisorEvent {
  return { name: `PROCESS_GROUP_${kind}`, payload: `groupname:${group}\n` };
}

export function renderRemoteEvent(type: string, data: string): SupervisorEvent {
  return { name: 'REMOTE_COMMUNICATION', payload: `type:${type}\n${data}` };
}

/** Header line and payload as a listener reads them; the length counts characters. */
export function renderEnvelope(
  event: SupervisorEvent,
  numbers: { readonly serial: number; readonly poolSerial: number },
  names: { readonly identifier: string; readonly pool: string },
): string {
  const length = [...event.payload].length;
  return (
    `ver:3.0 server:${names.identifier} serial:${numbers.serial} pool:${names.pool} ` +
    `poolserial:${numbers.poolSerial} eventname:${event.name} len:${length}\n${event.payload}`
  );
}
