/**
 * Drives many instances through their lives on a real node and compares every pass with the plain
 * model of {@link expectPass}: calls to the Master, exit status, files, services.
 */
import { existsSync, readFileSync, readlinkSync } from 'node:fs';
import { softwarePath } from '../../src/software/release.ts';
import type { Fault } from './http-master.ts';
import { type InstanceNode, serviceName } from './instance-node.ts';
import {
  EMPTY_LIFE,
  expectPass,
  expectStatus,
  type LifeFault,
  type LifeMode,
  type LifePass,
  type LifeState,
  type LifeWish,
} from './life-model.ts';

export const RELEASES = ['https://host/one.cfg', 'https://host/two%20.cfg'] as const;

interface Life {
  readonly id: string;
  readonly index: number;
  wish: LifeWish;
  state: LifeState;
}

const FREE: LifeWish = {
  state: 'destroyed',
  release: undefined,
  parameter: '0',
  requests: [],
  timestamp: '',
};

/** Faults of one partition in a pass; the second kind makes the node lose its Master. */
const CONFINED: readonly LifeFault[] = [
  { kind: 'build' },
  { kind: 'promise' },
  { kind: 'mode' },
  { kind: 'disk' },
  { kind: 'master', call: 'getComputerPartitionCertificate', fault: 'garbage' },
  { kind: 'master', call: 'getComputerPartitionCertificate', fault: '404' },
  { kind: 'master', call: 'startedComputerPartition', fault: 'garbage' },
  { kind: 'master', call: 'startedComputerPartition', fault: '404' },
  { kind: 'master', call: 'stoppedComputerPartition', fault: '500' },
  { kind: 'master', call: 'stoppedComputerPartition', fault: 'silence' },
  { kind: 'master', call: 'updateComputerPartitionRelatedInstanceList', fault: '404' },
];
const DESTRUCTION =
  'getComputerPartitionCertificate,stoppedComputerPartition,destroyedComputerPartition';
const LOSING_CALLS = [
  'getComputerPartitionCertificate',
  'startedComputerPartition',
  'updateComputerPartitionRelatedInstanceList',
];
const LOSING_FAULTS: readonly Fault[] = ['500', '503', '400', 'silence', 'cut'];

export class LifeRun {
  readonly node: InstanceNode;
  readonly lives: readonly Life[];
  /** Kinds of transitions and faults that were met, for the coverage of a run. */
  readonly met = new Map<string, number>();
  readonly #random: () => number;
  readonly #disks: number;
  #clock = 1000;
  #pids: ReadonlyMap<string, number> = new Map();

  /** @param disks how many of the partitions have a disk of their own */
  constructor(node: InstanceNode, random: () => number, disks: number) {
    this.node = node;
    this.#random = random;
    this.#disks = disks;
    this.lives = node.ids.map((id, index) => ({ id, index, wish: FREE, state: EMPTY_LIFE }));
    for (let index = 0; index < disks; index += 1) node.mountDisk(index);
    for (const life of this.lives) this.#publish(life);
  }

  /** New wishes for most partitions. */
  mutate(): void {
    for (const life of this.lives) {
      const before = life.wish;
      life.wish = this.#nextWish(before);
      this.#note(`${describe(before)} -> ${describe(life.wish, before)}`);
      this.#publish(life);
    }
  }

