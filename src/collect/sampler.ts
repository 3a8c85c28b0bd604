/**
 * Takes the samples of a run: two looks at processes and CPU, five seconds apart, and between them
 * everything that needs one look only (spec/collect.md 3, 5).
 */

import type { ProcTable } from '../host/proc.ts';
import type { Logger } from '../log/logger.ts';
import type { CollectHost } from './collect-host.ts';
import { computerRow } from './disk-values.ts';
import { observeDisks } from './observe-disks.ts';
import { observeTemperatures } from './observe-temperatures.ts';
import type { PartRunner } from './part.ts';
import { type ProcessReading, type ProcessScan, processRows } from './process-values.ts';
import type { CollectUser, RunSamples, SystemRow } from './sample.ts';
import {
  type MemoryFacts,
  parseLoadAverage,
  parseMeminfo,
  parseNetworkTotals,
  parseStat,
  type StatFacts,
  systemCpuPercent,
} from './system-values.ts';
import { temperatureRows } from './temperature-values.ts';

/** Length of the CPU measure. */
const WINDOW_MS = 5000;
/** USER_HZ, the unit of times in /proc: 100 on every architecture we run on (time(7)). */
const TICKS_PER_SECOND = 100;

export interface SamplerInput {
  readonly host: CollectHost;
  readonly users: readonly CollectUser[];
  readonly parts: PartRunner;
  readonly log: Logger;
  readonly signal: AbortSignal;
}

export interface SamplerResult {
  readonly samples: RunSamples;
  /** The second look at the processes: who is alive now. */
  readonly live: ProcTable | undefined;
  readonly userNames: ReadonlyMap<number, string>;
  readonly bootTimeS: number;
}

/** One look at the processes of the partitions' users and at the CPU of the host. */
interface Look {
  readonly stat: StatFacts | undefined;
  readonly table: ProcTable | undefined;
  readonly scan: ProcessScan | undefined;
}

const MANDATORY = { isMandatory: true } as const;

export async function takeSamples(input: SamplerInput): Promise<SamplerResult> {
  const { host, parts } = input;
  const userNames =
    (await parts.run('read the users', MANDATORY, () => readUserNames(host, input.users))) ??
    new Map<number, string>();
  const first = await look(input, [...userNames.keys()]);
  const [, between] = await Promise.all([
    host.sleep(WINDOW_MS, input.signal),
    observeBetween(input),
  ]);
  const second = await look(input, [...userNames.keys()]);
  const system = await parts.run('measure the host', MANDATORY, () =>
    observeSystem(host, first, second, between.memory),
  );
  const { disks, temperatures, memory } = between;
  const computer =
    second.stat === undefined || memory === undefined
      ? undefined
      : computerRow(second.stat.coreCount, memory.totalBytes, disks);
  const bootTimeS = first.stat?.bootTimeS ?? 0;
  const processes = rowsOf(input, first, second, { userNames, bootTimeS, memory });
  const samples = {
    ...(computer === undefined ? {} : { computer }),
    ...(system === undefined ? {} : { system }),
    disks,
    temperatures,
    processes,
  };
  return { samples, live: second.table, userNames, bootTimeS };
}

/** Names of the map by uid; of several names of one uid the first in passwd counts. */
async function readUserNames(
  host: CollectHost,
  users: readonly CollectUser[],
): Promise<ReadonlyMap<number, string>> {
  const wanted = new Set(users.map(({ name }) => name));
  const first = new Map<number, string>();
  for (const { name, uid } of (await host.accounts.read()).users) {
    if (!first.has(uid)) first.set(uid, name);
  }
  return new Map([...first].filter(([, name]) => wanted.has(name)));
}

async function look({ host, parts }: SamplerInput, uids: readonly number[]): Promise<Look> {
  const table = await parts.run('list the processes', MANDATORY, () => host.observeProcesses(uids));
  const monotonicMs = host.monotonicMs();
  const stat = await parts.run('read /proc/stat', MANDATORY, async () =>
    parseStat((await host.files.readText('/proc/stat')) ?? ''),
  );
  const scan = table === undefined ? undefined : { monotonicMs, readings: decodeReadings(table) };
  return { stat, table, scan };
}

