import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ProcessConfig } from '../../../src/supervisor/configuration/program-config.ts';
import {
  INITIAL_STATUS,
  type ProcessStatus,
} from '../../../src/supervisor/process/process-state.ts';
import { transition } from '../../../src/supervisor/process/state-machine.ts';
import { encodeStatusNote } from '../../../src/supervisor/process/state-notes.ts';
import type {
  ProcessEffect,
  ProcessInput,
  StateEvent,
} from '../../../src/supervisor/process/state-transition.ts';
import { type ReferenceConfig, ReferenceProcess } from '../../support/reference-process.ts';
import { processConfig } from '../../support/supervisor-config.ts';

const TICK_MS = 250;
const WALL_OFFSET_MS = 1_700_000_000_000;

type Action =
  | { readonly kind: 'start' | 'stop' | 'signalFailed' | 'giveUp' | 'leave' }
  | { readonly kind: 'spawned' | 'spawnFailed' }
  /** The controller dies and the next one goes on with what was written down. */
  | { readonly kind: 'adopt' }
  | { readonly kind: 'exited'; readonly code: number; readonly signal: number }
  | { readonly kind: 'wait'; readonly ticks: number };

function renderEvent({ state, from, tries, pid, isExpected }: StateEvent): string {
  const more =
    state === 'STARTING' || state === 'BACKOFF'
      ? ` tries:${tries}`
      : state === 'EXITED'
        ? ` expected:${isExpected ? 1 : 0} pid:${pid}`
        : state === 'FATAL' || state === 'UNKNOWN'
          ? ''
          : ` pid:${pid}`;
  return `event ${from}>${state}${more}`;
}

function render(effect: ProcessEffect): string {
  if (effect.kind === 'log') return `log ${effect.level} ${effect.text}`;
  if (effect.kind === 'signal') return `signal ${effect.signal}${effect.isGroup ? ' group' : ''}`;
  return effect.kind === 'spawn' ? 'spawn' : renderEvent(effect.event);
}

/** The machine with the same interface as the reference. */
class Machine {
  status: ProcessStatus = INITIAL_STATUS;
  readonly told: string[] = [];
  readonly #config: ProcessConfig;
  nowMs = 0;
  isRestartAllowed = true;

  constructor(config: ReferenceConfig) {
    this.#config = processConfig({
      name: 'x',
      startSecs: config.startsecs,
      startRetries: config.startretries,
      autoRestart: config.autorestart,
      exitCodes: config.exitcodes,
      stopSignal: config.stopsignal,
      stopWaitSecs: config.stopwaitsecs,
      isStopAsGroup: config.stopasgroup,
      isKillAsGroup: config.killasgroup,
    });
  }

  dispatch(input: ProcessInput): void {
    const { status, effects } = transition(this.status, input, {
      config: this.#config,
      wallMs: WALL_OFFSET_MS + this.nowMs,
      monotonicMs: this.nowMs,
      isRestartAllowed: this.isRestartAllowed,
    });
    this.status = status;
    this.told.push(...effects.map(render));
  }

  tick(nowMs: number): void {
    this.nowMs = nowMs;
    const { deadlineMs } = this.status;
    if (deadlineMs !== null && nowMs > deadlineMs) this.dispatch({ kind: 'timer' });
  }

  /** What the next controller knows. */
  adopt(): void {
    this.status = { ...INITIAL_STATUS, ...JSON.parse(encodeStatusNote(this.status)) };
  }
}

/** The input of an action; undefined for what only the surroundings do. */
function inputOf(action: Action, count: number): ProcessInput | undefined {
  switch (action.kind) {
    case 'wait':
    case 'adopt':
    case 'leave':
      return undefined;
    case 'spawned':
      return { kind: 'spawned', pid: 100 + count, startTicks: count };
    case 'spawnFailed':
      return { kind: 'spawnFailed', reason: 'why' };
    case 'signalFailed':
      return { kind: 'signalFailed', reason: 'EPERM' };
    case 'exited': {
      const { code: status, signal } = action;
      const more = { hasDumpedCore: signal === 11, isLost: false, agoMs: 0 };
      return { kind: 'exited', status, signal, ...more };
    }
    default:
      return { kind: action.kind };
  }
}

function tellReference(reference: ReferenceProcess, input: ProcessInput): void {
  if (input.kind === 'spawned') reference.spawned(input.pid);
  else if (input.kind === 'spawnFailed') reference.spawnFailed(input.reason);
  else if (input.kind === 'exited') {
    reference.exited(input.status, input.signal, input.hasDumpedCore);
  } else if (input.kind !== 'timer') reference[input.kind]();
}

