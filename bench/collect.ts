/**
 * One sample of all processes: ours through both readers, JavaScript included; plain C loops that do
 * the same; ours up to the rows of the database; the loop over psutil that upstream runs, and the
 * list of npm's systeminformation, in the same run.
 *
 *     npm run bench -- collect [--json] [--processes 500,2000] [--runs 21] [--python /path/python3] [--peers DIR]
 *
 * The processes sleep, under 100 users when root, else under the caller. psutil is left out where
 * the Python given (or SLAPOS_PEER_PYTHON, or python3) does not have it, systeminformation without a
 * folder into which `npm install --prefix DIR systeminformation` put it.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { cpus, release, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { processRows } from '../src/collect/process-values.ts';
import { decodeReadings } from '../src/collect/sampler.ts';
import { errorMessage } from '../src/errors/slapos-error.ts';
import { packageRoot } from '../src/host/package/package-files.ts';
import type { ProcTable } from '../src/host/proc.ts';
import { openProcessReader, type ProcessReader } from '../src/host/process/process-reader.ts';

const { values } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    processes: { type: 'string', default: '500,2000,5000' },
    runs: { type: 'string', default: '21' },
    python: { type: 'string', default: process.env['SLAPOS_PEER_PYTHON'] ?? 'python3' },
    /** Folder with the node_modules of systeminformation. */
    peers: { type: 'string' },
  },
});

interface Row {
  readonly what: string;
  readonly processes: number;
  readonly minMs: number;
  readonly medianMs: number;
  readonly maxMs: number;
}

const RUNS = Number(values.runs);
const WARM_UP_RUNS = 3;
const UID_COUNT = 100;
const isRoot = process.getuid?.() === 0;
/** Far from the users of a real host. */
const FIRST_UID = isRoot ? 1_800_000_000 : (process.getuid?.() ?? 0);
const uids = Array.from({ length: isRoot ? UID_COUNT : 1 }, (_, index) => FIRST_UID + index);

/** The fields that upstream takes of each process, by the same calls. */
const PSUTIL_LOOP = `
import sys, time, json, psutil
first, count, runs = map(int, sys.argv[1:4])
times = []
for _ in range(runs):
    # Upstream starts anew for each sample: nothing is remembered of the processes.
    getattr(psutil.process_iter, 'cache_clear', lambda: None)()
    start = time.perf_counter(); seen = 0
    for process in psutil.process_iter():
        try:
            if not first <= process.uids().real < first + count: continue
            process.username(); process.create_time(); process.cpu_percent(None); process.cpu_times()
            process.num_threads(); process.memory_percent(); process.memory_info()
            process.io_counters(); seen += 1
        except psutil.NoSuchProcess: pass
    times.append((time.perf_counter() - start) * 1000)
print(json.dumps([seen, times]))
`;

function summarise(what: string, processes: number, timesMs: readonly number[]): Row {
  const sorted = [...timesMs].sort((a, b) => a - b);
  const at = (index: number) => sorted[index] ?? Number.NaN;
  const [minMs, medianMs] = [at(0), at(Math.floor(sorted.length / 2))];
  return { what, processes, minMs, medianMs, maxMs: at(sorted.length - 1) };
}

/** Compiles a program of bench/native. */
function build(folder: string, name: string, flags: readonly string[] = []): string {
  const program = join(folder, name);
  const source = join(packageRoot(), 'bench', 'native', `${name}.c`);
  const args = ['-O2', '-o', program, source, `-I${join(packageRoot(), 'native')}`, ...flags];
  const built = spawnSync('cc', args, { encoding: 'utf8' });
  if (built.status !== 0) throw new Error(`cc: ${built.stderr || built.error}`);
  return program;
}

async function startSleepers(program: string, count: number): Promise<ChildProcess> {
  const first = isRoot ? FIRST_UID : 0;
  const child = spawn(program, [String(count), String(UID_COUNT), String(first)], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  await once(child.stdout, 'data');
  return child;
}

/** Something that samples once and says how many processes it saw and how long it took. */
interface Contender {
  readonly what: string;
  readonly sample: () => Promise<{ readonly seen: number; readonly ms: number }>;
}

function ours(what: string, sample: () => Promise<number>): Contender {
  return {
    what,
    sample: async () => {
      const start = performance.now();
      const seen = await sample();
      return { seen, ms: performance.now() - start };
    },
  };
}

/** All contenders in turns, so that whatever the machine does meanwhile meets all of them. */
async function timeInTurns(contenders: readonly Contender[], count: number): Promise<Row[]> {
  const timesMs = contenders.map((): number[] => []);
  for (let run = -WARM_UP_RUNS; run < RUNS; run += 1) {
    for (const [index, { what, sample }] of contenders.entries()) {
      const { seen, ms } = await sample();
      if (seen < count) throw new Error(`${what}: saw ${seen} of ${count} processes`);
      if (run >= 0) timesMs[index]?.push(ms);
    }
  }
  return contenders.map(({ what }, index) => summarise(what, count, timesMs[index] ?? []));
}

function toRows(table: ProcTable): number {
  const scan = { monotonicMs: 0, readings: decodeReadings(table) };
  const userNames = new Map(uids.map((uid) => [uid, `slapuser${uid}`]));
  const scale = { ticksPerSecond: 100, bootTimeS: 0, memoryTotalBytes: 1, userNames };
  return processRows(scan, { ...scan, monotonicMs: 5000 }, scale).length;
}

function contendersOf(reader: ProcessReader): Contender[] {
  const { kind } = reader;
  const all = async () => (await reader.observe()).length;
  const wanted = async () => (await reader.observe(uids)).length;
  const rows = async () => toRows(await reader.observe(uids));
  return [
    ours(`${kind}: every process`, all),
    ours(`${kind}: those of 100 users`, wanted),
    ours(`${kind}: those, and rows`, rows),
  ];
}

/** The C loop: takes a sample for each line it reads, and says in one how it went. */
class Floor {
  readonly #child: ChildProcess;
  readonly #lines: AsyncIterator<string>;
  readonly contender: Contender;

  constructor(program: string, kind: string) {
    const object = join(packageRoot(), 'build', 'Release', 'slapos_task_iter.bpf.o');
    const child = spawn(program, [kind, object], { stdio: ['pipe', 'pipe', 'inherit'] });
    this.#child = child;
    this.#lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    this.contender = { what: `${kind}: a C loop`, sample: () => this.#sample() };
  }

  async #sample(): Promise<{ seen: number; ms: number }> {
    this.#child.stdin?.write('\n');
    const { value, done } = await this.#lines.next();
    if (done === true) throw new Error(`${this.contender.what} ended`);
    return JSON.parse(value) as { seen: number; ms: number };
  }

  close(): void {
    this.#child.stdin?.end();
  }
}

