/**
 * Events that no listener has accepted yet, as notes that outlive a controller: they are delivered
 * again by the next one (docs/keeper-protocol.md, "What a crash repeats").
 */
import type { SupervisorEvent } from './event.ts';
import { LISTENER_STATES, type ListenerState } from './listener-protocol.ts';

/** An event in the queue of a pool. */
export interface QueuedEvent {
  readonly event: SupervisorEvent;
  readonly serial: number;
  readonly poolSerial: number;
}

/** What a controller left of a pool. */
export interface PoolMemory {
  /** Last serials given, of all pools and of this one; -1 for none. */
  readonly serial: number;
  readonly poolSerial: number;
  /** By rising serial. */
  readonly events: readonly QueuedEvent[];
}

/** What a listener last said, and the event that it has to answer. */
export interface ListenerMemory {
  readonly state: ListenerState;
  readonly poolSerial: number | undefined;
}

export const NO_MEMORY: PoolMemory = { serial: -1, poolSerial: -1, events: [] };

/** Longer payloads, which only output of services can have, are not kept. */
const MAX_PAYLOAD_BYTES = 32 * 1024;

export function eventKey(pool: string, poolSerial: number): string {
  return `event:${pool}:${poolSerial}`;
}

export function listenerKey(group: string, name: string): string {
  return `listener:${group}:${name}`;
}

export function serialKey(pool: string): string {
  return `serial:${pool}`;
}

/** The note of an event; empty for one that is not worth keeping: long output, and the time. */
export function encodeEventNote({ event, serial }: QueuedEvent): string {
  if (event.name.startsWith('TICK_')) return '';
  if (Buffer.byteLength(event.payload) > MAX_PAYLOAD_BYTES) return '';
  return JSON.stringify({ serial, name: event.name, payload: event.payload });
}

export function encodeListenerNote(state: ListenerState, poolSerial: number | undefined): string {
  return poolSerial === undefined ? state : `${state} ${poolSerial}`;
}

export function decodeListenerNote(note: string | undefined): ListenerMemory {
  const [word, serial] = (note ?? '').split(' ');
  const state = LISTENER_STATES.find((each) => each === word) ?? 'ACKNOWLEDGED';
  const poolSerial = Number(serial);
  return { state, poolSerial: Number.isInteger(poolSerial) ? poolSerial : undefined };
}

function decodeEvent(note: string, poolSerial: number): QueuedEvent[] {
  try {
    const { serial, name, payload } = JSON.parse(note);
    const isEvent = typeof name === 'string' && typeof payload === 'string';
    const hasSerials = Number.isInteger(serial) && Number.isInteger(poolSerial);
    return isEvent && hasSerials ? [{ event: { name, payload }, serial, poolSerial }] : [];
  } catch {
    return []; // A note of another version: as if there were none.
  }
}

/** What is left of one pool. */
export function decodePoolMemory(notes: ReadonlyMap<string, string>, pool: string): PoolMemory {
  const prefix = eventKey(pool, 0).slice(0, -1);
  const events = [...notes].flatMap(([key, note]) => {
    return key.startsWith(prefix) ? decodeEvent(note, Number(key.slice(prefix.length))) : [];
  });
  events.sort((a, b) => a.poolSerial - b.poolSerial);
  const [serial = -1, poolSerial = -1] = (notes.get(serialKey(pool)) ?? '-1 -1')
    .split(' ')
    .map((text) => (/^\d{1,15}$/.test(text) ? Number(text) : -1));
  return { serial, poolSerial, events };
}