  /** A pass in which much goes wrong. @returns what differs from the model */
  async troubledPass(isLosing: boolean): Promise<string[]> {
    const faults = new Map<string, LifeFault>();
    for (const life of this.lives) {
      if (life.wish.release === undefined || this.#random() > 0.5) continue;
      const fault = this.#pick(CONFINED);
      const hasDisk = life.index < this.#disks && life.wish.state !== 'destroyed';
      if (fault.kind === 'disk' && !hasDisk) continue;
      faults.set(life.id, fault);
    }
    if (isLosing) this.#addLoss(faults);
    for (const [id, fault] of faults) this.#inject(id, fault);
    const problems = await this.#pass(faults);
    for (const [id, fault] of faults) this.#withdraw(id, fault);
    return problems;
  }

  /** A pass in which nothing goes wrong: everything is as the Master wants it afterwards. */
  async cleanPass(mode: LifeMode = 'plain'): Promise<string[]> {
    this.#note(`${mode} pass`);
    return this.#pass(new Map(), mode);
  }

  /** The Master fails before it says what it wants: nothing changes. */
  async deafPass(fault: Fault): Promise<string[]> {
    this.#note(`getFullComputerInformation ${fault}`);
    this.node.master.fault = ({ name }) =>
      name === 'getFullComputerInformation' ? fault : undefined;
    const { status, stderr } = await this.node.run(['instance']);
    this.node.master.fault = () => undefined;
    const problems = this.node.master.calls
      .filter((call) => !/^get(FullComputerInformation|HateoasUrl)$/.test(call.name))
      .map((call) => `deaf: ${call.name} ${call.partitionId}`);
    const expected = fault === 'garbage' ? 1 : 3;
    if (status !== expected) problems.push(`status ${status}: ${errorLines(stderr)}`);
    return [...problems, ...(await this.#compareNode())];
  }

  /** A pass that is killed: what was told is the beginning of what should have been. */
  async killedPass(afterMs: number): Promise<string[]> {
    this.#note('killed');
    const expected = this.#expectAll(new Map());
    await this.node.run(['instance'], { signal: 'SIGKILL', afterMs });
    const problems = this.lives.flatMap((life) => {
      const told = this.node.master.callsOf(life.id);
      const wanted = expected.get(life.id)?.calls ?? [];
      const isBeginning = told.every((call, index) => call === wanted[index]);
      return isBeginning ? [] : [`${life.id}: killed: ${told} is no beginning of ${wanted}`];
    });
    // What a killed pass achieved is known from the disk only.
    for (const life of this.lives) {
      const timestamp = this.#timestamp(life);
      const isDone = life.wish.release !== undefined && timestamp === life.wish.timestamp;
      const done = isDone ? expected.get(life.id)?.after : undefined;
      life.state = done ?? { ...life.state, timestamp };
    }
    return problems;
  }

  /**
   * Frees what is to be destroyed.
   * @param fault of the last call about some of them, which the Master then wants destroyed again
   */
  async report(fault?: Fault): Promise<string[]> {
    const doomed = this.lives.filter(({ wish }) => wish.state === 'destroyed' && wish.release);
    const isUnheard = (id: string | undefined) => fault !== undefined && /[02468]$/.test(id ?? '');
    this.node.master.fault = ({ name, partitionId }) =>
      name === 'destroyedComputerPartition' && isUnheard(partitionId) ? fault : undefined;
    const { status, stderr } = await this.node.run(['report']);
    this.node.master.fault = () => undefined;
    const problems = status === 0 ? [] : [`status ${status}: ${errorLines(stderr)}`];
    for (const life of doomed) {
      const told = String(this.node.master.callsOf(life.id));
      if (told !== DESTRUCTION) problems.push(`${life.id}: report told ${told}`);
      this.#note(isUnheard(life.id) ? 'destroyed unheard' : 'destroyed -> free');
      if (!isUnheard(life.id)) life.wish = FREE;
      life.state = EMPTY_LIFE;
    }
    return [...problems, ...(await this.#compareNode())];
  }

  async #pass(faults: ReadonlyMap<string, LifeFault>, mode: LifeMode = 'plain'): Promise<string[]> {
    const expected = this.#expectAll(faults, mode);
    const options = mode === 'plain' ? [] : [`--${mode}`];
    const { status, stderr } = await this.node.run(['instance', ...options]);
    const isLost = [...expected.values()].some(({ outcome }) => outcome === 'offline');
    const problems: string[] = [];
    const outcomes = this.lives.map((life) => {
      const pass = expected.get(life.id) as LifePass;
      const told = this.node.master.callsOf(life.id);
      const isBegun = !isLost || told.length > 0 || pass.calls.length === 0;
      if (isBegun && String(told) !== String(pass.calls)) {
        problems.push(
          `${life.id} ${describe(life.wish)} ${JSON.stringify(faults.get(life.id))}: told ${told}, should be ${pass.calls}`,
        );
      }
      if (isBegun) life.state = pass.after;
      return isBegun ? pass.outcome : 'offline';
    });
    const wanted = expectStatus(outcomes);
    if (status !== wanted) {
      problems.push(`status ${status} instead of ${wanted}: ${errorLines(stderr)}`);
    }
    if (isLost) this.#settleOffline();
    return [...problems, ...(await this.#compareNode())];
  }

  /**
   * Without its Master the node goes by what it heard last: nothing runs that shall not, and what is
   * stopped so is processed again with the Master.
   */
  #settleOffline(): void {
    for (const life of this.lives) {
      const isStopped = life.wish.state !== 'started' && life.state.serves !== undefined;
      if (isStopped) life.state = { ...life.state, serves: undefined, timestamp: undefined };
    }
  }

  #expectAll(
    faults: ReadonlyMap<string, LifeFault>,
    mode: LifeMode = 'plain',
  ): ReadonlyMap<string, LifePass> {
    return new Map(
      this.lives.map(({ id, state, wish }) => {
        const heard = this.node.master.accessStatus.get(id);
        return [id, expectPass(wish, state, faults.get(id), heard, mode)];
      }),
    );
  }

  async #compareNode(): Promise<string[]> {
    const pids = await this.node.running();
    const running = new Set(pids.keys());
    const former = this.#pids;
    this.#pids = pids;
    const moved = [...pids].filter(([name, pid]) => (former.get(name) ?? pid) !== pid);
    const wanted = this.lives.flatMap(({ id, state }) => {
      if (state.serves === undefined) return [];
      const [release = '', parameter = ''] = state.serves.split(' ');
      return [`${id}:${serviceName(release, parameter)}-on-watch`];
    });
    return [
      ...moved.map(([name]) => `${name} was restarted`),
      ...wanted.filter((name) => !running.has(name)).map((name) => `${name} does not run`),
      ...[...running].filter((name) => !wanted.includes(name)).map((name) => `${name} runs`),
      ...this.lives.flatMap((life) => this.#compareFiles(life)),
    ];
  }

  #compareFiles({ id, state, wish }: Life): string[] {
    const { site } = this.node;
    const problems: string[] = [];
    const timestamp = this.#timestamp({ id });
    if (timestamp !== state.timestamp) {
      problems.push(`${id}: .timestamp is ${timestamp}, should be ${state.timestamp}`);
    }
    const hasErrorLog = site.exists(id, `.slapgrid-${id}-error.log`);
    if (hasErrorLog !== (state.hasErrorLog ?? hasErrorLog))
      problems.push(`${id}: error log ${hasErrorLog}`);
    const [told] = this.node.master.errorsOf(id);
    if (hasErrorLog && told !== undefined) {
      const text = site.read(id, `.slapgrid-${id}-error.log`);
      if (text !== told) problems.push(`${id}: told ${told}, wrote ${text}`);
    }
    const group = site.path('etc/supervisord.conf.d', `${id}.conf`);
    if (existsSync(group) !== (state.serves !== undefined)) {
      problems.push(`${id}: group file ${existsSync(group)}`);
    }
    if (state.timestamp !== wish.timestamp || wish.state === 'destroyed') return problems;
    const link = readlinkSync(site.path(id, 'software_release'));
    if (link !== softwarePath(site.softwareRoot, wish.release ?? '')) {
      problems.push(`${id}: software_release leads to ${link}`);
    }
    const profile = site.read(id, 'buildout.cfg');
    for (const line of [
      `requested-state = ${wish.state}`,
      `software-release-url = ${wish.release}`,
    ]) {
      if (!profile.includes(`${line}\n`)) problems.push(`${id}: buildout.cfg lacks ${line}`);
    }
    return problems;
  }

  #timestamp({ id }: { readonly id: string }): string | undefined {
    const file = this.node.site.path(id, '.timestamp');
    return existsSync(file) ? readFileSync(file, 'utf8') : undefined;
  }

  #publish({ id, wish }: Life): void {
    const { release, requests, state, timestamp } = wish;
    this.node.master.wishes.set(id, { state, release, timestamp });
    this.node.plan(id, { parameter: wish.parameter, requests });
  }

  #inject(id: string, fault: LifeFault): void {
    const { master } = this.node;
    const { index, wish } = this.lives.find((life) => life.id === id) as Life;
    this.#note(
      `${wish.state} with ${fault.kind === 'master' ? `${fault.call} ${fault.fault}` : fault.kind}`,
    );
    if (fault.kind === 'build') this.node.plan(id, { ...wish, fails: true });
    if (fault.kind === 'promise') this.node.sicken(id, true);
    if (fault.kind === 'mode') this.node.chmod(id, 0o755);
    if (fault.kind === 'disk') this.node.fillDisk(index);
    if (fault.kind !== 'master') return;
    const others = master.fault;
    master.fault = (call) =>
      call.partitionId === id && call.name === fault.call ? fault.fault : others(call);
  }

  #withdraw(id: string, fault: LifeFault): void {
    const { index, wish } = this.lives.find((life) => life.id === id) as Life;
    this.node.master.fault = () => undefined;
    if (fault.kind === 'build') this.node.plan(id, wish);
    if (fault.kind === 'promise') this.node.sicken(id, false);
    if (fault.kind === 'mode') this.node.chmod(id, 0o750);
    if (fault.kind === 'disk') this.node.emptyDisk(index);
  }

  #addLoss(faults: Map<string, LifeFault>): void {
    const call = this.#pick(LOSING_CALLS);
    const able = this.lives.filter(({ state, wish }) => {
      if (wish.release === undefined || state.timestamp === wish.timestamp) return false;
      if (call === 'startedComputerPartition') return wish.state === 'started';
      return call === LOSING_CALLS[0] || (wish.state !== 'destroyed' && wish.requests.length > 0);
    });
    if (able.length === 0) return;
    const losses = LOSING_FAULTS.filter((fault) => fault !== 'cut' || call !== LOSING_CALLS[0]);
    faults.set(this.#pick(able).id, { kind: 'master', call, fault: this.#pick(losses) });
  }

  #nextWish(wish: LifeWish): LifeWish {
    const random = this.#random();
    this.#clock += 1;
    const next = { ...wish, timestamp: String(this.#clock) };
    if (wish.release === undefined) {
      if (random < 0.2) return wish;
      const requests = this.#random() < 0.3 ? ['db', 'frontend'] : [];
      const state = this.#random() < 0.8 ? ('started' as const) : ('stopped' as const);
      return { ...next, state, release: this.#pick(RELEASES), parameter: '1', requests };
    }
    if (wish.state === 'destroyed' || random < 0.2) return wish;
    if (random < 0.35) return { ...next, state: 'destroyed' };
    if (random < 0.55) return { ...next, state: wish.state === 'started' ? 'stopped' : 'started' };
    if (random < 0.7) return { ...next, parameter: String(Number(wish.parameter) + 1) };
    if (random < 0.85) return next;
    const release = RELEASES.find((url) => url !== wish.release) as string;
    return { ...next, release };
  }

  #pick<Item>(items: readonly Item[]): Item {
    return items[Math.floor(this.#random() * items.length)] as Item;
  }

  #note(what: string): void {
    this.met.set(what, (this.met.get(what) ?? 0) + 1);
  }
}

function errorLines(text: string): string {
  const lines = text.split('\n').filter((line) => /WARNING|ERROR|CRITICAL/.test(line));
  return lines.slice(0, 10).join('\n');
}

/** A wish in a word, with what changed against an earlier one. */
function describe(wish: LifeWish, before?: LifeWish): string {
  if (wish.release === undefined) return 'free';
  if (before?.release === undefined || before.state !== wish.state) return wish.state;
  if (before.release !== wish.release) return `${wish.state} with another release`;
  if (before.parameter !== wish.parameter) return `${wish.state} with other parameters`;
  return before.timestamp === wish.timestamp ? `${wish.state} as before` : `${wish.state} again`;
}
