/**
 * Event listeners (spec/supervisor.md 6.1): each pool queues the events that it subscribed to and
 * hands them, one at a time, to a listener that said READY.
 */

import type { ListenerConfig } from '../configuration/program-config.ts';
import type { MainLog } from '../output/main-log.ts';
import { isSubscribed, renderEnvelope, type SupervisorEvent } from './event.ts';
import {
  encodeEventNote,
  eventKey,
  type ListenerMemory,
  NO_MEMORY,
  type PoolMemory,
  type QueuedEvent,
  serialKey,
} from './event-notes.ts';
import { type ListenerState, parseListenerOutput } from './listener-protocol.ts';

/** Upstream's default of 10 loses events when many services end at once. */
const MIN_QUEUE = 10_000;

/** The two pipes of a listener. */
export interface ListenerPipes {
  write(text: string): void;
  onData(listener: (chunk: Buffer) => void): void;
  close(): void;
}

interface Listener {
  readonly pipes: ListenerPipes;
  state: ListenerState;
  rest: string;
  current: QueuedEvent | undefined;
  /** It was taken over: it may be one answer ahead of what we know, or one event. */
  readonly isUncertain: boolean;
  hasSpoken: boolean;
}

/** How long a listener that was taken over may be silent before it is served again. */
const SILENCE_MS = 1000;

/** Notes of a pool that outlive the controller; an empty value removes one. */
export type StorePoolNote = (key: string, value: string) => void;

export interface PoolNames {
  readonly identifier: string;
  readonly pool: string;
}

/** Gives the serial number of an event, the same for every pool that accepts it. */
export class EventSerials {
  #last = -1;

  /** Goes on after the last one of an earlier controller. */
  resume(last: number): void {
    this.#last = Math.max(this.#last, last);
  }

  next(): number {
    this.#last += 1;
    return this.#last;
  }
}

export class ListenerPool {
  readonly #names: PoolNames;
  readonly #config: ListenerConfig;
  readonly #log: MainLog;
  readonly #listeners = new Map<string, Listener>();
  readonly #queue: QueuedEvent[];
  readonly #store: StorePoolNote;
  #poolSerial: number;

  constructor(
    names: PoolNames,
    config: ListenerConfig,
    log: MainLog,
    store: StorePoolNote = () => {},
    memory: PoolMemory = NO_MEMORY,
  ) {
    this.#names = names;
    this.#config = config;
    this.#log = log;
    this.#store = store;
    this.#queue = [...memory.events];
    this.#poolSerial = Math.max(memory.poolSerial, memory.events.at(-1)?.poolSerial ?? -1);
  }

