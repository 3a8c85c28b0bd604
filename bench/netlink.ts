/**
 * Kernel work of `node format` through our Host port, against a plain C loop that makes the same
 * system calls (bench/native/format-floor.c), alternately and each in fresh namespaces.
 *   npm run bench -- netlink [--json] [--rounds N] [PARTITIONS...]
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { cpus, release } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { createHost } from '../src/host/create-host.ts';
import { packageRoot } from '../src/host/native.ts';
import { LINK_GROUP_SLAPOS, type NetlinkOperation } from '../src/host/native-network.ts';

interface Sample {
  readonly tapsMs: number;
  readonly networkMs: number;
  readonly dumpMs: number;
}
type Phase = keyof Sample | 'changesMs';
const PHASES: readonly Phase[] = ['tapsMs', 'networkMs', 'changesMs', 'dumpMs'];
const RATIO_LIMIT = 1.5;

function phaseMs(sample: Sample, phase: Phase): number {
  return phase === 'changesMs' ? sample.tapsMs + sample.networkMs : sample[phase];
}

const range = (group: number, tail: string) => `2001:db8:aaaa:${group.toString(16)}${tail}`;

/** What the C program does, in the same order. */
function operationsFor(count: number): NetlinkOperation[] {
  const all = Array.from({ length: count }, (_, i) => i);
  const nodad = { op: 'addrAdd', isNodad: true } as const;
  const route = { op: 'routeAdd', family: 6 } as const;
  return [
    ...all.map(
      (i) => ({ op: 'linkSet', dev: `slaptap${i}`, isUp: true, group: LINK_GROUP_SLAPOS }) as const,
    ),
    ...all.map((i) => ({
      ...nodad,
      dev: `slaptap${i}`,
      address: range(0x8001 + i, ':ffff:ffff:ffff:ffff'),
      prefixLength: 64,
      isNoPrefixRoute: true,
    })),
    ...all.map(
      (i) =>
        ({
          op: 'addrAdd',
          dev: 'slapbr0',
          address: `10.0.${i >> 8}.${i & 255}`,
          prefixLength: 32,
        }) as const,
    ),
    ...all.map((i) => ({
      ...nodad,
      dev: 'slapbr0',
      address: `2001:db8:aaaa::${(i + 2).toString(16)}`,
      prefixLength: 48,
    })),
    ...all.flatMap((i) => [
      { ...route, dev: `slaptap${i}`, destination: range(0x8001 + i, '::1'), prefixLength: 128 },
      {
        ...route,
        dev: `slaptap${i}`,
        destination: range(0x8001 + i, '::'),
        prefixLength: 64,
        gateway: range(0x8001 + i, '::1'),
      },
      {
        ...route,
        dev: 'lo',
        destination: range(0x4001 + i, '::'),
        prefixLength: 64,
        table: 255,
        type: 2,
      },
    ]),
    { op: 'linkSet', dev: 'slapbr0', isUp: true },
  ];
}

function refuseErrors(results: ReadonlyArray<{ readonly error: Error | undefined }>): void {
  for (const { error } of results) if (error !== undefined) throw error;
}

async function measureOnce(count: number): Promise<Sample> {
  const { network, taps } = createHost();
  const operations = operationsFor(count);
  const devices = Array.from({ length: count }, (_, i) => ({
    name: `slaptap${i}`,
    mode: 'tap' as const,
    ownerUid: 30_000 + i,
  }));
  refuseErrors(await network.apply([{ op: 'linkAdd', dev: 'slapbr0', kind: 'bridge' }]));
  const start = performance.now();
  refuseErrors(await taps.create(devices));
  const created = performance.now();
  refuseErrors(await network.apply(operations));
  const applied = performance.now();
  await network.dump();
  const dumped = performance.now();
  refuseErrors(await network.apply([{ op: 'linkDelGroup', group: LINK_GROUP_SLAPOS }]));
  return { tapsMs: created - start, networkMs: applied - created, dumpMs: dumped - applied };
}

function runInNamespace(command: readonly string[]): Sample {
  const script = join(packageRoot(), 'scripts', 'in-namespace.sh');
  return JSON.parse(execFileSync(script, [...command], { encoding: 'utf8' })) as Sample;
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

function summarise(count: number, ours: readonly Sample[], floor: readonly Sample[]) {
  return PHASES.map((phase) => {
    const mine = ours.map((sample) => phaseMs(sample, phase));
    const theirs = floor.map((sample) => phaseMs(sample, phase));
    return {
      partitions: count,
      phase,
      oursMinMs: Math.min(...mine),
      oursMedianMs: median(mine),
      oursMaxMs: Math.max(...mine),
      floorMinMs: Math.min(...theirs),
      floorMedianMs: median(theirs),
      ratioOfMinima: Math.min(...mine) / Math.min(...theirs),
    };
  });
}

function compileFloor(): string {
  const folder = join(packageRoot(), 'build', 'bench');
  mkdirSync(folder, { recursive: true });
  const program = join(folder, 'format-floor');
  const source = join(packageRoot(), 'bench', 'native', 'format-floor.c');
  execFileSync('cc', ['-O2', '-Wall', '-Wextra', '-o', program, source], { stdio: 'inherit' });
  return program;
}

function compare(counts: readonly number[], rounds: number) {
  const floorProgram = compileFloor();
  const self = process.argv[1] ?? '';
  return counts.flatMap((count) => {
    const ours: Sample[] = [];
    const floor: Sample[] = [];
    for (let round = 0; round < rounds; round += 1) {
      floor.push(runInNamespace([floorProgram, String(count)]));
      ours.push(runInNamespace([process.execPath, self, '--once', String(count)]));
    }
    return summarise(count, ours, floor);
  });
}

function print(rows: ReturnType<typeof compare>, machine: Record<string, unknown>): void {
  process.stdout.write(`${Object.values(machine).join(', ')}; ms, fresh namespaces\n`);
  const table = rows.map((row) =>
    Object.fromEntries(
      Object.entries(row).map(([key, value]) => [
        key,
        typeof value === 'number' ? Math.round(value * 100) / 100 : value,
      ]),
    ),
  );
  console.table(table);
  process.stdout.write(
    `changes (taps and network) should stay within ${RATIO_LIMIT} of the C loop\n`,
  );
}

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      json: { type: 'boolean', default: false },
      once: { type: 'boolean', default: false },
      rounds: { type: 'string', default: '5' },
    },
  });
  const counts = positionals.length > 0 ? positionals.map(Number) : [100, 300, 1000];
  if (values.once) {
    process.stdout.write(JSON.stringify(await measureOnce(counts[0] ?? 100)));
    return;
  }
  const rows = compare(counts, Number(values.rounds));
  const machine = { cpu: cpus()[0]?.model ?? '', kernel: release(), node: process.version };
  if (values.json) process.stdout.write(`${JSON.stringify({ machine, rows }, null, 2)}\n`);
  else print(rows, machine);
}

void main();
