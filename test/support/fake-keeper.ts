/** A supervisor in memory: a keeper that starts nothing, a clock that a test moves, a log. */
import type { KeeperLink, ServiceSpawn, SignalRequest } from '../../src/host/keeper/keeper.ts';
import { ServiceDescriptors } from '../../src/host/keeper/keeper-descriptors.ts';
import type { ExitRecord, SignalResult, SpawnAnswer } from '../../src/host/keeper/keeper-event.ts';
import { type Clock, Controller } from '../../src/supervisor/controller.ts';
import type { MainLog } from '../../src/supervisor/output/main-log.ts';
import type { ManagedProcess } from '../../src/supervisor/process/managed-process.ts';
import type { ResolvedCommand } from '../../src/supervisor/process/spawn-plan.ts';
import type { ProcessSpawner, SpawnOutcome } from '../../src/supervisor/process/spawner.ts';

export class FakeClock implements Clock {
  nowMs = 1_000_000;
  readonly #timers = new Set<{ readonly atMs: number; readonly run: () => void }>();

  wallMs(): number {
    return 1_700_000_000_000 + this.nowMs;
  }

  monotonicMs(): number {
    return this.nowMs;
  }

  setTimer(delayMs: number, run: () => void) {
    const timer = { atMs: this.nowMs + delayMs, run };
    this.#timers.add(timer);
    return { cancel: () => void this.#timers.delete(timer) };
  }

  get timerCount(): number {
    return this.#timers.size;
  }

  /** Lets time pass and runs what is due, in order, with promises settled in between. */
  async advance(ms: number): Promise<void> {
    const endMs = this.nowMs + ms;
    for (;;) {
      const due = [...this.#timers]
        .filter(({ atMs }) => atMs <= endMs)
        .sort((a, b) => a.atMs - b.atMs)[0];
      if (due === undefined) break;
      this.#timers.delete(due);
      this.nowMs = Math.max(this.nowMs, due.atMs);
      due.run();
      await settle();
    }
    this.nowMs = endMs;
  }
}

/** Lets every promise that can go on do so. */
export function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

export class FakeKeeper implements KeeperLink {
  readonly notes = new Map<string, string>();
  readonly signals: SignalRequest[] = [];
  readonly acknowledged: number[] = [];
  signalResult: SignalResult = 'sent';
  /** What happened, in order: notes and signals. */
  readonly trace: string[] = [];

  readonly descriptors = new ServiceDescriptors({ fdDuplicate: ({ fd }) => fd });

  ready(): void {}

  async upgrade(): Promise<string> {
    return '';
  }

  spawn(_request: ServiceSpawn): Promise<SpawnAnswer> {
    throw new Error('the fake spawner starts processes');
  }

  async signal(request: SignalRequest): Promise<SignalResult> {
    this.signals.push(request);
    this.trace.push(`signal ${request.signal}`);
    return this.signalResult;
  }

  acknowledge(serial: number): void {
    this.acknowledged.push(serial);
    this.trace.push(`ack ${serial}`);
  }

  store(key: string, value: string): void {
    this.trace.push(`store ${key}`);
    if (value === '') this.notes.delete(key);
    else this.notes.set(key, value);
  }

  limitGroup(name: string): void {
    this.trace.push(`limit ${name}`);
  }

  forgetGroup(name: string): void {
    this.trace.push(`forget ${name}`);
  }

  stopped(): void {}
}

export class FakeSpawner implements ProcessSpawner {
  /** Outcome by process name; everything else is spawned. */
  readonly outcomes = new Map<string, SpawnOutcome>();
  readonly unresolved = new Map<string, Extract<ResolvedCommand, { kind: 'failed' }>>();
  readonly spawned: string[] = [];
  #lastPid = 100;

  async resolve(config: { readonly name: string }): Promise<ResolvedCommand> {
    return this.unresolved.get(config.name) ?? { kind: 'found', file: '/bin/x', args: ['x'] };
  }

  async spawn(process: ManagedProcess): Promise<SpawnOutcome> {
    this.spawned.push(process.fullName);
    const outcome = this.outcomes.get(process.config.name);
    if (outcome !== undefined) return outcome;
    this.#lastPid += 1;
    return { kind: 'spawned', pid: this.#lastPid, startTicks: this.#lastPid * 10 };
  }
}

/** A controller over fakes, with the lines of its log and the events that it emitted. */
export class SupervisorBench {
  readonly clock = new FakeClock();
  readonly keeper: FakeKeeper;
  readonly spawner = new FakeSpawner();
  readonly lines: string[] = [];
  readonly events: string[] = [];
  readonly controller: Controller;
  /** Names of the processes that run, as told by the controller. */
  readonly running = new Set<string>();
  #serial = 0;

  constructor(keeper = new FakeKeeper()) {
    this.keeper = keeper;
    const log: MainLog = {
      path: '/log',
      write: (level, text) => void this.lines.push(`${level} ${text}`),
      reopen() {},
      clear() {},
    };
    this.controller = new Controller({
      keeper,
      clock: this.clock,
      log,
      spawner: this.spawner,
      onChange: (process) => {
        if (process.status.pid === 0) this.running.delete(process.fullName);
        else this.running.add(process.fullName);
      },
      identifier: 'supervisor',
      output: {
        isAnsiStripped: false,
        openLog: () => ({ write() {}, reopen() {}, close() {} }),
        writeSyslog() {},
      },
      createAutoLog: async (name, channel) => `/tmp/${name}-${channel}.log`,
    });
    const { emit } = this.controller;
    this.controller.emit = (event) => {
      this.events.push(`${event.name} ${event.payload}`.trim());
      emit.call(this.controller, event);
    };
  }

  process(fullName: string): ManagedProcess {
    const found = this.controller.processes().find((each) => each.fullName === fullName);
    if (found === undefined) throw new Error(`no process ${fullName}`);
    return found;
  }

  /** The keeper tells that a process ended. */
  end(fullName: string, change: Partial<ExitRecord> = {}): void {
    const { pid, startTicks } = this.process(fullName).status;
    this.#serial += 1;
    this.controller.exited({
      name: fullName,
      pid,
      startTicks,
      timeMs: this.clock.wallMs(),
      serial: this.#serial,
      status: 0,
      signal: 0,
      hasDumpedCore: false,
      isLost: false,
      tag: '',
      ...change,
    });
  }

  states(): Record<string, string> {
    const all = this.controller.processes();
    return Object.fromEntries(all.map(({ fullName, status }) => [fullName, status.state]));
  }
}
