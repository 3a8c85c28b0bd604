/**
 * The controller's state: groups, their processes, and what happens to them.
 *
 * Invariants: a process is in exactly one group; a status is stored with the keeper before its
 * effects are applied; an exit is acknowledged after the transition that it causes was stored; the
 * spawn of a process is settled before its exit is looked at.
 */
import type { KeeperLink } from '../host/keeper/keeper.ts';
import type { ExitRecord } from '../host/keeper/keeper-event.ts';
import type { GroupConfig, ProcessConfig } from './configuration/program-config.ts';
import { ChangeLog } from './event/change-log.ts';
import { renderGroupEvent, renderStateEvent, type SupervisorEvent } from './event/event.ts';
import { EventBus } from './event/event-bus.ts';
import type { ListenerMemory, PoolMemory } from './event/event-notes.ts';
import { Ticks } from './event/ticks.ts';
import { compareGroups } from './group-diff.ts';
import type { MainLog } from './output/main-log.ts';
import { type ServiceOutputPorts, ServiceOutputs } from './output/service-output.ts';
import { ManagedProcess, type ProcessOwner } from './process/managed-process.ts';
import { byPriority, createProcess } from './process/process-creation.ts';
import { isStoppedState } from './process/process-state.ts';
import type { ProcessSpawner, SpawnOutcome } from './process/spawner.ts';
import {
  configKey,
  encodeConfigNote,
  encodeGroupNote,
  encodeStatusNote,
  groupKey,
  type RestoredGroup,
  restoredConfig,
  statusKey,
} from './process/state-notes.ts';
import type { MachineContext, ProcessEffect } from './process/state-transition.ts';
import { type LivingProcess, renewStop, settleProcesses } from './take-over.ts';

export interface Clock {
  wallMs(): number;
  /** CLOCK_MONOTONIC, the same for every process of this boot. */
  monotonicMs(): number;
  setTimer(delayMs: number, run: () => void): { cancel(): void };
}

export interface ControllerPorts {
  readonly keeper: KeeperLink;
  readonly clock: Clock;
  readonly log: MainLog;
  readonly spawner: ProcessSpawner;
  readonly identifier: string;
  /** Hears of every process that is added and of every change of a status. */
  onChange(process: ManagedProcess): void;
  /** For processes whose output passes through the daemon. */
  readonly output: Pick<ServiceOutputPorts, 'isAnsiStripped' | 'openLog' | 'writeSyslog'>;
  /** Creates the log of a channel whose name is left to the daemon. */
  createAutoLog(processName: string, channel: 'stdout' | 'stderr'): Promise<string>;
  /** Nothing of the group runs any more and nothing of it is known. */
  forgetGroup?(name: string, isKilled: boolean): void;
}

export type Mood = 'RUNNING' | 'SHUTDOWN' | 'RESTARTING';

export interface ManagedGroup {
  readonly config: GroupConfig;
  readonly processes: ReadonlyMap<string, ManagedProcess>;
}

export class Controller implements ProcessOwner {
  readonly events: EventBus;
  readonly outputs: ServiceOutputs;
  readonly changes: ChangeLog;
  readonly log: MainLog;
  readonly spawner: ProcessSpawner;
  readonly #ports: ControllerPorts;
  readonly #groups = new Map<string, ManagedGroup>();
  readonly #ticks: Ticks;
  readonly #byFullName = new Map<string, ManagedProcess>();
  /** Processes whose spawn is under way, with the exit that came meanwhile. */
  readonly #spawning = new Map<ManagedProcess, ExitRecord | undefined>();
  /** Why the last start could not become the program, by process. */
  readonly #execFailures = new Map<ManagedProcess, string>();
  #mood: Mood = 'RUNNING';
  #isFrozen = false;

