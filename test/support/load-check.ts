/** What the node of the load campaign has, held against what it must have. */
import { existsSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ProcessInfo } from '../../src/supervisor/client.ts';
import { accountLog } from './load-logs.ts';
import type { Look } from './load-look.ts';
import type { LoadModel } from './load-model.ts';
import type { LoadNode } from './load-node.ts';
import { COMPUTER } from './real-node.ts';

export interface Comparison {
  /** What a later pass may repair. */
  readonly differences: ReadonlyArray<{ readonly key: string; readonly text: string }>;
  /** What nothing repairs. */
  readonly final: readonly string[];
  readonly look: Look;
}

export interface Happened {
  readonly killed: ReadonlySet<string>;
  /** Killed ones that stay dead until their partition is processed. */
  readonly resting: ReadonlySet<string>;
  /** The node was disturbed, and may have processed partitions again. */
  readonly isDisturbed: boolean;
}

/** Logs to read after each round. */
const LOGS = 5;
const COLLECTOR_MS = 60_000;
const ZOMBIE_LOOKS = 60;
const ZOMBIE_PAUSE_MS = 250;

export class LoadCheck {
  readonly #node: LoadNode;
  readonly #model: LoadModel;
  #pids: ReadonlyMap<string, number> = new Map();
  readonly #uids = new Map<string, number>();
  #logs = 0;
  linesRead = 0;
  cuts = 0;

  constructor(node: LoadNode, model: LoadModel) {
    this.#node = node;
    this.#model = model;
  }

  async compare(happened: Happened): Promise<Comparison> {
    const look = this.#node.look();
    const pids = new Map(look.services.map(({ key, pid }) => [key, pid]));
    const differences = [
      ...this.#compareRunning(pids, happened),
      ...(await this.#compareSupervisor(look, happened)),
      ...(await this.#compareMaster()),
    ];
    const final = [
      ...this.#findDoubles(look),
      ...this.#findMoved(pids, happened.killed),
      ...(await this.#findZombies(look.zombies)),
      ...(differences.length === 0 ? this.compareLogs(look, LOGS) : []),
    ];
    this.#pids = pids;
    return { differences, final, look };
  }

  #compareRunning(pids: ReadonlyMap<string, number>, { isDisturbed, resting }: Happened) {
    const wanted = this.#model.wanted();
    const missing = [...wanted.keys()].filter((key) => !pids.has(key) && !resting.has(key));
    const unwanted = [...pids.keys()].filter((key) => !wanted.has(key));
    const risen = [...resting].filter((key) => pids.has(key) && !isDisturbed);
    return [
      ...missing.map((key) => ({ key, text: `${key} does not run` })),
      ...unwanted.map((key) => ({ key: '', text: `${key} runs` })),
      ...risen.map((key) => ({ key: '', text: `${key} was started although nobody watches it` })),
    ];
  }

  /** Twice, or as somebody else. */
  #findDoubles({ services }: Look): string[] {
    const keys = new Set<string>();
    const twice = services.filter(({ key }) => keys.size === keys.add(key).size);
    const foreign = services.filter(({ key, uid }) => uid !== this.#uidOf(key.replace(/\/.*/, '')));
    return [
      ...twice.map(({ key, pid }) => `${key} runs twice, also as ${pid}`),
      ...foreign.map(({ key, uid }) => `${key} runs as ${uid}`),
    ];
  }

  #uidOf(partition: string): number {
    const known = this.#uids.get(partition) ?? this.#node.uidOf(partition);
    this.#uids.set(partition, known);
    return known;
  }

  #findMoved(pids: ReadonlyMap<string, number>, killed: ReadonlySet<string>): string[] {
    const moved = [...pids].filter(([key, pid]) => {
      return (this.#pids.get(key) ?? pid) !== pid && !killed.has(key);
    });
    return moved.map(([key]) => `${key} has another pid although nobody ended it`);
  }

  /** A zombie may be seen once; one that stays is nobody's. */
  async #findZombies(zombies: readonly string[]): Promise<string[]> {
    let left = [...zombies];
    for (let looks = 0; looks < ZOMBIE_LOOKS && left.length > 0; looks += 1) {
      await sleep(ZOMBIE_PAUSE_MS);
      const now = new Set(this.#node.look().zombies);
      left = left.filter((zombie) => now.has(zombie));
    }
    return left.map((zombie) => `zombie ${zombie}`);
  }

  /** The supervisor knows of each process that runs, and of no other. */
  async #compareSupervisor({ services }: Look, { killed }: Happened) {
    const all = await this.#node.client.call<ProcessInfo[]>('supervisor.getAllProcessInfo');
    const own = all.filter(({ group, statename }) => {
      return group.startsWith('slappart') && statename === 'RUNNING';
    });
    const told = new Map(own.map(({ group, name, pid }) => [`${group} ${name}`, pid]));
    const wrong: string[] = [];
    for (const { key, pid } of services) {
      const [partition, , folder, name] = key.split('/');
      const process = `${partition} ${name}${folder === 'service' ? '-on-watch' : ''}`;
      const saw = told.get(process);
      told.delete(process);
      if (saw !== pid && !killed.has(key)) {
        wrong.push(`the supervisor says pid ${saw} of ${key}, which is ${pid}`);
      }
    }
    const unseen = [...told].map(
      ([name, pid]) => `the supervisor says that ${name} runs as ${pid}`,
    );
    return [...wrong, ...unseen].map((text) => ({ key: '', text }));
  }

