/**
 * Who reads the processes when they are sampled often: a BPF task iterator where the kernel, our
 * capabilities and the build allow it, else procfs; both give the same records.
 */
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { packageRoot } from './native.ts';
import { decodeProcTable, observeProcesses, type ProcTable } from './proc.ts';

/** What `native/bpf_addon.cc` exports. */
interface BpfModule {
  openTaskReader(request: { readonly object: string }): Promise<unknown>;
  sampleTasks(request: {
    readonly reader: unknown;
    readonly uids?: readonly number[];
  }): Promise<ArrayBuffer>;
}

export interface ProcessReader {
  readonly kind: 'bpf' | 'procfs';
  /** Why it is not BPF, for the log; empty when it is. */
  readonly reason: string;
  /**
   * Every process of this pid namespace, or those of the real users `uids`.
   * @throws HostError SLAPOS_ERR_HOST when the kernel refuses.
   */
  observe(uids?: readonly number[]): Promise<ProcTable>;
}

const FOLDER = join('build', 'Release');

/**
 * Opens the best reader there is. Loading the BPF program takes some 60 ms, so that it pays from a
 * few samples on.
 * @param kind `auto`, or the one that is wanted
 * @throws the reason why there is no BPF reader, when `kind` is `bpf`
 */
export async function openProcessReader(
  kind: 'auto' | 'bpf' | 'procfs' = 'auto',
): Promise<ProcessReader> {
  if (kind === 'procfs') return procfsReader('procfs was asked for');
  try {
    return await openBpfReader();
  } catch (cause) {
    if (kind === 'bpf') throw cause;
    return procfsReader(reasonOf(cause));
  }
}

async function openBpfReader(): Promise<ProcessReader> {
  const folder = join(packageRoot(), FOLDER);
  const path = join(folder, 'slapos_bpf.node');
  const module = createRequire(path)(path) as BpfModule;
  const reader = await module.openTaskReader({ object: join(folder, 'slapos_task_iter.bpf.o') });
  return {
    kind: 'bpf',
    reason: '',
    async observe(uids) {
      const request = { reader, ...(uids === undefined ? {} : { uids }) };
      return decodeProcTable(await module.sampleTasks(request));
    },
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
  if (code === 'MODULE_NOT_FOUND')
    return 'the BPF reader was not built: clang or libbpf is missing';
  return detail === undefined
    ? (message ?? String(cause))
    : `the kernel refuses to ${detail}: ${code}`;
}
