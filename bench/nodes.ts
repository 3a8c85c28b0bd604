/**
 * Many nodes against one proxy, on SQLite and on PostgreSQL in the same run.
 *
 *     npm run bench -- nodes [--counts 1,100] [--partitions 50] [--instances 25] [--rounds 3]
 *         [--seconds 2] [--workers 32] [--stores sqlite,postgres] [--proxies 1,2,3]
 *         [--profiles FOLDER] [--program FOLDER] [--folder /var/tmp] [--json]
 *
 * One process is all nodes and their clients: each process of a node is a connection of its own that
 * says what the real one says. Closed loop: workers go through the nodes as fast as the proxy
 * answers. Open loop: nodes begin their minutes on schedule, with ever shorter minutes until one in
 * a hundred answers takes more than a second. Proxy, simulator and database server share the
 * processors; the shares that each took stand beside the figures. `--program` measures the proxy of
 * another build of this package, `--profiles` has the proxies leave profiles (`node --cpu-prof`).
 */
import { parseArgs } from 'node:util';
import { type Behaviour, busyMinute, quietMinute } from './nodes/behaviours.ts';
import { findCapacity } from './nodes/capacity.ts';
import { type LoopResult, runClosedLoop } from './nodes/closed-loop.ts';
import { Fleet } from './nodes/fleet.ts';
import { addKinds, renderKinds } from './nodes/kinds.ts';
import { hasPostgres, type RunningStore, type StoreName, startStore } from './nodes/stores.ts';
import { Figures, renderRatios } from './proxy/figures.ts';
import { describeMachine, fail } from './support/namespace-run.ts';

const { values } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    counts: { type: 'string', default: '1,100' },
    partitions: { type: 'string', default: '50' },
    /** Of each node at the beginning. */
    instances: { type: 'string', default: '25' },
    rounds: { type: 'string', default: '3' },
    /** Of a round. */
    seconds: { type: 'string', default: '2' },
    workers: { type: 'string', default: '32' },
    stores: { type: 'string', default: 'sqlite,postgres' },
    /** On PostgreSQL, with the largest count of nodes. */
    proxies: { type: 'string', default: '1' },
    profiles: { type: 'string' },
    program: { type: 'string' },
    folder: { type: 'string', default: '/var/tmp' },
  },
});
const [partitions, instances, rounds, seconds, workers] = (
  ['partitions', 'instances', 'rounds', 'seconds', 'workers'] as const
).map((name) => Number(values[name])) as [number, number, number, number, number];
const counts = listNumbers(values.counts);
const STORES: Readonly<Record<string, StoreName>> = { sqlite: 'SQLite', postgres: 'PostgreSQL' };
const MINUTES: ReadonlyArray<readonly [string, Behaviour]> = [
  ['quiet', quietMinute],
  ['busy', busyMinute],
];
const figures = new Figures();

interface Candidate {
  readonly store: RunningStore;
  readonly fleet: Fleet;
}

function listNumbers(text: string): number[] {
  return text.split(',').map(Number);
}

function listStores(): StoreName[] {
  const names = values.stores.split(',').map((name) => STORES[name] ?? fail(`no store ${name}`));
  const isMissing = names.includes('PostgreSQL') && !hasPostgres();
  if (isMissing) process.stderr.write('PostgreSQL is left out: its programs are missing\n');
  return names.filter((name) => name !== 'PostgreSQL' || !isMissing);
}

async function fill({ store, fleet }: Candidate, count: number): Promise<void> {
  const before = fleet.nodes.length;
  const start = performance.now();
  await fleet.grow(count, workers);
  const perSecond = ((count - before) * instances * 1e3) / (performance.now() - start);
  const what = `${count} nodes × ${partitions} partitions`;
  figures.add(store.name, `${what}: making them, new instances`, 'instances/s', [perSecond]);
  figures.add(store.name, `${what}: database`, 'MB', [await store.databaseMb()]);
}

interface Round {
  readonly result: LoopResult;
  readonly shares: Readonly<Record<'proxies' | 'database' | 'simulator', number>>;
}

async function measureRound({ store, fleet }: Candidate, behaviour: Behaviour): Promise<Round> {
  const [cpu, own] = [store.cpuSeconds(), process.cpuUsage()];
  const result = await runClosedLoop(fleet, behaviour, { seconds, workers });
  const { proxies, database } = store.cpuSeconds();
  const { user, system } = process.cpuUsage(own);
  const percent = (value: number): number => (100 * value) / result.seconds;
  const { failures, firstFailure } = result.timings;
  if (failures > 0) {
    process.stderr.write(`${failures} failures, the first: ${firstFailure}\n`);
    figures.add(store.name, 'minutes that failed', 'failures', [failures]);
    process.exitCode = 1;
  }
  return {
    result,
    shares: {
      proxies: percent(proxies - cpu.proxies),
      database: percent(database - cpu.database),
      simulator: percent((user + system) / 1e6),
    },
  };
}