  /** Every instance is there as it was requested, and nothing else. */
  async #compareMaster() {
    const { partitions } = await this.#node.master.getFullComputerInformation(COMPUTER);
    const told = partitions
      .filter(({ softwareReleaseUrl }) => softwareReleaseUrl !== null)
      .map(({ parameters, partitionId, requestedState, softwareReleaseUrl }) =>
        [partitionId, requestedState, softwareReleaseUrl, parameters?.['generation']].join(' '),
      );
    const wanted = [...this.#model.instances.values()].map(
      ({ generation, partition, release, state }) =>
        [partition, state, this.#node.releaseUrl(release), generation].join(' '),
    );
    const [toldSet, wantedSet] = [new Set(told), new Set(wanted)];
    const lost = wanted.filter((line) => !toldSet.has(line)).map((line) => `Master lacks ${line}`);
    const more = told.filter((line) => !wantedSet.has(line)).map((line) => `Master has ${line}`);
    return [...lost, ...more].map((text) => ({ key: '', text }));
  }

  /** The collector counts as many processes in each partition as run there, a sample or two later. */
  async compareCollector(): Promise<string[]> {
    const wanted = new Map<string, number>();
    for (const { key } of this.#node.look().services) {
      const partition = key.replace(/\/.*/, '');
      wanted.set(partition, (wanted.get(partition) ?? 0) + 1);
    }
    const deadline = performance.now() + COLLECTOR_MS;
    for (;;) {
      const sample = await this.#node.collected();
      const wrong = sample
        .filter(({ partition, processes }) => processes !== (wanted.get(partition) ?? 0))
        .map(({ partition, processes }) => `the collector counts ${processes} in ${partition}`);
      if (sample.length > 0 && wrong.length === 0) return [];
      if (performance.now() > deadline) return sample.length > 0 ? wrong : ['no collector'];
      await sleep(ZOMBIE_PAUSE_MS);
    }
  }

  /** Logs of so many talking services, in turns. */
  compareLogs({ services }: Look, count: number): string[] {
    const talking = [...this.#model.wanted().values()].filter((one) => one.isTalking);
    const chosen = talking
      .map((_, index) => talking[(this.#logs + index) % talking.length])
      .slice(0, count);
    this.#logs += chosen.length;
    return chosen.flatMap((service) => {
      const { key = '', partition = '' } = service ?? {};
      const pid = services.find((seen) => seen.key === key)?.pid;
      const path = this.#node.node.path(partition, `.${partition}_s0.log`);
      const account = accountLog(readText(`${path}.1`), readText(path), pid);
      this.linesRead += account.lines;
      this.cuts += account.cuts;
      return account.problems.map((problem) => `log of ${key}: ${problem}`);
    });
  }
}

function readText(path: string): string {
  return existsSync(path) ? readFileSync(path, 'latin1') : '';
}
