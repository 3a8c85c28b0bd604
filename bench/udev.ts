/**
 * What systemd-udevd adds to new taps, with the rules of the distribution and with the one rule of
 * `node format --install-udev-rule`. Where udev is not installed, Debian's packages are unpacked
 * into build/ and used in private namespaces only.
 *
 *     npm run bench -- udev [--json] [--taps 200] [--runs 3]
 *
 * Creating a tap and udevd's work for it compete for the processors and for one lock of the kernel,
 * so the time depends on the machine far more than that of other benchmarks.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import {
  describeMachine,
  fail,
  hasProgram,
  INSIDE,
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
import { udevScript } from './support/udev-script.ts';

const { values } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    taps: { type: 'string', default: '200' },
    runs: { type: 'string', default: '3' },
  },
});

const MODES: Readonly<Record<string, string>> = {
  'no-udevd': 'no udevd',
  'default-rules': 'default rules',
  'with-rule': 'with our rule',
};
const FIGURES: Readonly<Record<string, string>> = {
  created: 'taps created',
  whole: 'whole run of node format',
  settled: 'udevd idle after the run',
  'udevd-cpu': 'CPU of udevd and its programs',
  'machine-cpu': 'CPU of the whole machine until then',
  processes: 'processes started',
  warnings: 'lines that udevd wrote',
};
const UNITS: Readonly<Record<string, Row['unit']>> = {
  [FIGURES['processes'] ?? '']: 'count',
  [FIGURES['warnings'] ?? '']: 'count',
};
/** What udevd and the program that its rules start need. */
const PACKAGES = ['udev', 'systemd', 'libsystemd-shared', 'libkmod2'];

/** Folder of udevd as seen inside the namespaces, '' where it is installed. */
function findUdevd(): string {
  if (hasProgram('udevadm') && existsSync('/lib/systemd/systemd-udevd')) return '';
  const folder = join(outputFolder, 'udev');
  if (!existsSync(join(folder, 'bin', 'udevadm'))) unpackUdevd(folder);
  return `${INSIDE}/udev`;
}

function unpackUdevd(folder: string): void {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  // The sandbox user of apt cannot write here.
  const options = ['-q', '-o', 'APT::Sandbox::User=root'];
  const got = spawnSync('apt-get', [...options, 'download', ...PACKAGES], { cwd: folder });
  const packages = readdirSync(folder).filter((file) => file.endsWith('.deb'));
  if (got.status !== 0 || packages.length !== PACKAGES.length) {
    fail('udev is not installed and apt-get cannot download it (run apt-get update first)');
  }
  for (const file of packages) {
    const { status } = spawnSync('dpkg-deb', ['-x', file, '.'], { cwd: folder });
    if (status !== 0) fail(`${file} could not be unpacked`);
    rmSync(join(folder, file));
  }
}

function measure(taps: number): Row[] {
  const samples: Samples = new Map();
  const script = udevScript({ folder: findUdevd(), taps, runs: Number(values.runs) });
  for (const [name, value] of runScript(script)) {
    const [mode = '', figure = ''] = name.split('/');
    if (!(mode in MODES)) continue;
    addSample(samples, `${MODES[mode]}: ${FIGURES[figure]}`, Number(value));
  }
  const order = (row: Row) => Object.values(FIGURES).indexOf(row.what.split(': ')[1] ?? '');
  return summarise(samples, taps)
    .map((row) => ({ ...row, unit: UNITS[row.what.split(': ')[1] ?? ''] ?? row.unit }))
    .toSorted((a, b) => order(a) - order(b));
}

function compareAll(rows: readonly Row[], taps: number): Ratio[] {
  const { created, whole } = FIGURES;
  return [created, whole].flatMap((figure) => {
    const names = {
      what: `${figure}: default rules / with our rule`,
      over: [`${MODES['default-rules']}: ${figure}`],
      under: [`${MODES['with-rule']}: ${figure}`],
    };
    return (
      compareRows(rows, taps, names, figure === created ? 'from over 1 s to under 0.2 s' : '') ?? []
    );
  });
}

function main(): void {
  if (process.getuid?.() !== 0) fail('needs root, for private namespaces');
  mkdirSync(outputFolder, { recursive: true });
  const rows = measure(Number(values.taps));
  const ratios = compareAll(rows, Number(values.taps));
  const machine = describeMachine({});
  if (values.json) {
    process.stdout.write(
      `${JSON.stringify({ benchmark: 'udev', machine, rows, ratios }, null, 2)}\n`,
    );
    return;
  }
  process.stdout.write(`${Object.values(machine).join(', ')}\n`);
  console.table(rows);
  console.table(ratios);
}

try {
  main();
} catch (error) {
  fail(String(error));
}
