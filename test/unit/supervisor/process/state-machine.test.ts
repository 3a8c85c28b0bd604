import { describe, expect, it } from 'vitest';
import type { ProcessConfig } from '../../../../src/supervisor/configuration/program-config.ts';
import {
  INITIAL_STATUS,
  type ProcessStatus,
} from '../../../../src/supervisor/process/process-state.ts';
import {
  type InputKind,
  type MachineRow,
  rowOf,
  TABLE,
  transition,
} from '../../../../src/supervisor/process/state-machine.ts';
import type {
  ProcessEffect,
  ProcessInput,
} from '../../../../src/supervisor/process/state-transition.ts';
import { processConfig } from '../../../support/supervisor-config.ts';

const NOW = 100_000;

function run(
  status: Partial<ProcessStatus>,
  input: ProcessInput,
  config: Partial<ProcessConfig> = {},
  options: { nowMs?: number; isRestartAllowed?: boolean } = {},
) {
  return transition({ ...INITIAL_STATUS, ...status }, input, {
    config: processConfig({ name: 'x', ...config }),
    wallMs: 1_700_000_000_000,
    monotonicMs: options.nowMs ?? NOW,
    isRestartAllowed: options.isRestartAllowed ?? true,
  });
}

function events(effects: readonly ProcessEffect[]): string[] {
  return effects.flatMap((effect) => {
    return effect.kind === 'event' ? [`${effect.event.from}>${effect.event.state}`] : [];
  });
}

function logs(effects: readonly ProcessEffect[]): string[] {
  return effects.flatMap((effect) => {
    return effect.kind === 'log' ? [`${effect.level} ${effect.text}`] : [];
  });
}

function signals(effects: readonly ProcessEffect[]): string[] {
  return effects.flatMap((effect) => {
    return effect.kind === 'signal' ? [`${effect.signal}${effect.isGroup ? ' group' : ''}`] : [];
  });
}

function exit(status: number, signal = 0, hasDumpedCore = false, agoMs = 0): ProcessInput {
  return { kind: 'exited', status, signal, hasDumpedCore, isLost: false, agoMs };
}

/** One input of each kind. */
const INPUTS: { readonly [K in InputKind]: ProcessInput } = {
  start: { kind: 'start' },
  spawned: { kind: 'spawned', pid: 7, startTicks: 70 },
  spawnFailed: { kind: 'spawnFailed', reason: 'why' },
  exited: exit(0),
  stop: { kind: 'stop' },
  timer: { kind: 'timer' },
  signalFailed: { kind: 'signalFailed', reason: 'EPERM' },
  giveUp: { kind: 'giveUp' },
};

/** A status that stands in each row. */
const STATUSES: Readonly<Record<MachineRow, Partial<ProcessStatus>>> = {
  STOPPED: {},
  SPAWNING: { state: 'STARTING', startedAtMs: NOW },
  STARTING: { state: 'STARTING', pid: 7, startTicks: 70, startedAtMs: NOW, deadlineMs: NOW + 1000 },
  RUNNING: { state: 'RUNNING', pid: 7, startTicks: 70, startedAtMs: NOW },
  BACKOFF: { state: 'BACKOFF', backoff: 1, deadlineMs: NOW + 1000 },
  STOPPING: { state: 'STOPPING', pid: 7, startTicks: 70, deadlineMs: NOW + 1000 },
  EXITED: { state: 'EXITED' },
  WAITING: { state: 'EXITED', deadlineMs: NOW + 1000, quickExits: 5 },
  FATAL: { state: 'FATAL', spawnError: 'why' },
  UNKNOWN: { state: 'UNKNOWN', pid: 7, startTicks: 70 },
};

/**
 * Where each input leads from each row, for a program with startsecs 1 and no autorestart; '-' for
 * an input that changes nothing and has no effect.
 */
const NEXT: Readonly<Record<MachineRow, string>> = {
  //         start    spawned  spawnFailed exited stop     timer    signalFailed giveUp
  STOPPED: ' SPAWNING -        -        -        -        -        -        -',
  SPAWNING: 'SPAWNING STARTING BACKOFF  -        SPAWNING -        -        -',
  STARTING: 'STARTING -        -        BACKOFF  STOPPING RUNNING  UNKNOWN  -',
  RUNNING: ' RUNNING  -        -        EXITED   STOPPING -        UNKNOWN  -',
  BACKOFF: ' SPAWNING -        -        -        STOPPED  SPAWNING -        FATAL',
  STOPPING: 'STOPPING -        -        STOPPED  STOPPING STOPPING UNKNOWN  -',
  EXITED: '  SPAWNING -        -        -        -        -        -        -',
  WAITING: ' SPAWNING -        -        -        STOPPED  SPAWNING -        EXITED',
  FATAL: '   SPAWNING -        -        -        -        -        -        -',
  UNKNOWN: ' -        -        -        UNKNOWN  -        -        -        -',
};