  accepts(event: SupervisorEvent): boolean {
    return isSubscribed(this.#config.events, event.name);
  }

  push(event: SupervisorEvent, serial: number): void {
    this.#poolSerial += 1;
    const queued = { event, serial, poolSerial: this.#poolSerial };
    this.#queue.push(queued);
    this.#store(serialKey(this.#names.pool), `${serial} ${this.#poolSerial}`);
    const note = encodeEventNote(queued);
    if (note !== '') this.#store(eventKey(this.#names.pool, this.#poolSerial), note);
    if (this.#queue.length > Math.max(MIN_QUEUE, this.#config.bufferSize)) {
      const lost = this.#queue.shift();
      this.#forget(lost);
      this.#log.write(
        'ERRO',
        `pool ${this.#names.pool} event buffer overflowed, discarding event ${lost?.serial}`,
      );
    }
    this.#serve();
  }

  /**
   * A listener runs.
   * @param memory of a listener taken over from an earlier controller, which goes on.
   */
  attach(name: string, pipes: ListenerPipes, memory?: ListenerMemory): void {
    this.detach(name);
    const listener: Listener = {
      pipes,
      state: memory?.state ?? 'ACKNOWLEDGED',
      rest: '',
      current: this.#takeQueued(memory?.poolSerial),
      isUncertain: memory !== undefined,
      hasSpoken: false,
    };
    this.#listeners.set(name, listener);
    pipes.onData((chunk) => this.#receive(name, listener, chunk));
    if (memory !== undefined) this.#awaitSign(name, listener);
    this.#serve();
  }

  /** Takes the event out of the queue that a listener was given by an earlier controller. */
  #takeQueued(poolSerial: number | undefined): QueuedEvent | undefined {
    const at = this.#queue.findIndex((each) => each.poolSerial === poolSerial);
    return at < 0 ? undefined : this.#queue.splice(at, 1)[0];
  }

  /**
   * The controller before may have died between reading an answer and writing it down, or between
   * writing down that it serves an event and serving it. Either way the listener waits for us.
   */
  #awaitSign(name: string, listener: Listener): void {
    if (listener.state !== 'BUSY' && listener.state !== 'ACKNOWLEDGED') return;
    const check = () => {
      if (listener.hasSpoken || this.#listeners.get(name) !== listener) return;
      this.#putBack(listener);
      this.#setState(name, listener, 'READY');
      this.#serve();
    };
    setTimeout(check, SILENCE_MS).unref();
  }

  /** A listener ended: the event that it had not answered is served again. */
  detach(name: string): void {
    const listener = this.#listeners.get(name);
    if (listener === undefined) return;
    this.#listeners.delete(name);
    listener.pipes.close();
    this.#putBack(listener);
    this.#serve();
  }

  /** Closes our ends of the pipes; nothing is read or served any more. */
  freeze(): void {
    for (const { pipes } of this.#listeners.values()) pipes.close();
    this.#listeners.clear();
  }

  /** The pool goes: nothing of it is remembered. */
  forgetAll(): void {
    for (const queued of this.#queue.splice(0)) this.#forget(queued);
    this.#store(serialKey(this.#names.pool), '');
  }

  /** Called with every change of what a listener last said. */
  onState: (name: string, state: ListenerState, poolSerial: number | undefined) => void = () => {};

  #receive(name: string, listener: Listener, chunk: Buffer): void {
    const { state } = listener;
    listener.hasSpoken = true;
    listener.rest += chunk.toString('latin1');
    while (this.#hear(name, listener));
    if (listener.state !== state) this.onState(name, listener.state, undefined);
    this.#serve();
  }

  /** Takes one word of what a listener said; false when there is none. */
  #hear(name: string, listener: Listener): boolean {
    if (listener.isUncertain) this.#reconcile(listener);
    const { state, rest, signals } = parseListenerOutput(listener.state, listener.rest, 1);
    const [signal] = signals;
    listener.rest = rest;
    listener.state = state;
    if (signal?.kind === 'result') this.#settle(name, listener, signal.isAccepted);
    else if (signal?.kind === 'broken') this.#giveUp(name, listener, signal.data);
    return signal !== undefined;
  }

  /** Puts a listener that was taken over and speaks out of turn where it must be to say that. */
  #reconcile(listener: Listener): void {
    const { state, rest } = listener;
    if (rest.startsWith('RES') && (state === 'READY' || state === 'ACKNOWLEDGED')) {
      listener.state = 'BUSY';
    } else if (rest.startsWith('READY\n') && (state === 'READY' || state === 'BUSY')) {
      this.#putBack(listener);
      listener.state = 'ACKNOWLEDGED';
    }
  }

  #putBack(listener: Listener): void {
    if (listener.current !== undefined) this.#queue.unshift(listener.current);
    listener.current = undefined;
  }

  #settle(name: string, listener: Listener, isAccepted: boolean): void {
    const { current } = listener;
    listener.current = undefined;
    if (current === undefined) return;
    if (isAccepted) this.#forget(current);
    else {
      this.#log.write('WARN', `${name}: event ${current.serial} was rejected`);
      this.#queue.unshift(current);
    }
  }

  #forget(queued: QueuedEvent | undefined): void {
    if (queued === undefined || encodeEventNote(queued) === '') return;
    this.#store(eventKey(this.#names.pool, queued.poolSerial), '');
  }

  #giveUp(name: string, listener: Listener, data: string): void {
    this.#log.write(
      'WARN',
      `${name}: bad output of a listener: ${JSON.stringify(data.slice(0, 80))}`,
    );
    this.#putBack(listener);
  }

  #setState(name: string, listener: Listener, state: ListenerState): void {
    if (listener.state === state) return;
    listener.state = state;
    this.onState(name, state, state === 'BUSY' ? listener.current?.poolSerial : undefined);
  }

  #serve(): void {
    for (const [name, listener] of this.#listeners) {
      if (listener.state !== 'READY') continue;
      const next = this.#queue.shift();
      if (next === undefined) return;
      listener.current = next;
      // Then written down: after a crash in between it is served again rather than never.
      listener.pipes.write(renderEnvelope(next.event, next, this.#names));
      this.#setState(name, listener, 'BUSY');
    }
  }
}
