/**
 * Our proxy against upstream's slapproxy in the same run, over HTTP on loopback.
 *
 *     npm run bench -- proxy [--json] [--partitions 500] [--runs 30] [--seconds 5]
 *         [--clients 200] [--instances 10000] [--peer-instances 500] [--folder /var/tmp]
 *
 * The client of the measurement shares the processors with the proxies. slapproxy is that of
 * SLAPOS_PEER_PYTHON; without it only ours is measured.
 */
import { parseArgs } from 'node:util';
import {
  askAsRecipe,
  askForComputer,
  askWhetherChanged,
  fillComputer,
  measureChanged,
  measureClients,
  measureConditional,
  measureGrowth,
  measureUnchanged,
  type Times,
} from './proxy/scenarios.ts';
import { type Candidate, listCandidates, startCandidate } from './proxy/servers.ts';
import { describeMachine } from './support/namespace-run.ts';

const { values } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    partitions: { type: 'string', default: '500' },
    runs: { type: 'string', default: '30' },
    seconds: { type: 'string', default: '5' },
    clients: { type: 'string', default: '200' },
    instances: { type: 'string', default: '10000' },
    'peer-instances': { type: 'string', default: '500' },
    folder: { type: 'string', default: '/var/tmp' },
  },
});
const partitions = Number(values.partitions);
const runs = Number(values.runs);
const seconds = Number(values.seconds);
const clients = Number(values.clients);

interface Figure {
  readonly who: string;
  readonly what: string;
  readonly unit: 'ms' | 'requests/s';
  readonly min: number;
  readonly median: number;
  readonly p99: number;
  readonly max: number;
}

const figures: Figure[] = [];

function add(who: string, what: string, times: Times | undefined): void {
  if (times === undefined || times.length === 0) return;
  const sorted = times.toSorted((a, b) => a - b);
  const at = (share: number): number => sorted[Math.floor((sorted.length - 1) * share)] ?? 0;
  const figure = { who, what, unit: 'ms', min: at(0), median: at(0.5), p99: at(0.99), max: at(1) };
  show(figure as Figure);
}

function addRate(who: string, what: string, rate: number): void {
  show({ who, what, unit: 'requests/s', min: rate, median: rate, p99: rate, max: rate });
}

function show(figure: Figure): void {
  figures.push(figure);
  const { who, what, unit, median } = figure;
  process.stderr.write(
    `${`${who}: ${what}`.padEnd(70)}${median.toFixed(2).padStart(12)} ${unit}\n`,
  );
}

async function measureComputer(candidate: Candidate): Promise<void> {
  const { who } = candidate;
  const isOurs = who === 'ours';
  const proxy = await startCandidate(candidate, values.folder, clients);
  try {
    const size = await fillComputer(proxy, partitions);
    process.stderr.write(`${who}: the document has ${(size / 1e6).toFixed(2)} MB\n`);
    const name = `getFullComputerInformation, ${partitions} partitions`;
    add(who, `${name}, unchanged`, await measureUnchanged(proxy, runs));
    add(who, `${name}, unchanged, 304`, await measureConditional(proxy, runs));
    add(who, `${name}, after a change`, await measureChanged(proxy, runs));
    const few = isOurs ? 8 : 2;
    const full = await measureClients(few, seconds, () => askForComputer(proxy));
    addRate(who, `${name}, requests/s`, full.perSecond);
    const recipe = await measureClients(few, seconds, (index) => askAsRecipe(proxy, index));
    addRate(who, 'requestComputerPartition and registerComputerPartition', recipe.perSecond);
    const many = await measureClients(clients, seconds, (index) => askAsRecipe(proxy, index));
    add(who, `the same, ${clients} clients`, many.times);
    addRate(who, `the same, ${clients} clients, requests/s`, many.perSecond);
    if (isOurs) {
      const known = await measureClients(clients, seconds, await askWhetherChanged(proxy));
      add(who, `${name}, unchanged, 304, ${clients} clients`, known.times);
    }
    const crowd = await measureClients(clients, seconds, () => askForComputer(proxy));
    add(who, `${name}, ${clients} clients`, crowd.times);
  } finally {
    await proxy.close();
  }
}

async function measureInstances(candidate: Candidate): Promise<void> {
  const { who } = candidate;
  const instances = Number(who === 'ours' ? values.instances : values['peer-instances']);
  if (instances === 0) return;
  const proxy = await startCandidate(candidate, values.folder, 1);
  try {
    const times = await measureGrowth(proxy, instances);
    const tenth = Math.ceil(instances / 10);
    add(who, `request of an instance, ${instances} one after another`, times);
    add(who, `request of an instance, the first tenth of ${instances}`, times.slice(0, tenth));
    add(who, `request of an instance, the last tenth of ${instances}`, times.slice(-tenth));
  } finally {
    await proxy.close();
  }
}

function renderTable(): string {
  const names = [...new Set(figures.map(({ who }) => who))];
  const titles = [...new Set(figures.map(({ what, unit }) => `${what}, ${unit}`))];
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  const cell = (title: string, who: string): string => {
    const found = figures.find((one) => one.who === who && `${one.what}, ${one.unit}` === title);
    if (found === undefined) return '–';
    if (found.unit === 'requests/s') return found.median.toFixed(0);
    return [found.min, found.median, found.p99, found.max].map((ms) => ms.toFixed(2)).join(' / ');
  };
  const head = line(['minimum / median / p99 / maximum', ...names]);
  const rows = titles.map((title) => line([title, ...names.map((who) => cell(title, who))]));
  return [head, line(['---', ...names.map(() => '---')]), ...rows, ''].join('\n');
}

async function main(): Promise<void> {
  const candidates = listCandidates();
  for (const candidate of candidates) await measureComputer(candidate);
  for (const candidate of candidates) await measureInstances(candidate);
  const machine = describeMachine({});
  const text = `${Object.values(machine).join(', ')}; ${runs} runs\n\n${renderTable()}`;
  process.stdout.write(values.json ? `${JSON.stringify({ machine, figures })}\n` : text);
}

void main();
