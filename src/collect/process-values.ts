/** The values of table `user` from two readings of the same processes (spec/collect.md 5.1). */
import { pythonFloat, pythonRound } from '../model/python-number.ts';
import type { UserRow } from './sample.ts';

/** Counters of one process: what CPU use is the growth of. */
export interface ProcessTicks {
  readonly startTicks: number;
  readonly userTicks: number;
  readonly systemTicks: number;
}

/** What the sampler reads of one process (proc_pid_stat(5), proc_pid_status(5), proc_pid_io(5)). */
export interface ProcessReading {
  readonly pid: number;
  /** Start of the process, in clock ticks since boot: with the pid, its identity. */
  readonly startTicks: number;
  /** Real uid. */
  readonly uid: number;
  readonly userTicks: number;
  readonly systemTicks: number;
  /** Of children that were waited for. */
  readonly childUserTicks: number;
  readonly childSystemTicks: number;
  /** Time spent waiting for block I/O. */
  readonly blockIoTicks: number;
  readonly threadCount: number;
  readonly rssBytes: number;
  readonly readBytes: number;
  readonly writeBytes: number;
  readonly readCalls: number;
  readonly writeCalls: number;
}

/** All processes seen at one instant of the monotonic clock. */
export interface ProcessScan {
  readonly monotonicMs: number;
  readonly readings: readonly ProcessReading[];
}

/** Facts of the host that turn readings into values. */
export interface ProcessScale {
  readonly ticksPerSecond: number;
  /** Boot time in seconds since the epoch (`btime` of /proc/stat). */
  readonly bootTimeS: number;
  readonly memoryTotalBytes: number;
  /** Names of the users to keep, by uid. */
  readonly userNames: ReadonlyMap<number, string>;
}

/** The unique name of a process: `4242-1700001234.56`. */
export function processKey(pid: number, startTicks: number, scale: ProcessScale): string {
  return `${pid}-${pythonFloat(startTicks / scale.ticksPerSecond + scale.bootTimeS)}`;
}

/**
 * CPU use between two readings in percent of one core. 0 without a second reading, when another
 * process got the pid meanwhile, and when no time went by; never negative.
 */
export function cpuPercent(
  first: ProcessTicks,
  second: ProcessTicks | undefined,
  elapsedS: number,
  ticksPerSecond: number,
): number {
  if (second === undefined || second.startTicks !== first.startTicks || elapsedS <= 0) return 0;
  const ticks = second.userTicks + second.systemTicks - first.userTicks - first.systemTicks;
  return pythonRound((100 * Math.max(0, ticks)) / ticksPerSecond / elapsedS, 1);
}

/** The rows of the processes of the first scan; those of other users are left out. */
export function processRows(
  first: ProcessScan,
  second: ProcessScan,
  scale: ProcessScale,
): UserRow[] {
  const later = new Map(second.readings.map((reading) => [reading.pid, reading]));
  const elapsedS = (second.monotonicMs - first.monotonicMs) / 1000;
  return first.readings.flatMap((reading) => {
    const partition = scale.userNames.get(reading.uid);
    if (partition === undefined) return [];
    const percent = cpuPercent(reading, later.get(reading.pid), elapsedS, scale.ticksPerSecond);
    return [processRow(partition, reading, percent, scale)];
  });
}

/**
 * The rows of the processes of a scan, with their CPU use since an earlier one, or since they
 * started when that was later.
 */
export function processRowsSince(
  earlier: { readonly monotonicMs: number; readonly processes: ReadonlyMap<number, ProcessTicks> },
  now: ProcessScan,
  scale: ProcessScale,
): UserRow[] {
  const sinceS = (now.monotonicMs - earlier.monotonicMs) / 1000;
  return now.readings.flatMap((reading) => {
    const partition = scale.userNames.get(reading.uid);
    if (partition === undefined) return [];
    const known = earlier.processes.get(reading.pid);
    const isSame = known?.startTicks === reading.startTicks;
    const ageS = now.monotonicMs / 1000 - reading.startTicks / scale.ticksPerSecond;
    const first = isSame ? known : { ...reading, userTicks: 0, systemTicks: 0 };
    // The start counts the time of a suspended machine too, which the clock does not.
    const elapsedS = isSame || ageS <= 0 ? sinceS : Math.min(sinceS, ageS);
    const percent = cpuPercent(first, reading, elapsedS, scale.ticksPerSecond);
    return [processRow(partition, reading, percent, scale)];
  });
}

function processRow(
  partition: string,
  reading: ProcessReading,
  percent: number,
  scale: ProcessScale,
): UserRow {
  const ticks =
    reading.userTicks +
    reading.systemTicks +
    reading.childUserTicks +
    reading.childSystemTicks +
    reading.blockIoTicks;
  return {
    partition,
    pid: reading.pid,
    process: processKey(reading.pid, reading.startTicks, scale),
    cpuPercent: percent,
    cpuTimeS: ticks / scale.ticksPerSecond,
    threadCount: reading.threadCount,
    memoryPercent: (reading.rssBytes / scale.memoryTotalBytes) * 100,
    rssBytes: reading.rssBytes,
    ioBytes: reading.readBytes + reading.writeBytes,
    ioCalls: reading.readCalls + reading.writeCalls,
  };
}
