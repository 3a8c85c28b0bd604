/**
 * Random schedules against a real supervisor: its controller and its keeper are killed, or it is
 * upgraded, while services are started, stopped and end by themselves. Every service keeps a record
 * of its own lives; after each schedule the supervisor is held against these records.
 */
import { execFileSync } from 'node:child_process';
import { chownSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { packageRoot } from '../../src/host/package/package-files.ts';
import { silentLogger } from '../../src/log/logger.ts';
import { type ProcessInfo, SupervisorClient } from '../../src/supervisor/client.ts';
import { updateGroups } from '../../src/supervisor/update.ts';
import { isAlive, killQuietly } from './keeper-run.ts';
import { type Kind, kindOf, renderProgram, renderRecorder } from './kill-services.ts';
import { seededRandom } from './seeded-random.ts';
import { SERVICE_UID, SupervisorRun, until } from './supervisor-run.ts';
import {
  type Life,
  misreportedEnds,
  overlaps,
  pidsOf,
  readEvents,
  readLives,
  readReports,
  unwantedEnds,
  type Window,
} from './truth.ts';

export type Fault = 'controller' | 'keeper' | 'both' | 'upgrade';

export interface ScheduledFault {
  readonly fault: Fault;
  readonly atMs: number;
}

export interface KillScheduleOptions {
  readonly services: number;
  readonly seed: number;
  /** More words for the command line of the keeper. */
  readonly keeperArguments?: readonly string[];
  /** Keeper to run; default: the one of the package. */
  readonly keeper?: string;
  /** True where the kernel does not tell how somebody else's child ended. */
  readonly isEndOftenLost?: boolean;
}

export interface ScheduleResult {
  readonly faults: readonly ScheduledFault[];
  readonly problems: readonly string[];
  /** Lives of services so far. */
  readonly lives: number;
  readonly ends: number;
}

interface Service {
  readonly name: string;
  readonly fullName: string;
  readonly kind: Kind;
  /** Spans in which it may end because it was told to. */
  readonly stops: Window[];
  isBusy: boolean;
}

/** Where a keeper that was built with sanitizers writes what they found. */
const SANITIZER_LOG = 'sanitizer';
const GROUP_SIZE = 10;
const OPERATORS = 8;
/** How long after a kill another one leaves nobody to repair the first. */
const REPAIR_MS = 4000;
/** An end this long before a kill may not have been collected yet. */
const UNCOLLECTED_MS = 1000;
const ANSWER_MS = 20_000;

const nowMs = () => Number(process.hrtime.bigint()) / 1e6;

/** One supervisor with its services; schedules run on it one after another. */
export class KillMachine {
  readonly #options: KillScheduleOptions;
  readonly #run = new SupervisorRun();
  readonly #records = join(this.#run.home, 'records');
  readonly #program = join(this.#run.root, 'truthful-service');
  readonly #services: Service[];
  readonly #blind: Window[] = [];
  #random: () => number;
  #deadline = 0;
  /** Keeper and controller may both be dead. */
  #needsHelp = false;
  #lastStrikeMs = Number.NEGATIVE_INFINITY;
  /** The last fault was the death of the keeper. */
  #isKeeperHit = false;
  #blindSinceMs = Number.POSITIVE_INFINITY;

  constructor(options: KillScheduleOptions) {
    this.#options = options;
    this.#random = seededRandom(options.seed);
    this.#services = Array.from({ length: options.services }, (_, index) => {
      const name = `s${String(index).padStart(4, '0')}`;
      const fullName = `g${Math.floor(index / GROUP_SIZE)}:${name}`;
      return { name, fullName, kind: kindOf(index), stops: [], isBusy: false };
    });
  }

  get mainLog(): string {
    return this.#run.mainLog();
  }

  get folder(): string {
    return this.#run.root;
  }

  async start(): Promise<void> {
    const source = join(packageRoot(), 'test/fixtures/truthful-service.c');
    execFileSync('cc', ['-O1', '-static', '-o', this.#program, source]);
    mkdirSync(this.#records);
    chownSync(this.#records, SERVICE_UID, SERVICE_UID);
    this.#run.keeper = this.#options.keeper;
    const log = `log_path=${this.#run.root}/${SANITIZER_LOG}`;
    if (this.#options.keeper !== undefined) {
      this.#run.keeperEnv = { ASAN_OPTIONS: log, UBSAN_OPTIONS: log };
    }
    this.#run.keeperArguments = this.#options.keeperArguments ?? [];
    await this.#run.writeFiles();
    await this.#run.ensure();
    this.#writeConfiguration();
    await updateGroups(this.#run.client, silentLogger);
    await this.#run.client.call('supervisor.startAllProcesses', true);
  }

  stop(): Promise<void> {
    return this.#run.stop();
  }

  /** Runs one schedule and compares. */
  async schedule(faults: readonly ScheduledFault[], durationMs: number): Promise<ScheduleResult> {
    const startMs = nowMs();
    this.#deadline = startMs + durationMs;
    const operators = Array.from({ length: OPERATORS }, () => this.#operate());
    for (const { fault, atMs } of faults) {
      await sleep(Math.max(0, startMs + atMs - nowMs()));
      await this.#strike(fault);
    }
    await Promise.all(operators);
    await this.#awaitAnswer();
    return this.#compare(faults);
  }

  /** One to three faults at moments of the seed. */
  draw(durationMs: number): ScheduledFault[] {
    const kinds: readonly Fault[] = ['controller', 'keeper', 'both', 'upgrade'];
    const count = 1 + Math.floor(this.#random() * 3);
    return Array.from({ length: count }, () => ({
      fault: kinds[Math.floor(this.#random() * kinds.length)] ?? 'controller',
      atMs: Math.floor(this.#random() * durationMs),
    })).sort((a, b) => a.atMs - b.atMs);
  }

  #writeConfiguration(): void {
    const groups = new Map<string, string[]>();
    for (const service of this.#services) {
      const group = service.fullName.replace(/:.*/, '');
      const sections = groups.get(group) ?? [];
      sections.push(renderProgram(service, this.#program, this.#records, this.#run.home));
      groups.set(group, sections);
    }
    for (const [group, sections] of groups) {
      const names = sections.map((text) => /^\[program:(.*)\]/.exec(text)?.[1]);
      const text = [`[group:${group}]`, `programs=${names.join(',')}`, ...sections].join('\n');
      this.#writeFile(group, text);
    }
    this.#writeFile('recorder', renderRecorder(this.#program, this.#records));
  }

  #writeFile(name: string, text: string): void {
    writeFileSync(join(this.#run.paths.groupFolder, `${name}.conf`), text, { mode: 0o600 });
  }

  /** Starts and stops services until the deadline, whatever happens to the supervisor. */
  async #operate(): Promise<void> {
    let client = this.#connect();
    while (nowMs() < this.#deadline) {
      const service = this.#services[Math.floor(this.#random() * this.#services.length)];
      if (service === undefined || service.isBusy || service.kind === 'restarting') continue;
      service.isBusy = true;
      try {
        await this.#toggle(client, service);
      } catch {
        client.close();
        client = this.#connect();
        await sleep(5);
      }
      service.isBusy = false;
    }
    client.close();
  }

  #connect(): SupervisorClient {
    return new SupervisorClient(this.#run.paths.socket);
  }

  async #toggle(client: SupervisorClient, service: Service): Promise<void> {
    const info = await client.call<ProcessInfo>('supervisor.getProcessInfo', service.fullName);
    if (info.state !== 20) {
      await client.call('supervisor.startProcess', service.fullName, this.#random() < 0.8);
      return;
    }
    if (service.kind !== 'steady') return;
    // Open until it is seen that nothing of this stop is left.
    const window = { fromMs: nowMs(), toMs: Number.POSITIVE_INFINITY };
    service.stops.push(window);
    await client.call('supervisor.stopProcess', service.fullName, true);
    window.toMs = nowMs();
  }

  async #strike(fault: Fault): Promise<void> {
    const isKeeperHit = fault === 'keeper' || fault === 'both';
    const isSoon = nowMs() - this.#lastStrikeMs < REPAIR_MS;
    const isHelpless = fault === 'both' || (isSoon && (isKeeperHit || this.#isKeeperHit));
    if (isHelpless) this.#needsHelp = true;
    if (isHelpless || (isKeeperHit && this.#options.isEndOftenLost === true)) {
      const sinceMs = isSoon ? this.#lastStrikeMs : nowMs();
      this.#blindSinceMs = Math.min(this.#blindSinceMs, sinceMs - UNCOLLECTED_MS);
    }
    this.#lastStrikeMs = nowMs();
    this.#isKeeperHit = isKeeperHit;
    if (fault === 'upgrade') await this.#upgrade();
    else this.#kill(fault);
  }

  #kill(fault: Exclude<Fault, 'upgrade'>): void {
    const keeper = this.#run.pidOrNone();
    if (fault !== 'keeper') {
      for (const pid of this.#run.controllerPids()) killQuietly(pid, 'SIGKILL');
    }
    if (fault !== 'controller' && keeper !== undefined) killQuietly(keeper, 'SIGKILL');
  }

  /** In the background: the supervisor may be dead, or die meanwhile. */
  async #upgrade(): Promise<void> {
    const upgraded = this.#run.upgrade();
    upgraded.catch(() => {});
    await Promise.race([upgraded.catch(() => {}), sleep(30)]);
  }

  /** Where keeper and controller died together, somebody has to start the supervisor. */
  async #awaitAnswer(): Promise<void> {
    const client = this.#connect();
    const probe = async () => {
      try {
        await client.call('supervisor.getState');
        return true;
      } catch {
        if (this.#needsHelp) await this.#run.ensure().catch(() => {});
        return undefined;
      }
    };
    await until(probe, 'an answer of the supervisor', ANSWER_MS);
    client.close();
  }

  async #compare(faults: readonly ScheduledFault[]): Promise<ScheduleResult> {
    await until(() => this.#isSettled(), 'services to settle', ANSWER_MS).catch(() => {});
    this.#needsHelp = false;
    this.#closeBlindness();
    const check = async () => {
      const found = await this.#problems();
      return found.problems.length === 0 ? found : undefined;
    };
    // Ends of the last moment may be on their way.
    const found = await until(check, 'agreement', 5000).catch(() => this.#lastingProblems());
    for (const service of this.#services) this.#closeWindows(service);
    return { faults, ...found };
  }

  /**
   * Ends since nobody was there to hear them may be told without their status. Without the kernel's
   * help that lasts as long as the services that the dead keeper had started.
   */
  #closeBlindness(): void {
    const fromMs = this.#blindSinceMs;
    if (fromMs === Number.POSITIVE_INFINITY) return;
    const isForGood = this.#options.isEndOftenLost === true;
    this.#blind.push({ fromMs, toMs: isForGood ? fromMs + 1e9 : nowMs() });
    this.#blindSinceMs = Number.POSITIVE_INFINITY;
  }

  #closeWindows({ stops }: Service): void {
    for (const window of stops) window.toMs = Math.min(window.toMs, nowMs());
  }

  async #isSettled(): Promise<true | undefined> {
    const infos = await this.#run.info().catch(() => undefined);
    const isMoving = ({ group, state }: ProcessInfo) =>
      /^g\d+$/.test(group) && (state === 10 || state === 40);
    return infos === undefined || infos.some(isMoving) ? undefined : true;
  }

  /** Services go on while they are looked at: what is found twice is a problem. */
  async #lastingProblems(): Promise<Omit<ScheduleResult, 'faults'>> {
    const before = new Set((await this.#problems()).problems);
    await sleep(500);
    const after = await this.#problems();
    return { ...after, problems: after.problems.filter((problem) => before.has(problem)) };
  }

  async #problems(): Promise<Omit<ScheduleResult, 'faults'>> {
    const infos = await this.#run.info();
    const byName = new Map(infos.map((info) => [info.name, info]));
    const reports = readReports(this.#run.mainLog());
    const problems: string[] = [];
    let count = 0;
    let ends = 0;
    for (const service of this.#services) {
      const { name } = service;
      const lives = readLives(join(this.#records, name));
      count += lives.length;
      ends += lives.filter(({ endMs }) => endMs !== undefined).length;
      problems.push(...overlaps(name, lives));
      if (service.kind === 'steady') problems.push(...unwantedEnds(name, lives, service.stops));
      problems.push(...misreportedEnds(name, lives, reports.get(name) ?? [], this.#blind));
      const last = lives.at(-1);
      // One that was stopped before its program had begun left no record.
      const isLastRecorded = reports.get(name)?.at(-1)?.pid === last?.pid;
      problems.push(...this.#disagreement(name, last, byName.get(name), isLastRecorded));
    }
    problems.push(...this.#untoldEvents(), ...this.#strangers(infos));
    const found = readdirSync(this.#run.root).filter((name) => name.startsWith(SANITIZER_LOG));
    problems.push(...found.map((name) => readFileSync(join(this.#run.root, name), 'utf8')));
    return { problems, lives: count, ends };
  }

  /** What the supervisor answers against the last life. */
  #disagreement(
    name: string,
    last: Life | undefined,
    info: ProcessInfo | undefined,
    isLastRecorded: boolean,
  ): string[] {
    if (info === undefined) return [`${name}: unknown to the supervisor`];
    if (last === undefined) return info.pid === 0 ? [] : [`${name}: ${info.pid} left no record`];
    if (last.endMs === undefined) {
      if (info.pid === last.pid && info.statename === 'RUNNING') return [];
      return [`${name}: ${last.pid} lives, told ${info.statename} ${info.pid}`];
    }
    const isBlind = this.#blind.some(({ fromMs, toMs }) => {
      return last.endMs !== undefined && fromMs <= last.endMs && last.endMs <= toMs;
    });
    const status = Math.max(-1, last.status);
    if (info.pid === 0 && (info.exitstatus === status || isBlind || !isLastRecorded)) return [];
    const told = `${info.statename} ${info.pid} ${info.exitstatus}`;
    return [`${name}: ${last.pid} ended with ${last.status}, told ${told}`];
  }

  /** Ends of which the listener was never told: at least once is the promise. */
  #untoldEvents(): string[] {
    const events = readEvents(join(this.#records, 'recorder'));
    const told = new Set(
      events.flatMap((event) => {
        const found = /processname:(\S+) .*pid:(\d+)/.exec(event);
        return found === null ? [] : [`${found[1]} ${found[2]}`];
      }),
    );
    return this.#services.flatMap(({ name }) =>
      readLives(join(this.#records, name)).flatMap(({ pid, endMs }) =>
        endMs === undefined || told.has(`${name} ${pid}`) ? [] : [`${name}: no event for ${pid}`],
      ),
    );
  }

  /** Processes of our program that the supervisor does not know. */
  #strangers(infos: readonly ProcessInfo[]): string[] {
    const known = new Set(infos.map(({ pid }) => pid));
    return pidsOf(this.#program)
      .filter((pid) => !known.has(pid) && isAlive(pid))
      .map((pid) => `${pid} runs, and nobody knows it`);
  }
}
