/**
 * Who reads the processes when they are sampled often: a BPF task iterator where the kernel, our
 * capabilities and the build allow it, else procfs; both give the same records.
 */
import { createRequire } from 'node:module';
import { callNative } from '../native-failure.ts';
import { nativeFile } from '../package/package-files.ts';
import { decodeProcTable, observeProcesses, type ProcTable } from '../proc.ts';

/** What `native/bpf_addon.cc` exports. */
interface BpfModule {
  openTaskReader(request: {
    readonly object: string;
    readonly isAccounting: boolean;
  }): Promise<unknown>;
  sampleTasks(request: SampleRequest): Promise<ArrayBuffer>;
  sampleUsage(request: SampleRequest): Promise<ArrayBuffer>;
}

interface SampleRequest {
  readonly reader: unknown;
  readonly uids?: readonly number[];
}

/** What all processes of a real user have used, those that ended included, and are now. */
export interface UserUsage {
  readonly uid: number;
  readonly cpuS: number;
  readonly readBytes: number;
  readonly writeBytes: number;
  readonly readCalls: number;
  readonly writeCalls: number;
  readonly rssBytes: number;
  readonly processes: number;
  readonly threads: number;
}

/** Doubles of a {@link UserUsage} in the order of `native/core/bpf/task_reader.h`. */
export const USAGE = {
  uid: 0,
  cpuS: 1,
  readBytes: 2,
  writeBytes: 3,
  readCalls: 4,
  writeCalls: 5,
  rssBytes: 6,
  processes: 7,
  threads: 8,
} as const satisfies Record<keyof UserUsage, number>;

export const USAGE_LENGTH = Object.keys(USAGE).length;

/** {@link USAGE_LENGTH} doubles for each user. */
export type UsageTable = Float64Array;

export interface ProcessReader {
  readonly kind: 'bpf' | 'procfs';
  /** Why it is not BPF, for the log; empty when it is. */
  readonly reason: string;
  /**
   * Every process of this pid namespace, or those of the real users `uids`, in the order of pids.
   * @throws HostError SLAPOS_ERR_HOST when the kernel refuses.
   */
  observe(uids?: readonly number[]): Promise<ProcTable>;
  /**
   * The sums of these users, always the same ones; missing where the reader only knows who lives.
   * What happened before the reader was opened is in them for processes that lived then.
   * @throws HostError SLAPOS_ERR_HOST when the kernel refuses.
   */
  readonly observeUsage?: (uids: readonly number[]) => Promise<UsageTable>;
}

export interface ReaderOptions {
  /** `auto`, the default, or the one that is wanted. */
  readonly kind?: 'auto' | 'bpf' | 'procfs';
  /** Whether threads that end are counted from now on, where the reader can. */
  readonly isAccounting?: boolean;
}

/**
 * Opens the best reader there is. Loading the BPF program takes some 60 ms, so that it pays from a
 * few samples on.
 * @throws the reason why there is no BPF reader, when `kind` is `bpf`
 */
export async function openProcessReader(options: ReaderOptions = {}): Promise<ProcessReader> {
  const { kind = 'auto', isAccounting = false } = options;
  if (kind === 'procfs') return procfsReader('procfs was asked for');
  try {
    return await openBpfReader(isAccounting);
  } catch (cause) {
    if (kind === 'bpf') throw cause;
    return procfsReader(reasonOf(cause));
  }
}

async function openBpfReader(isAccounting: boolean): Promise<ProcessReader> {
  const path = nativeFile('slapos_bpf.node');
  const module = createRequire(path)(path) as BpfModule;
  const object = nativeFile('slapos_task_iter.bpf.o');
  const reader = await module.openTaskReader({ object, isAccounting });
  const texts = { code: 'SLAPOS_ERR_HOST', hints: {} } as const;
  const observeUsage = async (uids: readonly number[]) =>
    new Float64Array(
      await callNative(texts, 'sum the processes', () => module.sampleUsage({ reader, uids })),
    );
  return {
    kind: 'bpf',
    reason: '',
    async observe(uids) {
      const request = { reader, ...(uids === undefined ? {} : { uids }) };
      return decodeProcTable(
        await callNative(texts, 'list the processes', () => module.sampleTasks(request)),
      );
    },
    ...(isAccounting ? { observeUsage } : {}),
  };
}

function procfsReader(reason: string): ProcessReader {
  return {
    kind: 'procfs',
    reason,
    observe: (uids) => observeProcesses(uids === undefined ? {} : { uids }),
  };
}

function reasonOf(cause: unknown): string {
  const { code, detail, message } = cause as { code?: string; detail?: string; message?: string };
  if (code === 'MODULE_NOT_FOUND') {
    return 'the BPF reader was not built: clang or libbpf is missing';
  }
  if (detail === undefined) return message ?? String(cause);
  return `the kernel refuses to ${detail}: ${code}`;
}