describe('transition', () => {
  for (const [row, status] of Object.entries(STATUSES)) {
    it(`has the right next row for every input in ${row}`, () => {
      expect(rowOf({ ...INITIAL_STATUS, ...status })).toBe(row);
      const before = { ...INITIAL_STATUS, ...status };
      const reached = Object.values(INPUTS).map((input) => {
        const { status: after, effects } = run(before, input, { autoRestart: false });
        if (TABLE[row as MachineRow][input.kind] !== undefined) return rowOf(after);
        expect([after, effects]).toEqual([before, []]);
        return '-';
      });
      expect(reached).toEqual(NEXT[row as MachineRow].trim().split(/\s+/));
    });
  }

  it('has a step for exactly the inputs that mean something', () => {
    for (const [row, cells] of Object.entries(NEXT)) {
      const words = cells.trim().split(/\s+/);
      const meant = Object.keys(INPUTS).filter((_, index) => words[index] !== '-');
      expect([row, Object.keys(TABLE[row as MachineRow]).sort()]).toEqual([row, meant.sort()]);
    }
  });

  it('keeps a deadline only where time changes the state, whatever the program', () => {
    const timed = new Set<MachineRow>(['STARTING', 'BACKOFF', 'STOPPING', 'WAITING']);
    const configs = [0, 1].flatMap((startSecs) => {
      return ([true, false, 'unexpected'] as const).map((autoRestart) => ({
        startSecs,
        autoRestart,
        startRetries: startSecs,
      }));
    });
    for (const status of Object.values(STATUSES)) {
      for (const input of Object.values(INPUTS)) {
        for (const config of configs) {
          for (const isRestartAllowed of [true, false]) {
            const { status: after } = run(status, input, config, { isRestartAllowed });
            const row = rowOf(after);
            expect([row, after.deadlineMs !== null]).toEqual([row, timed.has(row)]);
            const isLiving = ['STARTING', 'RUNNING', 'STOPPING'].includes(row);
            if (row !== 'UNKNOWN') expect([row, after.pid !== 0]).toEqual([row, isLiving]);
          }
        }
      }
    }
  });

  it('changes nothing on inputs that mean nothing', () => {
    const context = {
      config: processConfig(),
      wallMs: 0,
      monotonicMs: 0,
      isRestartAllowed: true,
    };
    // The very same status: nothing is written down.
    const { status, effects } = transition(INITIAL_STATUS, { kind: 'timer' }, context);
    expect(status).toBe(INITIAL_STATUS);
    expect(effects).toEqual([]);
  });
});

