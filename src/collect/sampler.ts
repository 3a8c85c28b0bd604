/**
 * Takes the samples of a run: one look at processes and CPU, when the run before left what it saw,
 * else two, five seconds apart; and everything that needs one look only (spec/collect.md 3, 5).
 */

import type { ProcTable } from '../host/proc.ts';
import type { Logger } from '../log/logger.ts';
import type { CollectHost } from './collect-host.ts';
import { computerRow } from './disk-values.ts';
import { decodeLook, encodeLook, type LastLook } from './last-look.ts';
import { observeDisks } from './observe-disks.ts';
import { observeTemperatures } from './observe-temperatures.ts';
import type { PartRunner } from './part.ts';
import {
  type ProcessReading,
  type ProcessScale,
  type ProcessScan,
  processRows,
  processRowsSince,
} from './process-values.ts';
import type { CollectUser, RunSamples, SystemRow, UserRow } from './sample.ts';
import {
  type CpuTicks,
  type MemoryFacts,
  parseLoadAverage,
  parseMeminfo,
  parseNetworkTotals,
  parseStat,
  type StatFacts,
  systemCpuPercent,
} from './system-values.ts';
import { temperatureRows } from './temperature-values.ts';

/** Length of the CPU measure when there was no run before. */
const WINDOW_MS = 5000;
/** USER_HZ, the unit of times in /proc: 100 on every architecture we run on (time(7)). */
const TICKS_PER_SECOND = 100;

export interface SamplerInput {
  readonly host: CollectHost;
  readonly users: readonly CollectUser[];
  readonly parts: PartRunner;
  readonly log: Logger;
  readonly signal: AbortSignal;
  /** File of what the run before saw. */
  readonly lastLookPath: string;
}

export interface SamplerResult {
  readonly samples: RunSamples;
  /** The latest look at the processes: who is alive now. */
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

/** The looks of a run, whichever way. */
interface Measure {
  readonly now: Look;
  /** CPU of the host when the measure began. */
  readonly cpuBefore: CpuTicks | undefined;
  /** The looks in which the counters of a process must be hidden for it to be told. */
  readonly tables: readonly (ProcTable | undefined)[];
  rows(scale: ProcessScale): UserRow[];
}

export async function takeSamples(input: SamplerInput): Promise<SamplerResult> {
  const { host, parts } = input;
  const userNames =
    (await parts.run('read the users', MANDATORY, () => readUserNames(host, input.users))) ??
    new Map<number, string>();
  const uids = [...userNames.keys()];
  const bootId = ((await host.files.readText('/proc/sys/kernel/random/boot_id')) ?? '').trim();
  const between = observeBetween(input);
  const last = await readLastLook(input, bootId);
  const [measure, { disks, temperatures, memory }] = await Promise.all([
    last === undefined ? measureWindow(input, uids) : measureSince(input, uids, last),
    between,
  ]);
  const { now } = measure;
  const system = await parts.run('measure the host', MANDATORY, () =>
    observeSystem(host, measure, memory),
  );
  const computer =
    now.stat === undefined || memory === undefined
      ? undefined
      : computerRow(now.stat.coreCount, memory.totalBytes, disks);
  const bootTimeS = now.stat?.bootTimeS ?? 0;
  const processes = rowsOf(input, measure, { userNames, bootTimeS, memory });
  await writeLastLook(input, bootId, now);
  const samples = {
    ...(computer === undefined ? {} : { computer }),
    ...(system === undefined ? {} : { system }),
    disks,
    temperatures,
    processes,
  };
  return { samples, live: now.table, userNames, bootTimeS };
}

/** Two looks with a wait between them: nothing is known from before. */
async function measureWindow(input: SamplerInput, uids: readonly number[]): Promise<Measure> {
  const first = await look(input, uids);
  await input.host.sleep(WINDOW_MS, input.signal);
  const second = await look(input, uids);
  return {
    now: second,
    cpuBefore: first.stat?.cpu,
    tables: [first.table, second.table],
    rows: (scale) => {
      if (first.scan === undefined || first.stat === undefined) return [];
      return processRows(first.scan, second.scan ?? { ...first.scan, readings: [] }, scale);
    },
  };
}

/** One look, against what the run before saw. */
async function measureSince(
  input: SamplerInput,
  uids: readonly number[],
  last: LastLook,
): Promise<Measure> {
  const now = await look(input, uids);
  const isHidden = now.table !== undefined && listHidden(now.table).length > 0;
  const again = isHidden ? (await look(input, uids)).table : undefined;
  return {
    now,
    cpuBefore: last.cpu,
    tables: [now.table, again],
    rows: (scale) => (now.scan === undefined ? [] : processRowsSince(last, now.scan, scale)),
  };
}

async function readLastLook(input: SamplerInput, bootId: string): Promise<LastLook | undefined> {
  const { host, parts, lastLookPath } = input;
  return parts.run('read what the run before saw', { isMandatory: false }, async () => {
    const text = await host.files.readText(lastLookPath);
    return text === undefined ? undefined : decodeLook(text, bootId, host.monotonicMs());
  });
}

async function writeLastLook(input: SamplerInput, bootId: string, now: Look): Promise<void> {
  const { host, parts, lastLookPath } = input;
  const { stat, scan } = now;
  if (stat === undefined || scan === undefined) return;
  await parts.run('keep what this run saw', { isMandatory: false }, () =>
    host.replaceFile(lastLookPath, encodeLook(bootId, scan.monotonicMs, stat.cpu, scan.readings)),
  );
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
  { cpuBefore, now }: Measure,
  memory: MemoryFacts | undefined,
): Promise<SystemRow | undefined> {
  if (cpuBefore === undefined || now.stat === undefined || memory === undefined) return undefined;
  const loadavg = await host.files.readText('/proc/loadavg');
  const network = await host.files.readText('/proc/net/dev');
  return {
    loadAverage: parseLoadAverage(loadavg ?? ''),
    cpuPercent: systemCpuPercent(cpuBefore, now.stat.cpu, TICKS_PER_SECOND),
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

function rowsOf(input: SamplerInput, measure: Measure, facts: RowFacts): UserRow[] {
  const { userNames, bootTimeS, memory } = facts;
  if (memory === undefined) return [];
  const [first, second] = measure.tables;
  if (first !== undefined && second !== undefined && hidesCounters(first, second)) {
    input.parts.noteMandatoryFailure();
    input.log.error('You HAVE TO execute this script with root permission.', {
      event: 'collect.permission_denied',
    });
  }
  return measure.rows({
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
  const hidden: string[] = [];
  for (let index = 0; index < table.length; index += 1) {
    if (table.u8(index, 'hasIo') === 1 || ENDED.has(table.u8(index, 'state'))) continue;
    hidden.push(`${table.u32(index, 'pid')}-${table.f64(index, 'startTicks')}`);
  }
  return hidden;
}

/** States of processes that have ended (proc_pid_stat(5)). */
const ENDED = new Set(['Z', 'X'].map((letter) => letter.charCodeAt(0)));
