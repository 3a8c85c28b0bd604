/** What format needs of the machine; `src/cli/node/format.ts` wires it, tests put fakes there. */
import type { HostError } from '../errors/slapos-error.ts';
import type { FileToWrite } from '../host/file.ts';
import type { Host } from '../host/host.ts';

/** Files in folders that partitions own: no link is followed (see `src/host/file.ts`). */
export interface PartitionFiles {
  /** Each file as UTF-8, undefined where nothing stands, or why it cannot be read. */
  readTexts(
    root: string,
    paths: readonly string[],
    limit: { readonly maxBytes: number },
  ): Promise<ReadonlyArray<string | HostError | undefined>>;
  /** Replaces each file atomically: why not, where one cannot be written. */
  writeAll(
    root: string,
    files: readonly FileToWrite[],
  ): Promise<ReadonlyArray<HostError | undefined>>;
  remove(root: string, path: string): Promise<void>;
}

export interface FormatPorts {
  readonly host: Host;
  readonly partitionFiles: PartitionFiles;
  /** The cpuset hierarchy of cgroup version 1, where it usually is unless said otherwise. */
  readonly cpusetFolder?: string;
}
