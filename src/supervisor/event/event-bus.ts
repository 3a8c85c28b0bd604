/** Brings events to the pools of listeners that asked for them. */
import { Socket } from 'node:net';
import type { ListenerConfig } from '../configuration/program-config.ts';
import type { MainLog } from '../output/main-log.ts';
import type { OutputLog } from '../output/service-output.ts';
import type { SupervisorEvent } from './event.ts';
import {
  encodeListenerNote,
  type ListenerMemory,
  listenerKey,
  type PoolMemory,
} from './event-notes.ts';
import {
  EventSerials,
  type ListenerPipes,
  ListenerPool,
  type StorePoolNote,
} from './listener-pool.ts';

/** The two pipes over descriptors; a listener that does not read makes us buffer, not wait. */
function openPipes(
  fds: { readonly stdinFd: number; readonly stdoutFd: number },
  log: OutputLog,
): ListenerPipes {
  const input = new Socket({ fd: fds.stdinFd, readable: false, writable: true });
  const output = new Socket({ fd: fds.stdoutFd, readable: true, writable: false });
  // Its end is told by its exit.
  for (const socket of [input, output]) socket.on('error', () => {});
  output.on('data', (chunk: Buffer) => log.write(chunk));
  return {
    write: (text) => input.write(text),
    onData: (listener) => output.on('data', listener),
    close() {
      input.destroy();
      output.destroy();
      log.close();
    },
  };
}

export class EventBus {
  readonly #identifier: string;
  readonly #log: MainLog;
  readonly #pools = new Map<string, ListenerPool>();
  readonly #serials = new EventSerials();

  /** Called with notes that the next controller has to know; an empty value removes one. */
  onNote: StorePoolNote = () => {};

  /** Called when pools came or went. */
  onPools: () => void = () => {};

  constructor(identifier: string, log: MainLog) {
    this.#identifier = identifier;
    this.#log = log;
  }

  hasPool(group: string): boolean {
    return this.#pools.has(group);
  }

  /** @param memory what an earlier controller left of it. */
  addPool(group: string, config: ListenerConfig, memory?: PoolMemory): void {
    const names = { identifier: this.#identifier, pool: group };
    const store: StorePoolNote = (key, value) => this.onNote(key, value);
    const pool = new ListenerPool(names, config, this.#log, store, memory);
    if (memory !== undefined) this.#serials.resume(memory.serial);
    pool.onState = (name, state, poolSerial) => {
      store(listenerKey(group, name), encodeListenerNote(state, poolSerial));
    };
    this.#pools.set(group, pool);
    this.onPools();
  }

  /** Lets go of every listener as it is: another controller goes on with them. */
  freeze(): void {
    for (const pool of this.#pools.values()) pool.freeze();
  }

  removePool(group: string): void {
    this.#pools.get(group)?.forgetAll();
    this.#pools.delete(group);
    this.onPools();
  }

  /** True when some pool subscribed to events of this name. */
  isWanted(name: string): boolean {
    return [...this.#pools.values()].some((pool) => pool.accepts({ name, payload: '' }));
  }

  emit(event: SupervisorEvent): void {
    const pools = [...this.#pools.values()].filter((pool) => pool.accepts(event));
    if (pools.length === 0) return;
    const serial = this.#serials.next();
    for (const pool of pools) pool.push(event, serial);
  }

  /**
   * A listener runs.
   * @param log gets what the listener says too.
   */
  attach(
    group: string,
    name: string,
    fds: { readonly stdinFd: number; readonly stdoutFd: number },
    log: OutputLog,
    memory?: ListenerMemory,
  ): void {
    this.#pools.get(group)?.attach(name, openPipes(fds, log), memory);
  }

  detach(group: string, name: string): void {
    const pool = this.#pools.get(group);
    if (pool === undefined) return;
    pool.detach(name);
    this.onNote(listenerKey(group, name), '');
  }
}
