/** What format needs of the machine; `src/cli/node/format.ts` wires it, tests put fakes there. */
import type { Host, WriteOptions } from '../host/host.ts';

/** Files in folders that partitions own: no link is followed (see `src/host/file.ts`). */
export interface PartitionFiles {
  read(root: string, path: string, limit?: { maxBytes?: number }): Promise<Buffer | undefined>;
  write(
    root: string,
    path: string,
    data: string | Uint8Array,
    options: WriteOptions,
  ): Promise<void>;
  remove(root: string, path: string): Promise<void>;
}

export interface FormatPorts {
  readonly host: Host;
  readonly partitionFiles: PartitionFiles;
}
