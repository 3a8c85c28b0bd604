/**
 * `node format` for real, and in the same run what it is measured against: its kernel work against
 * a plain C loop with the same operations (bench/native/format-floor.c), whole processes against
 * `ip -batch` with systemd-sysusers, one `ip` process an operation, and upstream with its sleeps
 * removed where SLAPOS_PEER_PYTHON names a Python that has it. Each in fresh namespaces.
 *
 *     npm run bench -- format [--json|--markdown] [--partitions 100,300,500] [--runs 3] [--upstream 300]
 *                             [--kernel-only]
 *
 * Duplicate address detection is off (accept_dad = 0) but in the rows that say otherwise: on a link
 * with carrier it adds one wait of about 2 s, however many addresses there are.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import {
  duplicateDetectionScript,
  floorScript,
  kernelScript,
  peerScript,
  planScript,
  processScript,
  upstreamScript,
} from './support/format-scripts.ts';
import { renderForFloor, renderForIp } from './support/kernel-operations.ts';
import { renderRatios, renderRows } from './support/markdown.ts';
import { measureKernelWork, planSteps } from './support/measured-format.ts';
import {
  describeMachine,
  fail,
  firstLineOf,
  hasProgram,
  INSIDE,
  outputFolder,
  packageFolder,
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
    partitions: { type: 'string', default: '100,300,500' },
    runs: { type: 'string', default: '3' },
    /** Partitions that upstream formats, 0 for none. */
    upstream: { type: 'string', default: '0' },
    'kernel-only': { type: 'boolean', default: false },
    /** What this program is called with inside the namespaces. */
    steps: { type: 'string' },
    into: { type: 'string', default: '' },
    measure: { type: 'string' },
  },
});

/** One process an operation is only measured up to here: it takes 4 to 15 ms a partition. */
const MOST_FOR_ONE_EACH = 100;

const TITLES: Readonly<Record<string, string>> = {
  'node-e-0': 'node -e 0',
  first: 'first run',
  'nothing-to-do': 'nothing to do',
  'dry-run': 'dry run of nothing to do',
  'peak-memory': 'peak memory',
  'first-with-dad': 'first run with duplicate address detection',
  'dad-wait': 'of which waiting for it',
  sysusers: 'systemd-sysusers on /etc',
  'sysusers-other-tree': 'systemd-sysusers --root of another tree',
  'ip-batch': 'ip -batch, network only',
  'ip-one-each': 'one ip process an operation, network only',
  'upstream-first': 'upstream, first run without its sleeps',
  'upstream-nothing-to-do': 'upstream, nothing to do',
};

const KERNEL = 'kernel work of format';
const FLOOR = 'kernel work, C floor';

/** Why something is not in the table. */
const missing: string[] = [];

/** The floor, or undefined where no C compiler is. */
function compileFloor(): string | undefined {
  const source = join(packageFolder, 'bench/native/format-floor.c');
  if (!hasProgram('cc')) {
    missing.push('C floor: no cc (Debian: apt-get install gcc libc6-dev)');
    return undefined;
  }
  const program = join(outputFolder, 'format-floor');
  execFileSync('cc', ['-O2', '-Wall', '-Wextra', '-o', program, source], { stdio: 'inherit' });
  return `${INSIDE}/format-floor`;
}

interface Peers {
  readonly floor: string | undefined;
  readonly hasSysusers: boolean;
  /** Version of upstream, undefined without it. */
  readonly upstream: string | undefined;
}

function findPeers(): Peers {
  if (process.getuid?.() !== 0) fail('needs root, for private namespaces');
  if (!hasProgram('ip')) fail('needs iproute2 (Debian: apt-get install iproute2)');
  const hasSysusers = hasProgram('systemd-sysusers');
  if (!hasSysusers) missing.push('systemd-sysusers: not installed (Debian: package systemd)');
  return { floor: compileFloor(), hasSysusers, upstream: findUpstream() };
}

function findUpstream(): string | undefined {
  const python = process.env['SLAPOS_PEER_PYTHON'];
  if (python === undefined || values.upstream === '0') {
    const how = 'set SLAPOS_PEER_PYTHON to a Python that has slapos.core, and --upstream 300';
    missing.push(`upstream: not asked for (${how}; 66 s for 300 partitions)`);
    return undefined;
  }
  const code = 'from importlib.metadata import version; print(version("slapos.core"))';
  const { status, stdout } = spawnSync(python, ['-c', code], { encoding: 'utf8' });
  if (status === 0) return stdout.trim();
  missing.push(`upstream: ${python} has no slapos.core (pip install slapos.core)`);
  return undefined;
}

/** What a run left behind must be the same for all who claim to do the same. */
const states = new Map<number, { readonly state: string; readonly by: string }>();

function compareState(partitions: number, state: string, by: string): void {
  const known = states.get(partitions) ?? { state, by };
  states.set(partitions, known);
  if (known.state === state) return;
  fail(`${by} made another network of ${partitions} partitions than ${known.by}`);
}

function takeSamples(script: string, samples: Samples, partitions: number, by: string): void {
  for (const [name, value] of runScript(script)) {
    if (name === 'state') compareState(partitions, value, by);
    else if (name in TITLES) addSample(samples, TITLES[name] ?? '', Number(value));
  }
}

