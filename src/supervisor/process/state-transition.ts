/** What goes into the state machine of a process and what comes out (spec/supervisor.md 3.3). */

import type { ProcessConfig } from '../configuration/program-config.ts';
import type { ProcessState, ProcessStatus } from './process-state.ts';

export interface ProcessExitInput {
  readonly kind: 'exited';
  /** Exit status, or -1 after a signal. */
  readonly status: number;
  readonly signal: number;
  readonly hasDumpedCore: boolean;
  /** True when nobody saw how it ended. */
  readonly isLost: boolean;
  /** How long ago it ended: what ends while no controller runs is told late. */
  readonly agoMs: number;
}

export type ProcessInput =
  | { readonly kind: 'start' }
  | { readonly kind: 'spawned'; readonly pid: number; readonly startTicks: number }
  | { readonly kind: 'spawnFailed'; readonly reason: string }
  | ProcessExitInput
  | { readonly kind: 'stop' }
  /** The deadline has passed. */
  | { readonly kind: 'timer' }
  /** The kernel refused to deliver a signal, other than because the process is gone. */
  | { readonly kind: 'signalFailed'; readonly reason: string }
  /** The supervisor stops: no more tries. */
  | { readonly kind: 'giveUp' };

export type LogLevel = 'CRIT' | 'ERRO' | 'WARN' | 'INFO' | 'DEBG';

/** A PROCESS_STATE event (spec 6.2) with what its payload may need. */
export interface StateEvent {
  readonly state: ProcessState;
  readonly from: ProcessState;
  readonly tries: number;
  readonly pid: number;
  readonly isExpected: boolean;
}

export type ProcessEffect =
  | { readonly kind: 'event'; readonly event: StateEvent }
  | { readonly kind: 'spawn' }
  | { readonly kind: 'signal'; readonly signal: number; readonly isGroup: boolean }
  | { readonly kind: 'log'; readonly level: LogLevel; readonly text: string };

export interface MachineContext {
  readonly config: ProcessConfig;
  readonly wallMs: number;
  readonly monotonicMs: number;
  /** False while the supervisor stops: nothing is restarted. */
  readonly isRestartAllowed: boolean;
}

export interface Transition {
  readonly status: ProcessStatus;
  readonly effects: readonly ProcessEffect[];
}