function act(action: Action, machine: Machine, reference: ReferenceProcess, count: number): void {
  if (action.kind === 'wait') {
    for (let tick = 0; tick < action.ticks; tick += 1) {
      machine.tick(machine.nowMs + TICK_MS);
      reference.tick(machine.nowMs);
    }
  } else if (action.kind === 'adopt') machine.adopt();
  else if (action.kind === 'leave') {
    machine.isRestartAllowed = false;
    reference.isDaemonRunning = false;
  }
  const input = inputOf(action, count);
  if (input === undefined) return;
  // Only what has a pid can end.
  if (input.kind === 'exited' && machine.status.pid === 0) return;
  machine.dispatch(input);
  tellReference(reference, input);
}

const CONFIG: fc.Arbitrary<ReferenceConfig> = fc.record({
  startsecs: fc.constantFrom(0, 0, 1, 2),
  startretries: fc.constantFrom(0, 1, 3),
  autorestart: fc.constantFrom<Array<true | false | 'unexpected'>>(true, false, 'unexpected'),
  exitcodes: fc.constantFrom([0], [0, 2], []),
  stopsignal: fc.constantFrom(15, 2),
  stopwaitsecs: fc.constantFrom(0, 1, 3),
  stopasgroup: fc.boolean(),
  killasgroup: fc.boolean(),
});

const EXIT = fc.constantFrom<Array<{ code: number; signal: number }>>(
  { code: 0, signal: 0 },
  { code: 2, signal: 0 },
  { code: -1, signal: 15 },
  { code: -1, signal: 9 },
  { code: -1, signal: 11 },
);

const ACTION: fc.Arbitrary<Action> = fc.oneof(
  { weight: 4, arbitrary: fc.constant<Action>({ kind: 'start' }) },
  { weight: 3, arbitrary: fc.constant<Action>({ kind: 'stop' }) },
  { weight: 6, arbitrary: fc.constant<Action>({ kind: 'spawned' }) },
  { weight: 2, arbitrary: fc.constant<Action>({ kind: 'spawnFailed' }) },
  { weight: 5, arbitrary: EXIT.map((exit): Action => ({ kind: 'exited', ...exit })) },
  { weight: 6, arbitrary: fc.integer({ min: 1, max: 30 }).map(wait) },
  { weight: 2, arbitrary: fc.constant<Action>({ kind: 'adopt' }) },
  { weight: 1, arbitrary: fc.constant<Action>({ kind: 'signalFailed' }) },
  { weight: 1, arbitrary: fc.constantFrom<Action>({ kind: 'giveUp' }, { kind: 'leave' }) },
);

function wait(ticks: number): Action {
  return { kind: 'wait', ticks };
}

function compare(config: ReferenceConfig, actions: readonly Action[]): void {
  const machine = new Machine(config);
  const reference = new ReferenceProcess(config);
  for (const [count, action] of actions.entries()) {
    act(action, machine, reference, count);
    expect(machine.told).toEqual(reference.told);
    const { state, pid, backoff, exitStatus, spawnError, lastStartMs, lastStopMs } = machine.status;
    const seconds = (ms: number) => (ms === 0 ? 0 : ms - WALL_OFFSET_MS);
    expect([state, pid, backoff, exitStatus, spawnError]).toEqual([
      reference.state,
      reference.pid,
      reference.backoff,
      reference.exitstatus ?? null,
      reference.spawnerr,
    ]);
    expect([seconds(lastStartMs), seconds(lastStopMs)]).toEqual([
      reference.laststart,
      reference.laststop,
    ]);
  }
}

describe('the state machine against a plain reference', () => {
  it('agrees on random lives of random programs', () => {
    const lives = fc.array(ACTION, { minLength: 1, maxLength: 60 });
    fc.assert(fc.property(CONFIG, lives, compare), { numRuns: 3000 });
  });

  it('agrees on a service that crashes again and again', () => {
    const crash: Action[] = [
      { kind: 'spawned' },
      { kind: 'exited', code: 2, signal: 0 },
      { kind: 'wait', ticks: 1 },
    ];
    const lives = fc.integer({ min: 1, max: 600 }).map((count): Action[] => {
      return [{ kind: 'start' }, ...Array.from({ length: count }, () => crash).flat()];
    });
    fc.assert(fc.property(CONFIG, lives, compare), { numRuns: 40 });
  });
});
