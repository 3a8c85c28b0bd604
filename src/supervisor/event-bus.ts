/** Brings events to the pools of listeners that asked for them. */
import { Socket } from 'node:net';
import type { SupervisorEvent } from './event.ts';
import { EventSerials, type ListenerPipes, ListenerPool } from './listener-pool.ts';
import type { ListenerState } from './listener-protocol.ts';
import type { MainLog } from './main-log.ts';
import type { ListenerConfig } from './program-config.ts';
import type { OutputLog } from './service-output.ts';

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

  /** Called when a listener said something; undefined when it ended. */
  onListenerState: (group: string, name: string, state: ListenerState | undefined) => void =
    () => {};

  /** Called when pools came or went. */
  onPools: () => void = () => {};

  constructor(identifier: string, log: MainLog) {
    this.#identifier = identifier;
    this.#log = log;
  }

  hasPool(group: string): boolean {
    return this.#pools.has(group);
  }

  addPool(group: string, config: ListenerConfig): void {
    const names = { identifier: this.#identifier, pool: group };
    const pool = new ListenerPool(names, config, this.#log);
    pool.onState = (name, state) => this.onListenerState(group, name, state);
    this.#pools.set(group, pool);
    this.onPools();
  }

  /** Lets go of every listener as it is: another controller goes on with them. */
  freeze(): void {
    for (const pool of this.#pools.values()) pool.freeze();
  }

  removePool(group: string): void {
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
    state?: ListenerState,
  ): void {
    this.#pools.get(group)?.attach(name, openPipes(fds, log), state);
  }

  detach(group: string, name: string): void {
    const pool = this.#pools.get(group);
    if (pool === undefined) return;
    pool.detach(name);
    this.onListenerState(group, name, undefined);
  }
}
