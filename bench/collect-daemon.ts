/**
 * What `slapos node collect --daemon` costs on a full node: processor time of the real command while
 * a scraper reads /metrics every second and a dashboard follows /events, and its memory once the
 * ring of samples is full.
 *
 *     npm run bench -- collect-daemon [--json] [--processes 5000] [--partitions 500] [--seconds 60]
 *
 * Everything is in private namespaces; needs root. A minute holds exactly one writing of the rows
 * and reports, the first one, which also measures every folder; other lengths hold none or too many.
 * An hour at one second would take an hour: for the memory the same daemon runs in a process of the
 * benchmark, without pauses between samples (of the real processes) until it has as many as it keeps,
 * then for more than a minute every second with the same scraper and dashboard.
 */
import { cpus, release } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep, setImmediate as turn } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { createCollectHost } from '../src/cli/node/collect-host.ts';
import { runDaemon } from '../src/collect/daemon/run-daemon.ts';
import { parseCollectSettings } from '../src/collect/settings.ts';
import { readConfig } from '../src/config/read.ts';
import { packageRoot } from '../src/host/package/package-files.ts';
import { openProcessReader } from '../src/host/process/process-reader.ts';
import { type LogFields, silentLogger } from '../src/log/logger.ts';
import { CollectNode, RunningDaemon } from './support/collect-node.ts';
import { runInNamespaces } from './support/namespace-run.ts';

const { values } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    processes: { type: 'string', default: '5000' },
    partitions: { type: 'string', default: '500' },
    seconds: { type: 'string', default: '60' },
    /** For the process that the benchmark starts itself: a daemon on this file, without pauses. */
    fill: { type: 'string' },
    reader: { type: 'string', default: 'bpf' },
  },
});
const [processes, partitions, seconds] = [
  Number(values.processes),
  Number(values.partitions),
  Number(values.seconds),
];
/** As `bin/slapos` starts Node. */
const NODE_OPTIONS = ['--max-semi-space-size=8'];
/** The ring of the daemon. */
const KEPT_SAMPLES = 3600;
const WARM_UP_MS = 5000;
/** How long a daemon is looked at whose ring is full: the rows of one minute are written meanwhile. */
const FULL_MS = 65_000;

type Kind = 'bpf' | 'procfs';
const CASES: ReadonlyArray<readonly [Kind, string, wantedPercent: number | undefined]> = [
  ['bpf', '1s', 2],
  ['bpf', '250ms', 6],
  ['procfs', '1s', 10],
];

interface Cost {
  readonly what: string;
  readonly percent: number;
  readonly wantedPercent: number | undefined;
  readonly rssMb: number;
  readonly scrapes: number;
  readonly events: number;
}

/** Resident with a full ring, and at most. */
interface Memory {
  readonly reader: Kind;
  readonly rssMb: number;
  readonly peakMb: number;
}

const megabytes = (bytes: number) => Math.round(bytes / 1e5) / 10;

/** Scrapes once a second until it is told to stop; resolves to how often. */
async function scrapeUntil(daemon: RunningDaemon, stop: AbortSignal): Promise<number> {
  let scrapes = 0;
  while (!stop.aborted) {
    await daemon.scrape();
    scrapes += 1;
    await sleep(1000, undefined, { signal: stop }).catch(() => undefined);
  }
  return scrapes;
}

async function measure(
  node: CollectNode,
  [kind, interval, wantedPercent]: (typeof CASES)[number],
): Promise<Cost> {
  const command = [join(packageRoot(), 'dist', 'bin', 'slapos.js'), 'node', 'collect', '--daemon'];
  const words = ['--cfg', node.cfg, '--reader', kind, '--interval', interval];
  const listen = ['--listen', '127.0.0.1:0'];
  const daemon = await RunningDaemon.start([...NODE_OPTIONS, ...command, ...words, ...listen]);
  await sleep(WARM_UP_MS);
  const seen = await daemon.follow();
  const stop = new AbortController();
  const scraping = scrapeUntil(daemon, stop.signal);
  const [beganMs, beforeS] = [performance.now(), daemon.cpuS()];
  await sleep(seconds * 1000);
  const usedS = daemon.cpuS() - beforeS;
  const percent = (100_000 * usedS) / (performance.now() - beganMs);
  const rssMb = megabytes(daemon.memoryBytes('VmRSS'));
  stop.abort();
  const scrapes = await scraping;
  await daemon.stop();
  return {
    what: `${kind}, ${interval}`,
    percent,
    wantedPercent,
    rssMb,
    scrapes,
    events: seen.events,
  };
}