  constructor(ports: ControllerPorts) {
    this.#ports = ports;
    this.log = ports.log;
    this.spawner = ports.spawner;
    this.changes = new ChangeLog(`${process.pid}-${ports.clock.wallMs()}`);
    this.events = new EventBus(ports.identifier, ports.log);
    const emit = (event: SupervisorEvent) => this.emit(event);
    this.outputs = new ServiceOutputs({ ...ports.output, log: ports.log, emit });
    const { clock } = ports;
    this.#ticks = new Ticks({
      wallMs: () => clock.wallMs(),
      setTimer: (delayMs, run) => clock.setTimer(delayMs, run),
      isWanted: (name) => this.events.isWanted(name),
      emit,
    });
    this.events.onPools = () => this.#ticks.update();
    this.events.onNote = (key, value) => this.#ports.keeper.store(key, value);
  }

  get mood(): Mood {
    return this.#mood;
  }

  get isFrozen(): boolean {
    return this.#isFrozen;
  }

  /** Decides nothing any more and leaves the listeners to the next controller. */
  freeze(): void {
    this.#isFrozen = true;
    for (const process of this.#byFullName.values()) process.release();
    this.events.freeze();
    this.outputs.freeze();
  }

  get nowMs(): number {
    return this.#ports.clock.wallMs();
  }

  /** Groups in starting order: priority, then the order in which they were added. */
  groups(): ManagedGroup[] {
    return [...this.#groups.values()].sort((a, b) => a.config.priority - b.config.priority);
  }

  group(name: string): ManagedGroup | undefined {
    return this.#groups.get(name);
  }

  processes(): ManagedProcess[] {
    return this.groups().flatMap(({ processes }) => [...processes.values()]);
  }

  findByFullName(fullName: string): ManagedProcess | undefined {
    return this.#byFullName.get(fullName);
  }

  execFailure(process: ManagedProcess): string | undefined {
    return this.#execFailures.get(process);
  }

  /** Adds a group and starts what starts by itself. */
  async addGroup(config: GroupConfig): Promise<void> {
    await this.prepareGroup(config);
    this.startByItself(config.name);
  }

  /** Adds a group without starting anything. */
  async prepareGroup(config: GroupConfig): Promise<void> {
    const processes = new Map<string, ManagedProcess>();
    for (const each of config.processes) {
      const process = await createProcess(config, each, this, this.#ports.createAutoLog);
      processes.set(each.name, process);
      this.#storeProcess(process);
    }
    this.#install(config, processes);
    this.#ports.keeper.store(groupKey(config.name), encodeGroupNote(config));
    this.emit(renderGroupEvent('ADDED', config.name));
  }

  /**
   * Gives a group another configuration; processes named in `kept`, whose own did not change, go
   * on. False when one of the others still runs.
   */
  async replaceGroup(config: GroupConfig, kept: ReadonlySet<string>): Promise<boolean> {
    const { createAutoLog } = this.#ports;
    const fresh = config.processes.filter(({ name }) => !kept.has(name));
    const made = await Promise.all(
      fresh.map((each) => createProcess(config, each, this, createAutoLog)),
    );
    const before = [...(this.#groups.get(config.name)?.processes.values() ?? [])];
    const gone = before.filter((each) => !kept.has(each.config.name));
    if (!gone.every(({ status }) => isStoppedState(status.state))) return false;
    for (const process of gone) this.#forget(process);
    const byName = new Map([...before, ...made].map((each) => [each.config.name, each]));
    const processes = config.processes.flatMap(({ name }) => byName.get(name) ?? []);
    this.#install(config, new Map(processes.map((each) => [each.config.name, each])));
    for (const each of made) this.#storeProcess(each);
    this.#ports.keeper.store(groupKey(config.name), encodeGroupNote(config));
    this.emit(renderGroupEvent('REMOVED', config.name));
    this.emit(renderGroupEvent('ADDED', config.name));
    this.#startAutomatic(made);
    return true;
  }

  /** Starts what starts by itself, in a group that was just prepared; of it only these processes. */
  startByItself(name: string, only?: ReadonlySet<string>): void {
    const processes = [...(this.#groups.get(name)?.processes.values() ?? [])];
    this.#startAutomatic(processes.filter(({ config }) => only?.has(config.name) ?? true));
  }

  #startAutomatic(processes: readonly ManagedProcess[]): void {
    if (this.#mood !== 'RUNNING') return;
    for (const process of [...processes].sort(byPriority)) {
      if (process.config.isAutostart) process.dispatch({ kind: 'start' });
    }
  }

  /** Forgets a group; false when a process of it still runs. */
  removeGroup(name: string): boolean {
    const group = this.#groups.get(name);
    if (group === undefined) return true;
    const processes = [...group.processes.values()];
    if (!processes.every(({ status }) => isStoppedState(status.state))) return false;
    for (const process of processes) this.#forget(process);
    this.#groups.delete(name);
    this.events.removePool(name);
    this.#ports.keeper.store(groupKey(name), '');
    const isKilled = processes.every(({ config }) => config.isKillAsGroup);
    this.#ports.forgetGroup?.(name, isKilled);
    this.emit(renderGroupEvent('REMOVED', name));
    return true;
  }

  /** Takes over a group of an earlier controller; nothing is started and no event is emitted. */
  restoreGroup(restored: RestoredGroup, living: ReadonlyMap<string, LivingProcess>): void {
    const processes = new Map<string, ManagedProcess>();
    for (const { config, logs, status } of restored.processes) {
      const renewed = renewStop(config, status, this.#ports.clock.monotonicMs());
      processes.set(config.name, new ManagedProcess(restored.name, config, logs, this, renewed));
    }
    const config = restoredConfig(restored);
    this.#install(config, processes, restored.pool);
    for (const { config, listener } of restored.processes) {
      const child = living.get(`${restored.name}:${config.name}`);
      const process = processes.get(config.name);
      if (process !== undefined && child !== undefined) this.#follow(process, child, listener);
    }
  }

  /**
   * Brings restored processes in line with what the keeper knows: a spawn that was under way is
   * settled or done again, a stop is asked for again, and what had died is told by {@link exited}.
   */
  settleRestored(living: ReadonlyMap<string, LivingProcess>, exits: readonly ExitRecord[]): void {
    settleProcesses(this.#byFullName.values(), living, exits, {
      spawn: (process) => void this.#spawn(process),
      signal: (process, signal, isGroup) => void this.#signal(process, signal, isGroup),
    });
  }

  /** The keeper tells that a process ended. */
  exited(record: ExitRecord): void {
    // Not acknowledged: the next controller hears of it.
    if (this.#isFrozen) return;
    const process = this.#byFullName.get(record.name);
    if (process === undefined) {
      const end = record.signal === 0 ? `exit status ${record.status}` : `signal ${record.signal}`;
      this.log.write('INFO', `reaped unknown pid ${record.pid} (${end})`);
    } else if (this.#spawning.has(process)) {
      this.#spawning.set(process, record);
      return;
    } else this.#finish(process, record);
    this.#ports.keeper.acknowledge(record.serial);
  }

  /** Sends a signal for somebody else: the state does not change. */
  async signal(process: ManagedProcess, signal: number): Promise<boolean> {
    const { pid, startTicks } = process.status;
    const request = { pid, startTicks, signal, isGroup: false };
    return (await this.#ports.keeper.signal(request)) === 'sent';
  }

  emit(event: SupervisorEvent): void {
    if (this.#isFrozen) return;
    this.events.emit(event);
  }

  /** From now on nothing is restarted. A shutdown wins over a restart. */
  leave(mood: 'SHUTDOWN' | 'RESTARTING'): boolean {
    const isFirst = this.#mood === 'RUNNING';
    if (isFirst || mood === 'SHUTDOWN') this.#mood = mood;
    if (isFirst) this.emit({ name: 'SUPERVISOR_STATE_CHANGE_STOPPING', payload: '' });
    return isFirst;
  }

  // ProcessOwner

  context(config: ProcessConfig): MachineContext {
    const { clock } = this.#ports;
    return {
      config,
      wallMs: clock.wallMs(),
      monotonicMs: clock.monotonicMs(),
      isRestartAllowed: this.#mood === 'RUNNING',
    };
  }

  remember(process: ManagedProcess): void {
    this.changes.note(process.fullName);
    const key = statusKey(process.groupName, process.config.name);
    this.#ports.keeper.store(key, encodeStatusNote(process.status));
    this.#ports.onChange(process);
  }

  setTimer(delayMs: number, run: () => void): { cancel(): void } {
    return this.#ports.clock.setTimer(delayMs, run);
  }

  apply(process: ManagedProcess, effect: ProcessEffect): void {
    if (effect.kind === 'log') this.log.write(effect.level, effect.text);
    else if (effect.kind === 'event') {
      this.emit(renderStateEvent(process.groupName, process.config.name, effect.event));
    } else if (effect.kind === 'spawn') void this.#spawn(process);
    else void this.#signal(process, effect.signal, effect.isGroup);
  }

  #install(
    config: GroupConfig,
    processes: ReadonlyMap<string, ManagedProcess>,
    pool?: PoolMemory,
  ): void {
    this.#groups.set(config.name, { config, processes });
    for (const process of processes.values()) {
      this.#byFullName.set(process.fullName, process);
      this.changes.note(process.fullName);
      this.#ports.onChange(process);
    }
    if (config.listener !== undefined) this.events.addPool(config.name, config.listener, pool);
  }

  #storeProcess({ groupName, config, logs }: ManagedProcess): void {
    this.#ports.keeper.store(configKey(groupName, config.name), encodeConfigNote(config, logs));
  }

  #forget(process: ManagedProcess): void {
    const { keeper } = this.#ports;
    process.release();
    this.#byFullName.delete(process.fullName);
    this.changes.noteRemoval(process.fullName);
    this.#execFailures.delete(process);
    keeper.store(configKey(process.groupName, process.config.name), '');
    keeper.store(statusKey(process.groupName, process.config.name), '');
  }

  #finish(process: ManagedProcess, record: ExitRecord): void {
    if (process.status.pid !== record.pid || process.status.startTicks !== record.startTicks)
      return;
    this.outputs.finish(process);
    this.events.detach(process.groupName, process.config.name);
    const { status, signal, hasDumpedCore, isLost } = record;
    const agoMs = Math.max(0, this.nowMs - record.timeMs);
    process.dispatch({ kind: 'exited', status, signal, hasDumpedCore, isLost, agoMs });
  }

  async #spawn(process: ManagedProcess): Promise<void> {
    this.#spawning.set(process, undefined);
    this.#execFailures.delete(process);
    const isListener = this.events.hasPool(process.groupName);
    const outcome = await this.spawner
      .spawn(process, isListener)
      .catch((error: Error): SpawnOutcome => ({ kind: 'failed', reason: error.message }));
    const exit = this.#spawning.get(process);
    this.#spawning.delete(process);
    if (outcome.kind === 'failed')
      process.dispatch({ kind: 'spawnFailed', reason: outcome.reason });
    else this.#settleSpawn(process, outcome);
    if (exit !== undefined) this.exited(exit);
  }

  #settleSpawn(process: ManagedProcess, outcome: Extract<SpawnOutcome, { kind: 'spawned' }>): void {
    const { pid, startTicks, failure } = outcome;
    if (failure !== undefined) this.#execFailures.set(process, failure);
    this.#follow(process, outcome);
    process.dispatch({ kind: 'spawned', pid, startTicks });
  }

  /** Reads what a process sends us, if it does. */
  #follow(
    process: ManagedProcess,
    { pipes, outputs }: Pick<LivingProcess, 'pipes' | 'outputs'>,
    memory?: ListenerMemory,
  ): void {
    if (outputs !== undefined) this.outputs.attach(process, outputs);
    if (pipes === undefined) return;
    const log = this.#ports.output.openLog(process, 'stdout');
    this.events.attach(process.groupName, process.config.name, pipes, log, memory);
  }

  async #signal(process: ManagedProcess, signal: number, isGroup: boolean): Promise<void> {
    const { pid, startTicks } = process.status;
    if (pid === 0) return;
    // What it started outside of its process group is given as long as the process itself.
    const { isKillAsGroup, stopWaitSecs } = process.config;
    const leftovers = isKillAsGroup ? { leftoversMs: stopWaitSecs * 1000 } : {};
    const request = { pid, startTicks, signal, isGroup, ...leftovers };
    const result = await this.#ports.keeper.signal(request);
    if (result === 'failed') process.dispatch({ kind: 'signalFailed', reason: 'refused' });
  }
}

/** Groups of a configuration in the order in which they are added. */
export function inStartingOrder(groups: readonly GroupConfig[]): GroupConfig[] {
  return [...groups].sort(compareGroups);
}
