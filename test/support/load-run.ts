/**
 * Rounds of churn on the node of the load campaign. After each of them what runs, what the supervisor
 * and the Master say, and the logs of talking services are held against the model.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { killQuietly } from './keeper-run.ts';
import { LoadCheck } from './load-check.ts';
import type { Look, SeenService } from './load-look.ts';
import type { LoadChange, LoadModel, LoadService } from './load-model.ts';
import type { CommandRun, LoadNode } from './load-node.ts';

/** What happens to the node itself. */
export type NodeFault = 'controller' | 'upgrade' | 'proxy' | 'proxy killed' | 'keeper';

export interface RoundPlan {
  /** Instances to change. */
  readonly changes: number;
  /** Services that crash. */
  readonly crashes: number;
  readonly fault?: NodeFault;
  /** The fault comes so long after the pass began, instead of before it. */
  readonly faultAfterMs?: number;
}

export interface RoundResult {
  readonly problems: readonly string[];
  /** The pass with the changes. */
  readonly pass: CommandRun;
  /** The last pass: one with next to nothing to do. */
  readonly quiet: CommandRun;
  /** Passes until everything was as wanted. */
  readonly passes: number;
  readonly look: Look;
}

const CONVERGE_MS = 180_000;
const PASS_PAUSE_MS = 300;
const PASS_STATUSES: readonly unknown[] = [0, 2];
const CRASH_SIGNALS: readonly NodeJS.Signals[] = ['SIGKILL', 'SIGSEGV', 'SIGABRT'];
const SHOWN_BYTES = 1500;

export class LoadRun {
  readonly #node: LoadNode;
  readonly #model: LoadModel;
  readonly #check: LoadCheck;
  /** How often what was done. */
  readonly met = new Map<string, number>();
  /** Unwatched services that crashed, to be processed again in the next round. */
  #resting: LoadService[] = [];
  #wasDisturbed = false;

  constructor(node: LoadNode, model: LoadModel) {
    this.#node = node;
    this.#model = model;
    this.#check = new LoadCheck(node, model);
  }

  get linesRead(): number {
    return this.#check.linesRead;
  }

  get cuts(): number {
    return this.#check.cuts;
  }