/** The readings of a sample, in the order of their pids. */
export function decodeReadings(table: ProcTable): ProcessReading[] {
  const readings = Array.from({ length: table.length }, (_, index) => ({
    pid: table.u32(index, 'pid'),
    startTicks: table.f64(index, 'startTicks'),
    uid: table.u32(index, 'uid'),
    userTicks: table.f64(index, 'utimeTicks'),
    systemTicks: table.f64(index, 'stimeTicks'),
    childUserTicks: table.f64(index, 'cutimeTicks'),
    childSystemTicks: table.f64(index, 'cstimeTicks'),
    blockIoTicks: table.f64(index, 'blkioDelayTicks'),
    threadCount: table.u32(index, 'threads'),
    rssBytes: table.f64(index, 'rssBytes'),
    readBytes: table.f64(index, 'readBytes'),
    writeBytes: table.f64(index, 'writeBytes'),
    readCalls: table.f64(index, 'syscr'),
    writeCalls: table.f64(index, 'syscw'),
  }));
  return readings.sort((a, b) => a.pid - b.pid);
}

async function observeBetween({ host, parts, log }: SamplerInput) {
  const memory = await parts.run('read /proc/meminfo', MANDATORY, () => observeMemory(host));
  const chips = await parts.run('read the temperatures', { isMandatory: false }, () =>
    observeTemperatures(host),
  );
  const disks = await parts.run('look at the disks', MANDATORY, () =>
    observeDisks(host, (mount, error) =>
      log.warning(`No size of the disk ${mount.device} at ${mount.mountpoint}: ${error}`),
    ),
  );
  return { memory, temperatures: temperatureRows(chips ?? []), disks: disks ?? [] };
}

async function observeMemory(host: CollectHost): Promise<MemoryFacts> {
  const meminfo = (await host.files.readText('/proc/meminfo')) ?? '';
  if (/^MemAvailable:/m.test(meminfo)) return parseMeminfo(meminfo, '', 0);
  const zoneinfo = (await host.files.readText('/proc/zoneinfo')) ?? '';
  const smaps = (await host.files.readText('/proc/self/smaps')) ?? '';
  const pageKib = Number(/^KernelPageSize:\s+(\d+)/m.exec(smaps)?.[1] ?? 4);
  return parseMeminfo(meminfo, zoneinfo, pageKib * 1024);
}

async function observeSystem(
  host: CollectHost,
  first: Look,
  second: Look,
  memory: MemoryFacts | undefined,
): Promise<SystemRow | undefined> {
  if (first.stat === undefined || second.stat === undefined || memory === undefined) {
    return undefined;
  }
  const loadavg = await host.files.readText('/proc/loadavg');
  const network = await host.files.readText('/proc/net/dev');
  return {
    loadAverage: parseLoadAverage(loadavg ?? ''),
    cpuPercent: systemCpuPercent(first.stat.cpu, second.stat.cpu, TICKS_PER_SECOND),
    memoryUsedBytes: memory.totalBytes - memory.availableBytes,
    memoryFreeBytes: memory.availableBytes,
    network: parseNetworkTotals(network ?? ''),
  };
}

interface RowFacts {
  readonly userNames: ReadonlyMap<number, string>;
  readonly bootTimeS: number;
  readonly memory: MemoryFacts | undefined;
}

function rowsOf(input: SamplerInput, first: Look, second: Look, facts: RowFacts) {
  const { userNames, bootTimeS, memory } = facts;
  if (first.scan === undefined || first.stat === undefined || memory === undefined) return [];
  if (first.table && second.table && hidesCounters(first.table, second.table)) {
    input.parts.noteMandatoryFailure();
    input.log.error('You HAVE TO execute this script with root permission.', {
      event: 'collect.permission_denied',
    });
  }
  const later = second.scan ?? { ...first.scan, readings: [] };
  return processRows(first.scan, later, {
    ticksPerSecond: TICKS_PER_SECOND,
    bootTimeS,
    memoryTotalBytes: memory.totalBytes,
    userNames,
  });
}

/**
 * Whether the I/O counters of a process were kept from us, both times: once may only mean that it
 * ended meanwhile. A zombie's do not count.
 */
function hidesCounters(first: ProcTable, second: ProcTable): boolean {
  const hidden = new Set(listHidden(first));
  return listHidden(second).some((key) => hidden.has(key));
}

function listHidden(table: ProcTable): string[] {
  const samples = Array.from({ length: table.length }, (_, index) => table.sample(index));
  return samples
    .filter(({ hasIo, state }) => !hasIo && state !== 'Z' && state !== 'X')
    .map(({ pid, startTicks }) => `${pid}-${startTicks}`);
}
