/**
 * Our proxy against upstream's slapproxy in the same run, over HTTP on loopback.
 *
 *     npm run bench -- proxy [--json] [--partitions 500] [--runs 30] [--seconds 2] [--rounds 5]
 *         [--clients 200] [--instances 10000] [--peer-instances 500] [--folder /var/tmp]
 *
 * The clients of the measurement share the processors with the servers. Many clients are a C
 * program that drops what it gets; the floor is a bare server on node:http that sends the same
 * bytes to the same clients, in turns with ours. slapproxy is that of SLAPOS_PEER_PYTHON; without
 * it only ours is measured.
 */
import { parseArgs } from 'node:util';
import { compileClients, type Round, runCrowd } from './proxy/crowd.ts';
import { Figures, renderRatios } from './proxy/figures.ts';
import {
  fillComputer,
  type Load,
  listLoads,
  measureChanged,
  measureConditional,
  measureGrowth,
  measureUnchanged,
  sampleAnswers,
  timed,
} from './proxy/scenarios.ts';
import {
  type Candidate,
  listCandidates,
  preparePlace,
  type RunningProxy,
  type RunningServer,
  readResidentMb,
  removePlace,
  startBareServer,
  startCandidate,
} from './proxy/servers.ts';
import { describeMachine } from './support/namespace-run.ts';

const { values } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    partitions: { type: 'string', default: '500' },
    runs: { type: 'string', default: '30' },
    /** Of one round of many clients. */
    seconds: { type: 'string', default: '2' },
    rounds: { type: 'string', default: '5' },
    clients: { type: 'string', default: '200' },
    instances: { type: 'string', default: '10000' },
    'peer-instances': { type: 'string', default: '500' },
    folder: { type: 'string', default: '/var/tmp' },
  },
});
const partitions = Number(values.partitions);
const runs = Number(values.runs);
const seconds = Number(values.seconds);

const OURS = 'ours';
const FEW = 8;
const figures = new Figures();

async function measureComputer(proxy: RunningProxy): Promise<void> {
  const { who } = proxy;
  const size = await fillComputer(proxy, partitions);
  process.stderr.write(`${who}: the document has ${(size / 1e6).toFixed(2)} MB\n`);
  const name = `getFullComputerInformation, ${partitions} partitions`;
  figures.add(who, `${name}, unchanged`, 'ms', await measureUnchanged(proxy, runs));
  const conditional = await measureConditional(proxy, runs);
  if (conditional !== undefined) figures.add(who, `${name}, unchanged, 304`, 'ms', conditional);
  figures.add(who, `${name}, after a change`, 'ms', await measureChanged(proxy, runs));
  figures.add(who, `memory with ${partitions} partitions`, 'MB', [readResidentMb(proxy.pid)]);
}

/** Rounds of each server in turns: what disturbs one disturbs the others. */
async function measureLoad(
  program: string,
  servers: readonly RunningServer[],
  { what, status, requests }: Load,
  clients: number,
): Promise<void> {
  const seen = new Map<string, Round[]>(servers.map(({ who }) => [who, []]));
  for (let round = 0; round < Number(values.rounds); round += 1) {
    for (const { who, port } of servers) {
      // Two hundred answers of slapproxy take a minute: it has one round.
      if (who === 'slapproxy' && round > 0) continue;
      const crowd = { clients, seconds, status, requests };
      seen.get(who)?.push(await runCrowd(program, port, crowd));
    }
  }
  for (const [who, rounds] of seen) figures.addRounds(who, `${what}, ${clients} clients`, rounds);
}

async function measureCrowds(proxies: readonly RunningProxy[]): Promise<void> {
  const [ours, ...peers] = proxies;
  if (ours === undefined) return;
  const program = compileClients();
  const bare = await startBareServer(values.folder, await sampleAnswers(ours));
  try {
    for (const load of await listLoads(ours, partitions)) {
      const servers = load.status === 304 ? [ours, bare] : [ours, bare, ...peers];
      for (const clients of [FEW, Number(values.clients)]) {
        await measureLoad(program, servers, load, clients);
      }
    }
  } finally {
    await bare.close();
  }
}

async function measureComputers(candidates: readonly Candidate[]): Promise<void> {
  const places = await Promise.all(candidates.map(() => preparePlace(values.folder)));
  const proxies: RunningProxy[] = [];
  try {
    for (const [index, candidate] of candidates.entries()) {
      const place = places[index];
      if (place !== undefined) proxies.push(await startCandidate(candidate, place));
    }
    for (const proxy of proxies) await measureComputer(proxy);
    await measureCrowds(proxies);
  } finally {
    for (const proxy of proxies) await proxy.close();
    for (const place of places) removePlace(place);
  }
}

async function measureInstances(candidate: Candidate): Promise<void> {
  const { who } = candidate;
  const instances = Number(who === OURS ? values.instances : values['peer-instances']);
  if (instances === 0) return;
  const place = await preparePlace(values.folder);
  let proxy = await startCandidate(candidate, place);
  try {
    const times = await measureGrowth(proxy, instances);
    const tenth = Math.ceil(instances / 10);
    const what = `request of a new instance, ${instances} one after another`;
    figures.add(who, what, 'ms', times);
    figures.add(who, `${what}, the first tenth`, 'ms', times.slice(0, tenth));
    figures.add(who, `${what}, the last tenth`, 'ms', times.slice(-tenth));
    await proxy.close();
    const start = await timed(async () => {
      proxy = await startCandidate(candidate, place);
    });
    figures.add(who, `start to the first answer, ${instances} instances`, 'ms', [start]);
    const [first, ...rest] = await measureUnchanged(proxy, runs + 1);
    const document = `getFullComputerInformation, ${instances} partitions`;
    figures.add(who, `${document}, the first`, 'ms', [first ?? Number.NaN]);
    figures.add(who, `${document}, unchanged`, 'ms', rest);
    figures.add(who, `memory with ${instances} partitions`, 'MB', [readResidentMb(proxy.pid)]);
  } finally {
    await proxy.close();
    removePlace(place);
  }
}

async function main(): Promise<void> {
  const candidates = listCandidates();
  await measureComputers(candidates);
  for (const candidate of candidates) await measureInstances(candidate);
  const machine = describeMachine({});
  const ratios = figures.ratios(OURS);
  const rounds = `${runs} runs; ${values.rounds} rounds of ${seconds} s`;
  const text = `${Object.values(machine).join(', ')}; ${rounds}\n\n${figures.renderTable()}`;
  const all = { machine, figures: figures.all, ratios };
  process.stdout.write(
    values.json ? `${JSON.stringify(all)}\n` : `${text}\n${renderRatios(ratios)}`,
  );
}

void main();