  /** Instances in nearly all partitions. */
  async fill(): Promise<RoundResult> {
    for (const title of this.#model.drawFirstTitles())
      await this.#apply({ kind: 'request', title });
    return this.#converge(await this.#pass(), false, new Map(), []);
  }

  async round(plan: RoundPlan): Promise<RoundResult> {
    const { fault } = plan;
    const problems: string[] = [];
    const banged = this.#resting.splice(0);
    for (const { partition } of banged) await this.#bang(partition);
    const changes = this.#model.drawChanges(plan.changes);
    for (const change of changes) await this.#apply(change);
    const processed = [...banged, ...changes.map(({ title }) => this.#model.instances.get(title))];
    const crashed = this.#crash(plan.crashes, new Set(processed.map((one) => one?.partition)));
    this.#leaveOrphans(plan.crashes);
    if (fault !== undefined && plan.faultAfterMs === undefined) await this.#strike(fault, problems);
    const passing = this.#pass();
    if (fault !== undefined && plan.faultAfterMs !== undefined) {
      await sleep(plan.faultAfterMs);
      await this.#strike(fault, problems);
    }
    const pass = await passing;
    const isDisturbed = fault !== undefined;
    if (!isDisturbed) problems.push(...this.#judge('instance', pass));
    if (changes.some(({ kind }) => kind === 'destroy')) await this.#report();
    const result = await this.#converge(pass, isDisturbed || this.#wasDisturbed, crashed, problems);
    this.#wasDisturbed = isDisturbed;
    return result;
  }

  checkCollector(): Promise<string[]> {
    return this.#check.compareCollector();
  }

  /** Every log of a talking service. */
  checkLogs(look: Look): string[] {
    return this.#check.compareLogs(look, Number.POSITIVE_INFINITY);
  }

  async #apply(change: LoadChange): Promise<void> {
    const { kind, title } = change;
    const before = this.#model.instances.get(title);
    this.#note(kind);
    if (kind === 'bang') return this.#bang(before?.partition ?? '', false);
    if (kind === 'destroy') await this.#node.request(title, 'destroyed', before);
    const partition = before?.partition ?? (await this.#node.request(title, 'started'));
    const after = this.#model.change(change, partition);
    if (after === undefined) return;
    this.#node.plan(after);
    if (before !== undefined && kind !== 'promise') {
      await this.#node.request(title, after.state, after);
    }
  }

  async #bang(partition: string, isNoted = true): Promise<void> {
    if (isNoted) this.#note('bang');
    await this.#node.bang(partition);
  }

  /**
   * Kills services of instances that are well, one in a partition.
   * @param spared partitions that the next pass processes anyway
   */
  #crash(count: number, spared: ReadonlySet<string | undefined>): ReadonlyMap<string, LoadService> {
    const look = this.#node.look();
    const wanted = this.#model.wanted();
    const sick = new Set(this.#model.sick.map(({ partition }) => partition));
    const killed = new Map<string, LoadService>();
    const partitions = new Set([...spared, ...sick]);
    for (let tries = 0; killed.size < count && tries < count * 4; tries += 1) {
      const seen = this.#model.pick<SeenService | undefined>(look.services);
      const service = wanted.get(seen?.key ?? '');
      if (seen === undefined || service === undefined || partitions.has(service.partition))
        continue;
      partitions.add(service.partition);
      killQuietly(seen.pid, this.#model.pick(CRASH_SIGNALS));
      this.#note(service.isWatched ? 'crash' : 'crash of an unwatched one');
      killed.set(service.key, service);
    }
    return killed;
  }

  #leaveOrphans(count: number): void {
    const { services } = this.#node.look();
    for (let index = 0; index < count && services.length > 0; index += 1) {
      killQuietly(this.#model.pick(services).pid, 'SIGUSR2');
      this.#note('orphan');
    }
  }

  async #strike(fault: NodeFault, problems: string[]): Promise<void> {
    this.#note(`node: ${fault}`);
    const node = this.#node;
    if (fault === 'controller') await node.killController();
    if (fault === 'keeper') killQuietly(node.keeperPid(), 'SIGKILL');
    if (fault === 'upgrade') {
      const { status, stderr, stdout } = await node.run('node', 'supervisord', '--upgrade');
      if (status !== 0) problems.push(`upgrade ends with ${status}: ${stdout}${stderr}`);
    }
    if (fault === 'proxy' || fault === 'proxy killed') {
      await node.node.stopProxy(fault === 'proxy' ? 'SIGTERM' : 'SIGKILL');
      await node.startMaster();
    }
  }

  #pass(): Promise<CommandRun> {
    this.#note('pass');
    return this.#node.run('node', 'instance', '--now');
  }

  async #report(): Promise<void> {
    const result = await this.#node.run('node', 'report', '--now');
    this.#note('report');
    // What a fault kept it from is done by the next one.
    if (result.status !== 0) await this.#node.expect('node', 'report', '--now');
  }

  /** Passes until everything is as wanted, where something happened that takes more than one. */
  async #converge(
    pass: CommandRun,
    isDisturbed: boolean,
    crashed: ReadonlyMap<string, LoadService>,
    problems: string[],
  ): Promise<RoundResult> {
    const watched = new Set([...crashed].filter(([, one]) => one.isWatched).map(([key]) => key));
    const resting = [...crashed.values()].filter(({ isWatched }) => !isWatched);
    this.#resting.push(...resting);
    const deadline = performance.now() + CONVERGE_MS;
    for (let passes = 2; ; passes += 1) {
      const quiet = await this.#pass();
      const { differences, final, look } = await this.#check.compare({
        killed: new Set(crashed.keys()),
        resting: new Set(resting.map(({ key }) => key)),
        isDisturbed,
      });
      problems.push(...final);
      if (!isDisturbed) problems.push(...this.#judge('instance', quiet));
      const isPatient = isDisturbed || differences.every((one) => watched.has(one.key));
      const isOver = differences.length === 0 || !isPatient || performance.now() > deadline;
      if (!isOver) await sleep(PASS_PAUSE_MS);
      if (!isOver) continue;
      problems.push(...differences.map(({ text }) => text));
      return { problems, pass, quiet, passes, look };
    }
  }

  #judge(what: string, { status, stderr, stdout }: CommandRun): string[] {
    const isRight = status === 0 || (this.#model.sick.length > 0 && PASS_STATUSES.includes(status));
    return isRight
      ? []
      : [`${what} ends with ${status}: ${`${stdout}${stderr}`.slice(-SHOWN_BYTES)}`];
  }

  #note(what: string): void {
    this.met.set(what, (this.met.get(what) ?? 0) + 1);
  }
}
