/**
 * Event listeners (spec/supervisor.md 6.1): each pool queues the events that it subscribed to and
 * hands them, one at a time, to a listener that said READY.
 */
import { isSubscribed, renderEnvelope, type SupervisorEvent } from './event.ts';
import { type ListenerState, parseListenerOutput } from './listener-protocol.ts';
import type { MainLog } from './main-log.ts';
import type { ListenerConfig } from './program-config.ts';

/** Upstream's default of 10 loses events when many services end at once. */
const MIN_QUEUE = 10_000;

/** The two pipes of a listener. */
export interface ListenerPipes {
  write(text: string): void;
  onData(listener: (chunk: Buffer) => void): void;
  close(): void;
}

interface QueuedEvent {
  readonly event: SupervisorEvent;
  readonly serial: number;
  readonly poolSerial: number;
}

interface Listener {
  readonly pipes: ListenerPipes;
  state: ListenerState;
  rest: string;
  current: QueuedEvent | undefined;
}

export interface PoolNames {
  readonly identifier: string;
  readonly pool: string;
}

/** Gives the serial number of an event, the same for every pool that accepts it. */
export class EventSerials {
  #last = -1;

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
  readonly #queue: QueuedEvent[] = [];
  #poolSerial = -1;

  constructor(names: PoolNames, config: ListenerConfig, log: MainLog) {
    this.#names = names;
    this.#config = config;
    this.#log = log;
  }

  accepts(event: SupervisorEvent): boolean {
    return isSubscribed(this.#config.events, event.name);
  }

  push(event: SupervisorEvent, serial: number): void {
    this.#poolSerial += 1;
    this.#queue.push({ event, serial, poolSerial: this.#poolSerial });
    if (this.#queue.length > Math.max(MIN_QUEUE, this.#config.bufferSize)) {
      const lost = this.#queue.shift();
      this.#log.write(
        'ERRO',
        `pool ${this.#names.pool} event buffer overflowed, discarding event ${lost?.serial}`,
      );
    }
    this.#serve();
  }

  /**
   * A listener runs.
   * @param state what it last said; a listener taken over from an earlier controller goes on.
   */
  attach(name: string, pipes: ListenerPipes, state: ListenerState = 'ACKNOWLEDGED'): void {
    this.detach(name);
    const listener: Listener = { pipes, state, rest: '', current: undefined };
    this.#listeners.set(name, listener);
    pipes.onData((chunk) => this.#receive(name, listener, chunk));
    this.#serve();
  }

  /** A listener ended: the event that it had not answered is served again. */
  detach(name: string): void {
    const listener = this.#listeners.get(name);
    if (listener === undefined) return;
    this.#listeners.delete(name);
    listener.pipes.close();
    if (listener.current !== undefined) this.#queue.unshift(listener.current);
    this.#serve();
  }

  /** Closes our ends of the pipes; nothing is read or served any more. */
  freeze(): void {
    for (const { pipes } of this.#listeners.values()) pipes.close();
    this.#listeners.clear();
  }

  /** Called with every change of what a listener last said. */
  onState: (name: string, state: ListenerState) => void = () => {};

  #receive(name: string, listener: Listener, chunk: Buffer): void {
    const text = listener.rest + chunk.toString('latin1');
    const { state, rest, signals } = parseListenerOutput(listener.state, text);
    listener.rest = rest;
    for (const signal of signals) {
      if (signal.kind === 'result') {
        if (!signal.isAccepted && listener.current !== undefined) {
          this.#log.write('WARN', `${name}: event ${listener.current.serial} was rejected`);
          this.#queue.unshift(listener.current);
        }
        listener.current = undefined;
      } else if (signal.kind === 'broken') this.#giveUp(name, listener, signal.data);
    }
    this.#setState(name, listener, state);
    this.#serve();
  }

  #giveUp(name: string, listener: Listener, data: string): void {
    this.#log.write(
      'WARN',
      `${name}: bad output of a listener: ${JSON.stringify(data.slice(0, 80))}`,
    );
    if (listener.current !== undefined) this.#queue.unshift(listener.current);
    listener.current = undefined;
  }

  #setState(name: string, listener: Listener, state: ListenerState): void {
    if (listener.state === state) return;
    listener.state = state;
    this.onState(name, state);
  }

  #serve(): void {
    for (const [name, listener] of this.#listeners) {
      if (listener.state !== 'READY') continue;
      const next = this.#queue.shift();
      if (next === undefined) return;
      listener.current = next;
      this.#setState(name, listener, 'BUSY');
      listener.pipes.write(renderEnvelope(next.event, next, this.#names));
    }
  }
}
