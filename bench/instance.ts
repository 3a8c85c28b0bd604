/**
 * Passes of `node instance` and `node software` as whole processes, against our own proxy in the
 * same namespaces: nothing to do, every promise due, and a first pass with a shell script as
 * buildout. Where SLAPOS_PEER_PYTHON names a Python that has slapos.core, upstream does the same
 * passes over the same partitions with the same Master, in turns with ours.
 *
 *     npm run bench -- instance [--json|--markdown] [--partitions 100,200,500,1000] [--runs 3]
 *                               [--upstream 500] [--plugins 20] [--sleeping 500]
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { passScript, promiseScript } from './support/instance-scripts.ts';
import { renderRatios, renderRows } from './support/markdown.ts';
import {
  describeMachine,
  fail,
  hasProgram,
  outputFolder,
  runScript,
} from './support/namespace-run.ts';
import {
  addSample,
  compareRows,
  type Ratio,
  type Row,
  type Samples,
  summarise,
} from './support/statistics.ts';

const { values } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    /** Tables for docs/benchmarks.md. */
    markdown: { type: 'boolean', default: false },
    partitions: { type: 'string', default: '100,200,500,1000' },
    /** Sites; each pass is timed three times in each. */
    runs: { type: 'string', default: '3' },
    /** Partitions that upstream passes over too, 0 for none. */
    upstream: { type: 'string', default: '500' },
    /** Partitions with a plugin promise that is not due, 0 for none. */
    plugins: { type: 'string', default: '20' },
    /** Partitions with a legacy promise that is due and sleeps 0.1 s, 0 for none. */
    sleeping: { type: 'string', default: '500' },
  },
});

const REPEATS = 3;
const SLEEP_SECONDS = 0.1;

const TITLES: Readonly<Record<string, string>> = {
  'node-e-0': 'node -e 0',
  'first-pass': 'first pass, buildout is a shell script',
  instance: 'node instance, nothing to do',
  software: 'node software, nothing to do',
  'peak-memory': 'peak memory of node instance',
  upstream: 'upstream, nothing to do',
  'due-promises': `node instance, each has a promise that sleeps ${SLEEP_SECONDS} s`,
};
const PLUGINS = ', with a plugin promise that is not due';

/** Why something is not in the table. */
const missing: string[] = [];

interface Peer {
  readonly python: string;
  readonly version: string;
}

function findPeer(): Peer | undefined {
  const python = process.env['SLAPOS_PEER_PYTHON'];
  if (python === undefined || python === '') {
    missing.push('upstream: set SLAPOS_PEER_PYTHON to a Python that has slapos.core');
    return undefined;
  }
  const code = 'from importlib.metadata import version; print(version("slapos.core"))';
  const { status, stdout } = spawnSync(python, ['-c', code], { encoding: 'utf8' });
  if (status === 0) return { python, version: stdout.trim() };
  missing.push(`upstream: ${python} has no slapos.core (pip install slapos.core)`);
  return undefined;
}

function measure(partitions: number, scripts: readonly string[], suffix = ''): Row[] {
  const samples: Samples = new Map();
  for (const script of scripts) {
    for (const [name, value] of runScript(script)) {
      const title = TITLES[name];
      if (title !== undefined) addSample(samples, title + suffix, Number(value));
    }
  }
  return summarise(samples, partitions);
}

function repeated(script: string): readonly string[] {
  return Array.from({ length: Number(values.runs) }, () => script);
}

function measurePasses(partitions: number, peer: Peer | undefined): Row[] {
  const isCompared = peer !== undefined && partitions === Number(values.upstream);
  const site = { partitions, repeats: REPEATS, promises: 'none' as const };
  const plain = passScript(site);
  const compared = isCompared ? [passScript({ ...site, peer: peer.python })] : [];
  return measure(partitions, [...compared, ...repeated(plain).slice(compared.length)]);
}

function measureSleeping(): Row[] {
  const partitions = Number(values.sleeping);
  if (partitions === 0) return [];
  const site = { partitions, repeats: REPEATS, sleepSeconds: SLEEP_SECONDS };
  const script = promiseScript({ ...site, promises: 'sleeping' });
  return measure(partitions, repeated(script), '').filter(
    ({ what }) => what === TITLES['due-promises'],
  );
}

function measurePlugins(peer: Peer | undefined): Row[] {
  const partitions = Number(values.plugins);
  if (peer === undefined || partitions === 0) return [];
  const site = { partitions, repeats: REPEATS, promises: 'plugin' as const, peer: peer.python };
  return measure(partitions, [passScript(site)], PLUGINS);
}

function compareAll(rows: readonly Row[]): Ratio[] {
  const ratio = (partitions: number, suffix: string, wanted: string) => {
    const upstream = `${TITLES['upstream']}${suffix}`;
    const ours = `${TITLES['instance']}${suffix}`;
    const names = { what: `upstream / ours${suffix}`, over: [upstream], under: [ours] };
    return compareRows(rows, partitions, names, wanted) ?? [];
  };
  return [
    ratio(Number(values.upstream), '', '10 at least'),
    ratio(Number(values.plugins), PLUGINS, '50 at least'),
  ].flat();
}

function print(machine: Record<string, string>, rows: readonly Row[], ratios: readonly Ratio[]) {
  if (values.json) {
    const all = { benchmark: 'instance', machine, rows, ratios, missing };
    process.stdout.write(`${JSON.stringify(all, null, 2)}\n`);
    return;
  }
  process.stdout.write(`${Object.values(machine).join(', ')}\n`);
  if (values.markdown) {
    process.stdout.write(`\n${renderRows(rows)}\n${renderRatios(ratios)}\n`);
  } else {
    console.table(rows);
    console.table(ratios);
  }
  for (const line of missing) process.stdout.write(`not measured: ${line}\n`);
}

function main(): void {
  if (process.getuid?.() !== 0) fail('needs root, for private namespaces');
  if (!hasProgram('ip')) fail('needs iproute2 (Debian: apt-get install iproute2)');
  mkdirSync(outputFolder, { recursive: true });
  const peer = findPeer();
  const counts = new Set(values.partitions.split(',').map(Number));
  if (peer !== undefined && values.upstream !== '0') counts.add(Number(values.upstream));
  const rows = [
    ...[...counts].flatMap((partitions) => measurePasses(partitions, peer)),
    ...measureSleeping(),
    ...measurePlugins(peer),
  ];
  const peers = peer === undefined ? {} : { upstream: `slapos.core ${peer.version}` };
  print(describeMachine(peers), rows, compareAll(rows));
}

try {
  main();
} catch (error) {
  fail(String(error));
}
