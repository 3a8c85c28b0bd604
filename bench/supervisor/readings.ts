/** What the benchmark reads of processes, and how figures are summed up. */
import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

export interface Figure {
  readonly what: string;
  readonly who: string;
  readonly services: number;
  readonly unit: string;
  readonly min: number;
  readonly median: number;
  readonly max: number;
}

export interface Label {
  readonly what: string;
  readonly who: string;
  readonly services: number;
  readonly unit: string;
}

/** Smallest, middle and largest of several runs. */
export function sumUp(label: Label, values: readonly number[]): Figure {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (index: number) => sorted[index] ?? Number.NaN;
  return {
    ...label,
    min: at(0),
    median: at(Math.floor(sorted.length / 2)),
    max: at(sorted.length - 1),
  };
}

export async function timed(run: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await run();
  return performance.now() - start;
}

function readProc(path: string): string | undefined {
  try {
    return readFileSync(`/proc/${path}`, 'latin1');
  } catch {
    return undefined; // It ended.
  }
}

/** True while it runs; a zombie has ended. */
export function isAlive(pid: number): boolean {
  const text = readProc(`${pid}/stat`);
  return text !== undefined && !/\) [ZX] /.test(text);
}

/** Time on a processor so far, of all threads, in nanoseconds (/proc/PID/task/TID/schedstat). */
function cpuNs(pid: number): number {
  let total = 0;
  let threads: string[] = [];
  try {
    threads = readdirSync(`/proc/${pid}/task`);
  } catch {
    return 0;
  }
  for (const tid of threads) {
    total += Number(readProc(`${pid}/task/${tid}/schedstat`)?.split(' ')[0] ?? 0);
  }
  return total;
}

/** Time on a processor so far, of these processes together, in milliseconds. */
export function cpuMs(pids: readonly number[]): number {
  return pids.reduce((total, pid) => total + cpuNs(pid), 0) / 1e6;
}

/** Percent of one processor that these processes use together. */
export async function cpuPercent(pids: readonly number[], seconds: number): Promise<number> {
  const before = cpuMs(pids);
  const startMs = performance.now();
  await sleep(seconds * 1000);
  return ((cpuMs(pids) - before) / (performance.now() - startMs)) * 100;
}

/** Resident memory of these processes together, in MB: each page counted once per process. */
export function rssMb(pids: readonly number[]): number {
  const sizes = pids.map((pid) => {
    return Number(/^VmRSS:\s+(\d+)/m.exec(readProc(`${pid}/status`) ?? '')?.[1] ?? 0);
  });
  return sizes.reduce((a, b) => a + b, 0) / 1024;
}

/** Proportional share of memory of these processes together, in MB. */
export function pssMb(pids: readonly number[]): number {
  const sizes = pids.map((pid) => {
    return Number(/^Pss:\s+(\d+)/m.exec(readProc(`${pid}/smaps_rollup`) ?? '')?.[1] ?? 0);
  });
  return sizes.reduce((a, b) => a + b, 0) / 1024;
}

/** Pids whose name (comm) or command line satisfies a condition. */
export function findProcesses(
  isWanted: (name: string, args: readonly string[]) => boolean,
): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => {
      const name = readProc(`${pid}/comm`)?.trim();
      if (name === undefined || !isAlive(pid)) return false;
      return isWanted(name, (readProc(`${pid}/cmdline`) ?? '').split('\0'));
    });
}

export async function until(isDone: () => boolean, what: string, limitMs = 120_000): Promise<void> {
  const deadline = performance.now() + limitMs;
  while (!isDone()) {
    if (performance.now() > deadline) throw new Error(`timed out waiting for ${what}`);
    await sleep(1);
  }
}
