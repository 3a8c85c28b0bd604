/** What `node collect` needs of the machine: the port that the command line wires. */

import type { BeneathFiles } from '../host/file.ts';
import type { GridHost } from '../host/grid-host.ts';
import type { HostAccounts, HostFiles } from '../host/host.ts';
import type { DaemonSocket } from '../host/keeper/daemon-socket.ts';
import type { NativeDiskQuota, NativeDiskSpace, NativeDiskUsage } from '../host/native.ts';
import type { ProcTable } from '../host/proc.ts';
import type { Logger } from '../log/logger.ts';
import type { CgroupFacts } from './daemon/cgroup-times.ts';
import type { CollectStore } from './store.ts';

/** How an attempt to write over the end of a file went. */
export type EndOutcome = 'written' | 'missing' | 'unexpected';

/** Either what gives the lock back, or who has it. */
export type RunLock =
  | { readonly isHeld: true; release(): void }
  | { readonly isHeld: false; readonly holderPid: number | undefined };

export interface CollectHost {
  readonly files: HostFiles;
  readonly accounts: Pick<HostAccounts, 'read'>;
  /** For everything inside a partition. */
  readonly beneath: BeneathFiles;
  /** For many files of many partitions. */
  readonly look: GridHost['look'];
  /**
   * Writes `text` over the end of a file beneath `root`, if it ends with `end` and is ours alone
   * (regular, owned by us, one name).
   */
  overwriteEnd(root: string, path: string, end: string, text: string): Promise<EndOutcome>;
  /** Replaces a file at once, without waiting for the disk: for what the next run writes again. */
  replaceFile(path: string, text: string): Promise<void>;
  /** Replaces a file by what a stream gives, 0644, compressed by gzip if asked. */
  writeStream(
    path: string,
    chunks: AsyncIterable<string | Uint8Array>,
    options: { readonly isCompressed: boolean },
  ): Promise<void>;
  readStream(path: string): AsyncIterable<Uint8Array>;
  rename(from: string, to: string): Promise<void>;
  /** Resolves symbolic links; undefined when the path does not exist. */
  realpath(path: string): Promise<string | undefined>;
  /** Major and minor number of the device that holds a path. */
  deviceOf(path: string): Promise<{ readonly major: number; readonly minor: number }>;
  /**
   * Listens at a path beneath `root` for programs of root. Rejects when that cannot be done safely.
   */
  openSocket(root: string, path: string): Promise<DaemonSocket>;
  /** Takes the lock of the run. */
  lock(path: string): RunLock;

  observeProcesses(uids: readonly number[]): Promise<ProcTable>;
  /** A text of /proc that the kernel has at once; empty when it has none. */
  readKernelText(path: string): string;
  /** argv of a process; undefined when it is gone. */
  readCommandLine(pid: number): readonly string[] | undefined;
  /** Whether a process of this pid exists. */
  isAlive(pid: number): boolean;
  readonly pid: number;

  diskUsage(path: string): Promise<NativeDiskUsage>;
  /** @param apartFrom a path: what lies on its file system is left out; '' for nothing */
  diskLinkedUsage(path: string, apartFrom: string): Promise<NativeDiskUsage>;
  /** What the owner of a folder uses on its file system; rejects where there are no user quotas. */
  diskQuota(path: string): Promise<NativeDiskQuota>;
  diskSpace(path: string): Promise<NativeDiskSpace>;

  /** What cgroup v2 tells; undefined where there is none. */
  openCgroups(): Promise<CgroupFacts | undefined>;
  openStore(path: string, log: Logger): Promise<CollectStore>;
  /** Gives memory that work left behind back to the system. */
  releaseMemory(): void;
  /** Milliseconds since the epoch. */
  nowMs(): number;
  /** Milliseconds of a clock that is never set and that all processes of one boot share. */
  monotonicMs(): number;
  /** Rejects with the reason of the signal when it is aborted meanwhile. */
  sleep(durationMs: number, signal: AbortSignal): Promise<void>;
}