function addRounds(who: string, what: string, list: readonly Round[]): void {
  const timings = list.map(({ result }) => result.timings);
  figures.add(
    who,
    what,
    'requests/s',
    list.map(({ result: one }) => one.timings.count / one.seconds),
  );
  figures.add(
    who,
    `${what}, p50`,
    'ms',
    timings.map((one) => one.all().medianMs),
  );
  figures.add(
    who,
    `${what}, p99`,
    'ms',
    timings.map((one) => one.all().p99Ms),
  );
  figures.add(
    who,
    `${what}, slowest`,
    'ms',
    timings.map((one) => one.all().maxMs),
  );
  const cpu = list.map(({ result, shares }) => {
    return (shares.proxies * 1e4 * result.seconds) / result.timings.count;
  });
  figures.add(who, `${what}, processor time of proxies for a request`, 'µs', cpu);
  for (const part of ['proxies', 'database', 'simulator'] as const) {
    const shares = list.map(({ shares: share }) => share[part]);
    if (shares.some((share) => share > 0)) {
      figures.add(who, `${what}, processor of ${part}`, '%', shares);
    }
  }
}

/** Rounds of each store in turns: what disturbs one disturbs the other. */
async function measureClosed(
  candidates: readonly Candidate[],
  title: string,
  [kind, behaviour]: readonly [string, Behaviour],
): Promise<void> {
  const seen = new Map<Candidate, Round[]>(candidates.map((one) => [one, []]));
  for (let round = 0; round < rounds; round += 1) {
    for (const one of candidates) seen.get(one)?.push(await measureRound(one, behaviour));
  }
  const what = `${title}, ${kind} minutes`;
  for (const [{ store }, list] of seen) {
    addRounds(store.name, what, list);
    addKinds(
      store.name,
      what,
      list.map(({ result }) => result.timings),
    );
  }
}

async function measureCount(candidates: readonly Candidate[], count: number): Promise<void> {
  for (const one of candidates) await fill(one, count);
  for (const minute of MINUTES) await measureClosed(candidates, `${count} nodes`, minute);
  for (const { store, fleet } of candidates) {
    figures.add(store.name, `${count} nodes, memory of a proxy`, 'MB', [store.residentMb()]);
    figures.add(store.name, `${count} nodes, most connections`, 'connections', [
      fleet.mostConnections,
    ]);
    figures.add(store.name, `${count} nodes, database after it`, 'MB', [await store.databaseMb()]);
  }
}

async function measureOpen({ store, fleet }: Candidate): Promise<void> {
  const { nodes, p99Ms } = await findCapacity(fleet, seconds);
  figures.add(store.name, 'nodes that one schedule bears, p99 below 1 s', 'nodes', [nodes]);
  figures.add(store.name, 'their p99', 'ms', [p99Ms]);
}

/** More proxies on the database server. */
async function measureProxies({ store, fleet }: Candidate): Promise<void> {
  for (const count of listNumbers(values.proxies).filter((one) => one > 1)) {
    while (store.ports.length < count) await store.addProxy();
    fleet.ports = store.ports;
    const title = `${fleet.nodes.length} nodes, ${count} proxies`;
    for (const minute of MINUTES) await measureClosed([{ store, fleet }], title, minute);
  }
}

async function main(): Promise<void> {
  const candidates: Candidate[] = [];
  const { folder, program, profiles } = values;
  try {
    for (const name of listStores()) {
      const store = await startStore(name, { folder, program, profiles });
      candidates.push({ store, fleet: new Fleet({ ports: store.ports, partitions, instances }) });
    }
    for (const count of counts) await measureCount(candidates, count);
    for (const one of candidates) await measureOpen(one);
    for (const one of candidates) {
      if (one.store.name === 'PostgreSQL') await measureProxies(one);
    }
  } finally {
    for (const { store } of candidates) await store.close();
  }
  const machine = describeMachine({});
  const ratios = figures.ratios('SQLite');
  const title = `${Object.values(machine).join(', ')}; ${rounds} rounds of ${seconds} s, ${workers} workers`;
  const text = `${title}\n\n${figures.renderTable()}\n${renderKinds()}\n${renderRatios(ratios)}`;
  process.stdout.write(
    values.json ? `${JSON.stringify({ machine, figures: figures.all, ratios })}\n` : text,
  );
}

void main();