function timePsutil(count: number): Row | undefined {
  const args = ['-c', PSUTIL_LOOP, String(FIRST_UID), String(uids.length), String(RUNS)];
  const run = spawnSync(values.python, args, { encoding: 'utf8' });
  if (run.status !== 0) {
    tellOnce(`psutil is left out: ${values.python} does not have it (--python)`);
    return undefined;
  }
  const [seen, timesMs] = JSON.parse(run.stdout) as [number, number[]];
  if (seen < count) throw new Error(`psutil saw ${seen} of ${count} processes`);
  return summarise('loop over psutil', count, timesMs);
}

/** It answers from memory what is asked again within half a second. */
const PEER_REMEMBERS_MS = 600;

/** The part of systeminformation that lists processes, which it has ps(1) do. */
interface SystemInformation {
  processes(): Promise<{ readonly list: readonly unknown[] }>;
}

function loadSystemInformation(): SystemInformation | undefined {
  const { peers } = values;
  if (peers === undefined) {
    tellOnce('systeminformation is left out: no folder that has it was given (--peers)');
    return undefined;
  }
  try {
    return createRequire(join(resolve(peers), 'index.js'))('systeminformation');
  } catch (error) {
    tellOnce(`systeminformation is left out: ${errorMessage(error).split('\n')[0]}`);
    return undefined;
  }
}

async function timeSystemInformation(count: number): Promise<Row | undefined> {
  const peer = loadSystemInformation();
  if (peer === undefined) return undefined;
  const list = ours('npm systeminformation', async () => (await peer.processes()).list.length);
  const sample = async () => {
    await sleep(PEER_REMEMBERS_MS);
    return list.sample();
  };
  return (await timeInTurns([{ ...list, sample }], count))[0];
}

const told = new Set<string>();

function tellOnce(line: string): void {
  if (!told.has(line)) process.stderr.write(`${line}\n`);
  told.add(line);
}

interface Programs {
  readonly sleepers: string;
  readonly floor: string;
}

async function measure(
  { sleepers: program, floor }: Programs,
  readers: readonly ProcessReader[],
  count: number,
): Promise<Row[]> {
  const sleepers = await startSleepers(program, count);
  try {
    const rows: Row[] = [];
    for (const reader of readers) {
      const loop = new Floor(floor, reader.kind);
      rows.push(...(await timeInTurns([loop.contender, ...contendersOf(reader)], count)));
      loop.close();
    }
    const peers = [timePsutil(count), await timeSystemInformation(count)];
    return [...rows, ...peers.filter((row) => row !== undefined)];
  } finally {
    const ended = once(sleepers, 'exit');
    sleepers.stdin?.end();
    await ended;
  }
}

async function openReaders(): Promise<ProcessReader[]> {
  const best = await openProcessReader();
  if (best.kind === 'procfs') process.stderr.write(`no BPF reader: ${best.reason}\n`);
  const procfs = await openProcessReader({ kind: 'procfs' });
  return best.kind === 'bpf' ? [best, procfs] : [procfs];
}

function renderTable(rows: readonly Row[]): string {
  const lines = rows.map((row) => {
    const times = [row.minMs, row.medianMs, row.maxMs].map((ms) => ms.toFixed(2).padStart(9));
    return `${row.what.padEnd(28)}${String(row.processes).padStart(10)}${times.join('')}`;
  });
  const title = `${'ms of wall time'.padEnd(28)}${'processes'.padStart(10)}${['min', 'median', 'max'].map((name) => name.padStart(9)).join('')}`;
  return [title, ...lines, ''].join('\n');
}

async function main(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'slapos-bench-'));
  try {
    const readers = await openReaders();
    const bpfFlags = readers.some(({ kind }) => kind === 'bpf') ? ['-DHAS_BPF', '-lbpf'] : [];
    const programs = {
      sleepers: build(folder, 'sleepers'),
      floor: build(folder, 'proc-floor', bpfFlags),
    };
    const rows: Row[] = [];
    for (const count of values.processes.split(',').map(Number)) {
      rows.push(...(await measure(programs, readers, count)));
    }
    const machine = { cpus: cpus().length, model: cpus()[0]?.model, kernel: release() };
    const facts = { ...machine, node: process.version, runs: RUNS };
    const text = values.json
      ? `${JSON.stringify({ benchmark: 'collect', ...facts, rows }, null, 2)}\n`
      : `${Object.entries(facts)
          .map(([key, value]) => `${key} ${value}`)
          .join(', ')}\n${renderTable(rows)}`;
    process.stdout.write(text);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

void main();