/** Phases of one run of the kernel's work. */
function takeKernelSamples(script: string, samples: Samples, partitions: number, by: string): void {
  for (const [name, value] of runScript(script)) {
    if (name === 'state') compareState(partitions, value, by);
    if (!name.startsWith('{')) continue;
    const { devicesMs, networkMs, cpuMs, dumpMs } = JSON.parse(name) as Record<string, number>;
    addSample(samples, by, Number(devicesMs) + Number(networkMs));
    addSample(samples, `${by}: devices`, Number(devicesMs));
    addSample(samples, `${by}: links, addresses, routes`, Number(networkMs));
    addSample(samples, `${by}: processor time`, Number(cpuMs));
    addSample(samples, `${by}: reading back`, Number(dumpMs));
  }
}

function measureKernel(
  partitions: number,
  floor: string | undefined,
  samples: Samples,
  run: number,
) {
  const program = `${INSIDE}/format.js`;
  const ours = () =>
    takeKernelSamples(kernelScript(partitions, program), samples, partitions, KERNEL);
  const theirs = () => {
    if (floor === undefined) return;
    const script = floorScript(partitions, floor, `${INSIDE}/floor-${partitions}.txt`);
    takeKernelSamples(script, samples, partitions, FLOOR);
  };
  // In turns, so that neither always comes first.
  for (const measure of run % 2 === 0 ? [ours, theirs] : [theirs, ours]) measure();
}

function measureProcesses(partitions: number, peers: Peers, samples: Samples): void {
  takeSamples(processScript(partitions), samples, partitions, 'node format');
  takeSamples(duplicateDetectionScript(partitions), samples, partitions, 'node format');
  const files = {
    ip: `${INSIDE}/ip-${partitions}.txt`,
    hasSysusers: peers.hasSysusers,
    hasOneEach: partitions <= MOST_FOR_ONE_EACH,
  };
  takeSamples(peerScript(partitions, files), samples, partitions, 'ip -batch');
}

function measure(partitions: number, peers: Peers): Row[] {
  const program = `${INSIDE}/format.js`;
  runScript(planScript(partitions, program, `${INSIDE}`));
  const samples: Samples = new Map();
  for (let run = 0; run < Number(values.runs); run += 1) {
    measureKernel(partitions, peers.floor, samples, run);
    if (!values['kernel-only']) measureProcesses(partitions, peers, samples);
  }
  return summarise(samples, partitions);
}

function measureUpstream(partitions: number): Row[] {
  const samples: Samples = new Map();
  try {
    takeSamples(upstreamScript(partitions), samples, partitions, 'upstream');
  } catch (error) {
    missing.push(`upstream: ${error}`);
  }
  return summarise(samples, partitions);
}

function compareAll(rows: readonly Row[], partitions: number): Ratio[] {
  const title = (name: string) => TITLES[name] ?? '';
  const ratio = (what: string, over: string[], under: string[], wanted: string) =>
    compareRows(rows, partitions, { what, over, under }, wanted);
  const network = title('ip-batch');
  return [
    ratio('kernel work / C floor', [KERNEL], [FLOOR], '1.5 at most'),
    ratio(
      'kernel work / C floor, processor time',
      [`${KERNEL}: processor time`],
      [`${FLOOR}: processor time`],
      '',
    ),
    ratio(
      'first run / ip -batch + systemd-sysusers',
      [title('first')],
      [network, title('sysusers')],
      'less than 1',
    ),
    ratio('ip -batch / kernel work', [network], [KERNEL], ''),
    ratio('one ip process an operation / kernel work', [title('ip-one-each')], [KERNEL], ''),
    ratio(
      'upstream / first run',
      [title('upstream-first')],
      [title('first')],
      '200 at least at 300',
    ),
    ratio(
      'upstream / nothing to do',
      [title('upstream-nothing-to-do')],
      [title('nothing-to-do')],
      '',
    ),
  ].filter((one) => one !== undefined);
}

function describePeers(peers: Peers): Record<string, string> {
  return {
    iproute2: firstLineOf('ip', '-V'),
    ...(peers.hasSysusers ? { systemd: firstLineOf('systemd-sysusers', '--version') } : {}),
    ...(peers.upstream === undefined ? {} : { upstream: `slapos.core ${peers.upstream}` }),
  };
}

function print(machine: Record<string, string>, rows: readonly Row[], ratios: readonly Ratio[]) {
  if (values.json) {
    const all = { benchmark: 'format', machine, rows, ratios, missing };
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
  mkdirSync(outputFolder, { recursive: true });
  const peers = findPeers();
  const counts = values.partitions.split(',').map(Number);
  const rows = counts.flatMap((partitions) => measure(partitions, peers));
  const last = Number(values.upstream);
  if (peers.upstream !== undefined) rows.push(...measureUpstream(last));
  const ratios = [...new Set(counts)].flatMap((partitions) => compareAll(rows, partitions));
  print(describeMachine(describePeers(peers)), rows, ratios);
}

async function writeSteps(configPath: string, into: string): Promise<void> {
  const steps = await planSteps(configPath);
  const count = steps.filter(({ kind }) => kind === 'deviceCreate').length;
  writeFileSync(join(into, `floor-${count}.txt`), renderForFloor(steps));
  writeFileSync(join(into, `ip-${count}.txt`), renderForIp(steps));
}

async function printKernelTimes(configPath: string): Promise<void> {
  process.stdout.write(`${JSON.stringify(await measureKernelWork(configPath))}\n`);
}

if (values.steps !== undefined) void writeSteps(values.steps, values.into);
else if (values.measure !== undefined) void printKernelTimes(values.measure);
else {
  try {
    main();
  } catch (error) {
    fail(String(error));
  }
}
