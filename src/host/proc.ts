/**
 * Samples of the processes of the machine, from procfs, in one call.
 *
 * The record layout is that of `native/core/proc/sample.h`. Identity of a process is
 * (pid, startTicks): a pid alone is reused.
 */
import { loadNative, type NativeAddon } from './native.ts';
import { callNative } from './native-failure.ts';

/** Bytes of one record. */
export const PROC_RECORD_BYTES = 152;

/** Index into the 32-bit view of a record. */
export const PROC_U32 = { pid: 0, ppid: 1, uid: 2, threads: 3 } as const;

/** Index into the double view of a record; exact up to 2^53. */
export const PROC_F64 = {
  startTicks: 2,
  utimeTicks: 3,
  stimeTicks: 4,
  cutimeTicks: 5,
  cstimeTicks: 6,
  blkioDelayTicks: 7,
  rssBytes: 8,
  readBytes: 9,
  writeBytes: 10,
  rchar: 11,
  wchar: 12,
  syscr: 13,
  syscw: 14,
  cgroupId: 15,
} as const;

/** Offset into the bytes of a record. */
export const PROC_U8 = { state: 128, hasIo: 129, comm: 130 } as const;

const COMM_BYTES = 16;

/** One process at the time of the sample; times in clock ticks (usually 1/100 s). */
export interface ProcessSample {
  readonly pid: number;
  readonly ppid: number;
  /** Real user id. */
  readonly uid: number;
  readonly threads: number;
  /** Start of the process, ticks since boot. */
  readonly startTicks: number;
  readonly utimeTicks: number;
  readonly stimeTicks: number;
  /** Times of children that were waited for. */
  readonly cutimeTicks: number;
  readonly cstimeTicks: number;
  readonly blkioDelayTicks: number;
  readonly rssBytes: number;
  readonly readBytes: number;
  readonly writeBytes: number;
  readonly rchar: number;
  readonly wchar: number;
  readonly syscr: number;
  readonly syscw: number;
  /** Of the cgroup v2 hierarchy; 0 where the kernel does not tell (procfs before Linux 6.13). */
  readonly cgroupId: number;
  /** Letter of proc_pid_stat(5). */
  readonly state: string;
  /** False when the io counters could not be read; they are 0 then. */
  readonly hasIo: boolean;
  /** At most 15 bytes of the program's name, decoded as Latin-1. */
  readonly comm: string;
}

type U32Field = keyof typeof PROC_U32;
type F64Field = keyof typeof PROC_F64;

/** Reads single fields of a sample without building an object per process. */
export interface ProcTable {
  /** Number of processes. */
  readonly length: number;
  u32(index: number, field: U32Field): number;
  f64(index: number, field: F64Field): number;
  /** Letter of the state as a byte; 1 or 0 for whether there are io counters. */
  u8(index: number, field: 'state' | 'hasIo'): number;
  comm(index: number): string;
  sample(index: number): ProcessSample;
}

export interface ProcSampleOptions {
  /** Only processes of these real users. */
  readonly uids?: readonly number[];
  /** Another procfs or a recorded one; `/proc` by default. */
  readonly procRoot?: string;
}

/**
 * Samples processes; those that vanish meanwhile are left out.
 * @throws HostError SLAPOS_ERR_HOST when procfs cannot be read at all.
 */
export async function observeProcesses(
  options: ProcSampleOptions = {},
  addon: Pick<NativeAddon, 'procSample'> = loadNative(),
): Promise<ProcTable> {
  const texts = { code: 'SLAPOS_ERR_HOST', hints: {} } as const;
  const records = await callNative(texts, 'list the processes', () => addon.procSample(options));
  return decodeProcTable(records);
}

/** Gives access to a buffer of records as the addon returns it. */
export function decodeProcTable(buffer: ArrayBuffer): ProcTable {
  const words = new Uint32Array(buffer);
  const doubles = new Float64Array(buffer);
  const bytes = Buffer.from(buffer);
  const u32 = (index: number, field: U32Field) =>
    words[(index * PROC_RECORD_BYTES) / 4 + PROC_U32[field]] ?? 0;
  const f64 = (index: number, field: F64Field) =>
    doubles[(index * PROC_RECORD_BYTES) / 8 + PROC_F64[field]] ?? 0;
  const u8 = (index: number, field: 'state' | 'hasIo') =>
    bytes[index * PROC_RECORD_BYTES + PROC_U8[field]] ?? 0;
  const comm = (index: number) => decodeComm(bytes, index * PROC_RECORD_BYTES + PROC_U8.comm);
  return {
    length: buffer.byteLength / PROC_RECORD_BYTES,
    u32,
    f64,
    u8,
    comm,
    sample: (index) => decodeSample(bytes, index, u32, f64, comm),
  };
}

/** Every process of a table as an object. */
export function listSamples(table: ProcTable): ProcessSample[] {
  return Array.from({ length: table.length }, (_, index) => table.sample(index));
}

function decodeComm(bytes: Buffer, offset: number): string {
  const field = bytes.subarray(offset, offset + COMM_BYTES);
  const end = field.indexOf(0);
  return field.toString('latin1', 0, end < 0 ? COMM_BYTES : end);
}

function decodeSample(
  bytes: Buffer,
  index: number,
  u32: ProcTable['u32'],
  f64: ProcTable['f64'],
  comm: ProcTable['comm'],
): ProcessSample {
  const base = index * PROC_RECORD_BYTES;
  const integers = mapFields(PROC_U32, (field) => u32(index, field));
  const counters = mapFields(PROC_F64, (field) => f64(index, field));
  return {
    ...integers,
    ...counters,
    state: String.fromCharCode(bytes[base + PROC_U8.state] ?? 0),
    hasIo: bytes[base + PROC_U8.hasIo] === 1,
    comm: comm(index),
  };
}

function mapFields<Field extends string>(
  layout: Readonly<Record<Field, number>>,
  read: (field: Field) => number,
): Record<Field, number> {
  const result = {} as Record<Field, number>;
  for (const field of Object.keys(layout) as Field[]) result[field] = read(field);
  return result;
}
