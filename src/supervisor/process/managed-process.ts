/** One process under supervision: its status, its timer, and who waits for it. */

import type { ProcessConfig } from '../configuration/program-config.ts';
import { INITIAL_STATUS, type ProcessStatus } from './process-state.ts';
import { namespec } from './spawn-plan.ts';
import { transition } from './state-machine.ts';
import type { MachineContext, ProcessEffect, ProcessInput } from './state-transition.ts';

/** Where the output of a process goes; '' for nowhere. */
export interface LogPaths {
  readonly stdout: string;
  readonly stderr: string;
}

/** What a process asks of the controller. */
export interface ProcessOwner {
  /** Nothing is decided any more: another controller will go on from what is written down. */
  readonly isFrozen: boolean;
  context(config: ProcessConfig): MachineContext;
  /** Called before the effects are applied: nothing is done that is not written down. */
  remember(process: ManagedProcess): void;
  apply(process: ManagedProcess, effect: ProcessEffect): void;
  setTimer(delayMs: number, run: () => void): { cancel(): void };
}

/**
 * Invariants: the timer is armed exactly while the status has a deadline; waiters hear every
 * change after its effects.
 */
export class ManagedProcess {
  readonly groupName: string;
  readonly config: ProcessConfig;
  readonly logs: LogPaths;
  readonly #owner: ProcessOwner;
  readonly #waiters = new Set<() => void>();
  #status: ProcessStatus;
  #timer: { cancel(): void } | undefined;

  constructor(
    groupName: string,
    config: ProcessConfig,
    logs: LogPaths,
    owner: ProcessOwner,
    status: ProcessStatus = INITIAL_STATUS,
  ) {
    this.groupName = groupName;
    this.config = config;
    this.logs = logs;
    this.#owner = owner;
    this.#status = status;
    this.#armTimer();
  }

  get status(): ProcessStatus {
    return this.#status;
  }

  /** Name under which the keeper and clients know it. */
  get fullName(): string {
    return `${this.groupName}:${this.config.name}`;
  }

  get namespec(): string {
    return namespec(this.groupName, this.config.name);
  }

  dispatch(input: ProcessInput): void {
    if (this.#owner.isFrozen) return;
    const { status, effects } = transition(this.#status, input, this.#owner.context(this.config));
    if (status === this.#status) {
      for (const effect of effects) this.#owner.apply(this, effect);
      return;
    }
    this.#status = status;
    this.#armTimer();
    this.#owner.remember(this);
    for (const effect of effects) this.#owner.apply(this, effect);
    for (const waiter of [...this.#waiters]) waiter();
  }

  /** Resolves as soon as a status satisfies the condition; at once when it does already. */
  until(condition: (status: ProcessStatus) => boolean): Promise<ProcessStatus> {
    return new Promise((resolve) => {
      const check = () => {
        if (!condition(this.#status)) return;
        this.#waiters.delete(check);
        resolve(this.#status);
      };
      this.#waiters.add(check);
      check();
    });
  }

  /** Forgets the timer: the process leaves supervision. */
  release(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #armTimer(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    const { deadlineMs } = this.#status;
    if (deadlineMs === null) return;
    const delayMs = Math.max(0, deadlineMs - this.#owner.context(this.config).monotonicMs);
    this.#timer = this.#owner.setTimer(delayMs + 1, () => this.dispatch({ kind: 'timer' }));
  }
}

/** Word that tells the present start of a process from every other: no two have the same time. */
export function startTag(process: ManagedProcess): string {
  return String(process.status.startedAtMs);
}