describe('starting', () => {
  it('remembers the time, forgets the last end, asks for a spawn', () => {
    const before = { state: 'EXITED' as const, exitStatus: 3, spawnError: 'old' };
    const { status, effects } = run(before, { kind: 'start' });
    expect(status).toMatchObject({
      state: 'STARTING',
      exitStatus: null,
      spawnError: '',
      lastStartMs: 1_700_000_000_000,
      startedAtMs: NOW,
    });
    expect(events(effects)).toEqual(['EXITED>STARTING']);
    expect(effects.at(-1)).toEqual({ kind: 'spawn' });
  });

  const starting = { state: 'STARTING' as const, startedAtMs: NOW };

  it('runs at once with startsecs 0', () => {
    const { status, effects } = run(
      starting,
      { kind: 'spawned', pid: 7, startTicks: 70 },
      { startSecs: 0 },
    );
    expect(status).toMatchObject({ state: 'RUNNING', pid: 7, startTicks: 70, deadlineMs: null });
    expect(logs(effects)).toEqual([
      "INFO spawned: 'x' with pid 7",
      'INFO success: x entered RUNNING state, process has stayed up for > than 0 seconds (startsecs)',
    ]);
  });

  it('waits startsecs otherwise', () => {
    const { status } = run(
      starting,
      { kind: 'spawned', pid: 7, startTicks: 70 },
      { startSecs: 2 },
      { nowMs: NOW + 300 },
    );
    expect(status).toMatchObject({ state: 'STARTING', deadlineMs: NOW + 2000 });
  });

  it('backs off when it exits too quickly', () => {
    const { status, effects } = run(
      { ...starting, pid: 7 },
      exit(2),
      { startSecs: 1 },
      { nowMs: NOW + 999 },
    );
    expect(status).toMatchObject({
      state: 'BACKOFF',
      backoff: 1,
      pid: 0,
      exitStatus: null,
      spawnError: 'Exited too quickly (process log may have details)',
      deadlineMs: NOW + 999 + 1000,
    });
    expect(logs(effects)).toEqual(['WARN exited: x (exit status 2; not expected)']);
  });

  it('passes through RUNNING when it exits later than startsecs', () => {
    const late = run({ ...starting, pid: 7 }, exit(0), { startSecs: 1 }, { nowMs: NOW + 1000 });
    expect(events(late.effects)).toEqual(['STARTING>RUNNING', 'RUNNING>EXITED']);
  });

  it('gives up after startretries', () => {
    const failed: ProcessInput = { kind: 'spawnFailed', reason: "can't find command '/x'" };
    const first = run(starting, failed, { startRetries: 1 });
    expect(first.status).toMatchObject({ state: 'BACKOFF', backoff: 1, deadlineMs: NOW + 1000 });
    expect(logs(first.effects)).toEqual(["INFO spawnerr: can't find command '/x'"]);
    const again = run(first.status, { kind: 'timer' }, { startRetries: 1 });
    expect(again.status).toMatchObject({ state: 'STARTING', backoff: 1 });
    const last = run(again.status, failed, { startRetries: 1 });
    expect(last.status).toMatchObject({ state: 'FATAL', backoff: 0, deadlineMs: null });
    const tries = [first, again, last].flatMap(({ effects }) =>
      effects.flatMap((each) => (each.kind === 'event' ? [each.event.tries] : [])),
    );
    expect(tries).toEqual([1, 1, 2, 0]);
    expect(logs(last.effects).at(-1)).toContain('gave up: x entered FATAL state');
  });

  it('stops as soon as the spawn that was under way is done', () => {
    const asked = run(starting, { kind: 'stop' });
    expect(asked.status).toMatchObject({ state: 'STARTING', isStopRequested: true });
    const spawned = run(asked.status, { kind: 'spawned', pid: 7, startTicks: 70 });
    expect(spawned.status).toMatchObject({ state: 'STOPPING', pid: 7 });
    expect(signals(spawned.effects)).toEqual(['15']);
    const failed = run(asked.status, { kind: 'spawnFailed', reason: 'no' });
    expect(failed.status).toMatchObject({ state: 'STOPPED', backoff: 0 });
  });

  it('warns when asked to start what runs', () => {
    const { effects } = run({ state: 'RUNNING', pid: 7 }, { kind: 'start' });
    expect(logs(effects)).toEqual(["WARN process 'x' already running"]);
  });
});

describe('stopping', () => {
  it('signals the process, or its group', () => {
    const running = { state: 'RUNNING' as const, pid: 7 };
    const one = run(running, { kind: 'stop' }, { stopSignal: 1, stopWaitSecs: 3 });
    expect(signals(one.effects)).toEqual(['1']);
    expect(one.status).toMatchObject({ state: 'STOPPING', deadlineMs: NOW + 3000 });
    const group = run(running, { kind: 'stop' }, { isStopAsGroup: true });
    expect(signals(group.effects)).toEqual(['15 group']);
  });

  it('kills after stopwaitsecs, again and again', () => {
    const stopping = { state: 'STOPPING' as const, pid: 7, deadlineMs: NOW };
    const { status, effects } = run(
      stopping,
      { kind: 'timer' },
      { isKillAsGroup: true, stopWaitSecs: 3 },
    );
    expect(signals(effects)).toEqual(['9 group']);
    expect(logs(effects)).toEqual(["WARN killing 'x' (7) with SIGKILL"]);
    expect(status.deadlineMs).toBe(NOW + 3000);
  });

  it('tells how it ended', () => {
    const stopping = { state: 'STOPPING' as const, pid: 7, backoff: 2 };
    const killed = run(stopping, exit(-1, 15));
    expect(killed.status).toMatchObject({ state: 'STOPPED', exitStatus: -1, backoff: 0, pid: 0 });
    expect(logs(killed.effects)).toEqual(['WARN stopped: x (terminated by SIGTERM)']);
    expect(logs(run(stopping, exit(0)).effects)).toEqual(['INFO stopped: x (exit status 0)']);
  });

  it('starts again when that was asked for meanwhile, unless stopped once more', () => {
    const queued = run({ state: 'STOPPING', pid: 7 }, { kind: 'start' });
    expect(queued.status.isStartQueued).toBe(true);
    const ended = run(queued.status, exit(0));
    expect(events(ended.effects)).toEqual(['STOPPING>STOPPED', 'STOPPED>STARTING']);
    const cancelled = run(queued.status, { kind: 'stop' });
    expect(run(cancelled.status, exit(0)).status.state).toBe('STOPPED');
  });
});

