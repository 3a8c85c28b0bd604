/** The values of tables `system` and `computer` from the text of /proc (spec/collect.md 5.2, 5.3). */
import { pythonRound } from '../model/python-number.ts';
import type { NetworkTotals } from './sample.ts';

/** The `cpu` line of proc_stat(5) without guest time, which user and nice hold already. */
export interface CpuTicks {
  readonly idle: number;
  /** user, nice, system, idle, iowait, irq, softirq, steal */
  readonly fields: readonly number[];
}

export interface StatFacts {
  readonly cpu: CpuTicks;
  /** Online logical CPUs. */
  readonly coreCount: number;
  /** Boot time in seconds since the epoch. */
  readonly bootTimeS: number;
}

/** Parses /proc/stat. Throws an Error when it holds no `cpu` line. */
export function parseStat(text: string): StatFacts {
  const lines = text.split('\n');
  const total = lines.find((line) => line.startsWith('cpu '));
  if (total === undefined) throw new Error('/proc/stat has no line for all CPUs');
  const fields = total.trim().split(/\s+/).slice(1, 9).map(Number);
  const bootLine = lines.find((line) => line.startsWith('btime '));
  return {
    cpu: { idle: fields[3] ?? 0, fields },
    coreCount: lines.filter((line) => /^cpu\d/.test(line)).length,
    bootTimeS: Number(bootLine?.slice('btime '.length) ?? 0),
  };
}

/** CPU use of the host between two readings: 100 minus the rounded idle share, as it comes. */
export function systemCpuPercent(
  first: CpuTicks,
  second: CpuTicks,
  ticksPerSecond: number,
): number {
  const deltas = second.fields.map((ticks, index) =>
    Math.max(0, ticks / ticksPerSecond - (first.fields[index] ?? 0) / ticksPerSecond),
  );
  const total = deltas.reduce((sum, delta) => sum + delta, 0);
  const idle = pythonRound((100 * (deltas[3] ?? 0)) / Math.max(1, total), 1);
  return 100 - Math.min(100, Math.max(0, idle));
}

export interface MemoryFacts {
  readonly totalBytes: number;
  readonly availableBytes: number;
}

/**
 * Parses /proc/meminfo. Where it has no MemAvailable (container file systems), the estimate of
 * kernel 3.14 is computed from its other fields and the low watermarks of `zoneinfo`.
 */
export function parseMeminfo(text: string, zoneinfo: string, pageBytes: number): MemoryFacts {
  const bytes = new Map<string, number>();
  for (const [, name = '', kib] of text.matchAll(/^(\S+):\s+(\d+)/gm)) {
    bytes.set(name, Number(kib) * 1024);
  }
  const totalBytes = bytes.get('MemTotal') ?? 0;
  const free = bytes.get('MemFree') ?? 0;
  const known = bytes.get('MemAvailable') ?? estimateAvailable(bytes, zoneinfo, pageBytes);
  return { totalBytes, availableBytes: known > totalBytes ? free : known };
}

function estimateAvailable(
  bytes: ReadonlyMap<string, number>,
  zoneinfo: string,
  pageBytes: number,
): number {
  const free = bytes.get('MemFree') ?? 0;
  const cached = bytes.get('Cached') ?? 0;
  const active = bytes.get('Active(file)');
  const inactive = bytes.get('Inactive(file)');
  const reclaimable = bytes.get('SReclaimable');
  if (active === undefined || inactive === undefined || reclaimable === undefined) {
    return free + cached;
  }
  let watermark = 0;
  for (const [, pages] of zoneinfo.matchAll(/^[ \t]*low[ \t]+(\d+)/gm))
    watermark += Number(pages) * pageBytes;
  const pageCache = active + inactive;
  const usableCache = pageCache - Math.min(pageCache / 2, watermark);
  const usableSlab = reclaimable - Math.min(reclaimable / 2, watermark);
  return Math.max(0, Math.trunc(free - watermark + usableCache + usableSlab));
}

/** Sums /proc/net/dev over all interfaces, loopback and taps included. */
export function parseNetworkTotals(text: string): NetworkTotals {
  const sums = new Array<number>(16).fill(0);
  for (const line of text.split('\n').slice(2)) {
    const colon = line.lastIndexOf(':');
    if (colon < 0) continue;
    const columns = line
      .slice(colon + 1)
      .trim()
      .split(/\s+/);
    columns.forEach((column, index) => {
      sums[index] = (sums[index] ?? 0) + Number(column);
    });
  }
  const at = (index: number) => sums[index] ?? 0;
  return {
    inBytes: at(0),
    inErrors: at(2),
    inDropped: at(3),
    outBytes: at(8),
    outErrors: at(10),
    outDropped: at(11),
  };
}

/** The load of the last minute from /proc/loadavg. */
export function parseLoadAverage(text: string): number {
  return Number(text.split(' ', 1)[0]);
}