/** Memory of a daemon that has taken as many samples as it keeps. */
async function measureFull(node: CollectNode, reader: Kind): Promise<Memory> {
  const program = process.argv[1] ?? '';
  const daemon = await RunningDaemon.start([
    ...NODE_OPTIONS,
    program,
    '--fill',
    node.cfg,
    '--reader',
    reader,
  ]);
  let taken = 0;
  while (!(taken >= KEPT_SAMPLES)) {
    taken = Number(/^slapos_collector_samples_total (\d+)/m.exec(await daemon.scrape())?.[1]);
    await sleep(1000);
  }
  await daemon.follow();
  const stop = new AbortController();
  const scraping = scrapeUntil(daemon, stop.signal);
  daemon.forgetPeak();
  await sleep(FULL_MS);
  const rssMb = megabytes(daemon.memoryBytes('VmRSS'));
  stop.abort();
  await scraping;
  const peakMb = megabytes(daemon.memoryBytes('VmHWM'));
  await daemon.stop();
  return { reader, rssMb, peakMb };
}

/** The daemon, sampling again as soon as everybody else had a turn until its ring is full. */
async function fill(cfg: string): Promise<void> {
  const stop = new AbortController();
  process.once('SIGTERM', () => stop.abort());
  const host = createCollectHost();
  let taken = 0;
  const pause = async (_: number, signal: AbortSignal) => {
    taken += 1;
    // What the filling left behind is not the daemon's.
    if (taken === KEPT_SAMPLES) host.releaseMemory();
    await (taken < KEPT_SAMPLES ? turn() : host.sleep(1000, signal));
  };
  const tell = (text: string, _?: LogFields) => void process.stderr.write(`${text}\n`);
  await runDaemon({
    settings: parseCollectSettings(readConfig(cfg)),
    host: { ...host, sleep: pause },
    log: { ...silentLogger, info: tell, error: tell },
    signal: stop.signal,
    intervalMs: 1,
    listen: { host: '127.0.0.1', port: 0 },
    reader: await openProcessReader({ kind: values.reader as Kind, isAccounting: true }),
    ownCost: () => ({ cpuS: 0, rssBytes: 0 }),
  });
}

function render(costs: readonly Cost[], full: readonly Memory[]): string {
  return [...costs.map(renderCost), ...full.map(renderMemory), ''].join('\n');
}

function renderCost({ what, percent, wantedPercent, rssMb, scrapes, events }: Cost): string {
  return [
    what.padEnd(14),
    `${percent.toFixed(2).padStart(6)} % of a core (wanted ≤ ${wantedPercent})`,
    `${rssMb} MB, ${scrapes} scrapes, ${events} events`,
  ].join('  ');
}

function renderMemory({ reader, rssMb, peakMb }: Memory): string {
  const title = `${reader}, ${KEPT_SAMPLES} samples kept`;
  return `${title}: ${rssMb} MB resident, ${peakMb} MB at most (wanted < 150)`;
}

async function main(): Promise<void> {
  const node = new CollectNode(partitions);
  await node.startSleepers(processes);
  const costs: Cost[] = [];
  for (const each of CASES) {
    costs.push(await measure(node, each));
    process.stderr.write(`${costs.slice(-1).map(renderCost)}\n`);
  }
  const full: Memory[] = [];
  for (const reader of ['bpf', 'procfs'] as const) {
    full.push(await measureFull(node, reader));
    process.stderr.write(`${full.slice(-1).map(renderMemory)}\n`);
  }
  const machine = { cpus: cpus().length, model: cpus()[0]?.model, kernel: release() };
  const facts = { ...machine, node: process.version, processes, partitions, seconds };
  const title = Object.entries(facts).map(([key, value]) => `${key} ${value}`);
  process.stdout.write(
    values.json
      ? `${JSON.stringify({ benchmark: 'collect-daemon', ...facts, costs, full }, null, 2)}\n`
      : `${title.join(', ')}\n${render(costs, full)}`,
  );
}

function start(): Promise<void> {
  return values.fill === undefined ? main() : fill(values.fill);
}

runInNamespaces('collect-daemon', start);