describe('ends that are told late', () => {
  it('judges a start by when the process ended', () => {
    const starting = { state: 'STARTING' as const, pid: 7, startedAtMs: NOW - 10_000 };
    const quick = run(starting, exit(3, 0, false, 9500), { startSecs: 1 }).status;
    expect(quick).toMatchObject({
      state: 'BACKOFF',
      lastExit: { status: 3, signal: 0, atMs: 1_700_000_000_000 - 9500 },
      lastStopMs: 1_700_000_000_000 - 9500,
    });
    const late = run(starting, exit(3, 0, false, 500), { startSecs: 1, autoRestart: false });
    expect(events(late.effects)).toEqual(['STARTING>RUNNING', 'RUNNING>EXITED']);
  });

  it('remembers the last end over later starts', () => {
    const running = { state: 'RUNNING' as const, pid: 7 };
    const crashed = run(running, exit(-1, 11, true), { autoRestart: true }).status;
    expect(crashed).toMatchObject({
      state: 'STARTING',
      exitStatus: null,
      lastExit: { status: -1, signal: 11, hasDumpedCore: true, isLost: false },
    });
  });
});

describe('ending', () => {
  const running = { state: 'RUNNING' as const, pid: 7, startedAtMs: NOW - 5000 };

  it('tells expected ends from others', () => {
    const expected = run(running, exit(2), { exitCodes: [0, 2] });
    expect(expected.status).toMatchObject({ state: 'EXITED', exitStatus: 2, spawnError: '' });
    expect(logs(expected.effects)).toEqual(['INFO exited: x (exit status 2; expected)']);
    const unexpected = run(running, exit(-1, 11, true), { autoRestart: false });
    expect(unexpected.status).toMatchObject({ exitStatus: -1, spawnError: 'Bad exit code -1' });
    expect(logs(unexpected.effects)).toEqual([
      'WARN exited: x (terminated by SIGSEGV (core dumped); not expected)',
    ]);
  });

  it('restarts as autorestart says, and never while the daemon stops', () => {
    const next = (autoRestart: boolean | 'unexpected', status: number, isRestartAllowed = true) =>
      run(running, exit(status), { autoRestart }, { isRestartAllowed }).status.state;
    expect([next(true, 0), next(false, 1)]).toEqual(['STARTING', 'EXITED']);
    expect([next('unexpected', 0), next('unexpected', 1)]).toEqual(['EXITED', 'STARTING']);
    expect(next(true, 0, false)).toBe('EXITED');
  });

  it('waits longer and longer when it dies at once with startsecs 0', () => {
    const config = { autoRestart: true, startSecs: 0 };
    const delays: Array<number | null> = [];
    let quickExits = 0;
    for (let count = 0; count < 12; count += 1) {
      const status = { ...running, startedAtMs: NOW - 10, quickExits };
      const ended = run(status, exit(1), config).status;
      quickExits = ended.quickExits;
      delays.push(ended.deadlineMs === null ? null : ended.deadlineMs - NOW);
    }
    expect(delays).toEqual([
      ...[null, null, null, 1000, 2000, 4000, 8000, 16_000, 32_000],
      ...[60_000, 60_000, 60_000],
    ]);
    const settled = run({ ...running, quickExits }, exit(1), config).status;
    expect(settled).toMatchObject({ quickExits: 0, state: 'STARTING' });
  });

  it('can be stopped while a restart waits', () => {
    const waiting = { state: 'EXITED' as const, deadlineMs: NOW + 1000 };
    expect(run(waiting, { kind: 'stop' }).status).toMatchObject({
      state: 'STOPPED',
      deadlineMs: null,
    });
  });
});
