/** Runs commands under `fault_tracer.c`, which counts their system calls and makes one of them fail. */
import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, realpathSync, rmSync } from 'node:fs';
import { constants, tmpdir } from 'node:os';
import { join } from 'node:path';
import { packageRoot } from '../../src/host/package/package-files.ts';

/** A system call of a program by its name, what it works on, and which of several alike. */
export interface CallPoint {
  readonly call: string;
  readonly target: string;
  readonly occurrence: number;
}

export interface Fault {
  /** `a|b` for several calls, a last `*` for the rest of a name. */
  readonly call: string;
  readonly target: string;
  /** A number, `3+` from the third on, `*` for each; `@3` counts whatever the calls work on. */
  readonly occurrence: number | string;
  /** Name of an errno, `kill`, `short` or `delay:MS`. */
  readonly action: string;
  /** Whose calls these are, by the suffixes of the programs; Node and the keeper by default. */
  readonly programs?: readonly string[];
}

export interface TracedRun {
  readonly status: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly output: string;
  readonly ms: number;
  /** In the order of the kernel. */
  readonly calls: readonly CallPoint[];
  /** Those that were made to fail. */
  readonly hit: readonly CallPoint[];
}

export interface TraceOptions {
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** The first call on a path that begins so is the first that counts. */
  readonly begin: string;
  readonly faults?: readonly Fault[];
  /** The command is killed after so long: a hang. */
  readonly timeoutMs: number;
  /** Is told when the command runs, with a way to kill it and to know whether it has ended. */
  readonly onStart?: (kill: (signal: NodeJS.Signals) => void, isOver: () => boolean) => void;
}

/** The program itself and what Node reads for itself. */
const OWN_FILES = [
  packageRoot(),
  realpathSync(join(packageRoot(), 'node_modules')),
  '/usr',
  '/lib',
  '/etc/ssl',
  '/proc/self/maps',
  '/proc/meminfo',
];
const PROGRAMS = ['/node', '/slapos-supervisord'];

/** A command line of `slapos`; what it does before it reads its configuration does not count. */
export function slaposCommand(configuration: string, ...words: readonly string[]) {
  return {
    argv: [
      process.execPath,
      join(packageRoot(), 'bin', 'slapos'),
      ...words,
      '--cfg',
      configuration,
    ],
    env: { PATH: process.env['PATH'] ?? '', LANG: 'C', UV_USE_IO_URING: '0' },
    begin: configuration,
  };
}

/** Compiles the tracer into a folder of its own. */
export function buildTracer(): { readonly program: string; remove(): void } {
  const folder = mkdtempSync(join(tmpdir(), 'fault-tracer-'));
  const program = join(folder, 'fault-tracer');
  const source = join(packageRoot(), 'test', 'support', 'fault_tracer.c');
  execFileSync('cc', ['-O2', '-Wall', '-Werror', '-o', program, source, '-lpthread']);
  return { program, remove: () => rmSync(folder, { recursive: true }) };
}

/** Runs a command to its end, or for so long. */
export async function runTraced(tracer: string, options: TraceOptions): Promise<TracedRun> {
  const folder = mkdtempSync(join(tmpdir(), 'fault-log-'));
  const log = join(folder, 'log');
  const { argv, begin, cwd = '/', env, faults = [], timeoutMs } = options;
  const programs = faults[0]?.programs ?? PROGRAMS;
  const words = [
    ...OWN_FILES.flatMap((path) => ['-x', path]),
    ...programs.flatMap((suffix) => ['-e', suffix]),
    ...faults.flatMap((fault) => ['-f', encodeFault(fault)]),
    // Others than the program itself do not read what its own calls begin with.
    ...(faults[0]?.programs === undefined ? ['-b', begin] : []),
    ...['-l', log, '--', ...argv],
  ];
  const started = performance.now();
  // A group of its own: what hangs is killed with all that it has started.
  const child = spawn(tracer, words, {
    cwd,
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
  }
  const kill = (signal: NodeJS.Signals) => killGroup(child.pid ?? 0, signal);
  const timer = setTimeout(kill, timeoutMs, 'SIGKILL');
  options.onStart?.(kill, () => child.exitCode !== null || child.signalCode !== null);
  const ended = await new Promise<{ status: number | null; signal: NodeJS.Signals | null }>(
    (resolve, reject) => {
      child.on('error', reject);
      child.on('exit', (status, signal) => setImmediate(() => resolve({ status, signal })));
    },
  );
  clearTimeout(timer);
  const ms = performance.now() - started;
  const lines = readFileSync(log, 'utf8').split('\n').slice(0, -1);
  rmSync(folder, { recursive: true });
  const hit = lines.filter((line) => line.startsWith('fault\t')).map((line) => line.slice(6));
  return {
    ...ended,
    ms,
    output,
    calls: lines.map((line) => decodePoint(line.replace(/^fault\t/, ''))),
    hit: hit.map(decodePoint),
  };
}

function killGroup(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-pid, signal);
  } catch {
    // It has ended.
  }
}

function decodePoint(line: string): CallPoint {
  const [call = '', target = '', occurrence = ''] = line.split('\t');
  return { call, target, occurrence: Number(occurrence) };
}

function encodeFault({ call, target, occurrence, action }: Fault): string {
  const errno = (constants.errno as Readonly<Record<string, number>>)[action];
  return [call, target, occurrence, errno ?? action].join('\t');
}

export function describeFault({ call, target, occurrence, action }: Fault): string {
  return `${action} at ${call} ${target} ${occurrence}`;
}
