/** What one run measures, in the units of the database (spec/collect.md 5 and 6). */

/** When a run started, UTC: every row of the run carries it. */
export interface RunStamp {
  /** `YYYY-MM-DD` */
  readonly date: string;
  /** `HH:MM:SS` */
  readonly time: string;
}

/** A row of table `user`: one process of a partition's user. */
export interface UserRow {
  /** User name, such as `slapuser3`. */
  readonly partition: string;
  readonly pid: number;
  /** `<pid>-<start time>`, see {@link processKey}. */
  readonly process: string;
  /** 100 is one core. */
  readonly cpuPercent: number;
  readonly cpuTimeS: number;
  readonly threadCount: number;
  /** Resident memory as a share of the host's. */
  readonly memoryPercent: number;
  readonly rssBytes: number;
  /** Bytes read from and written to storage since the process started. */
  readonly ioBytes: number;
  /** Read and write system calls since the process started. */
  readonly ioCalls: number;
}

/** The row of table `system`. */
export interface SystemRow {
  readonly loadAverage: number;
  /** 100 is all cores busy. */
  readonly cpuPercent: number;
  readonly memoryUsedBytes: number;
  readonly memoryFreeBytes: number;
  readonly network: NetworkTotals;
}

/** Sums over all interfaces since boot. */
export interface NetworkTotals {
  readonly inBytes: number;
  readonly inErrors: number;
  readonly inDropped: number;
  readonly outBytes: number;
  readonly outErrors: number;
  readonly outDropped: number;
}

/** The row of table `computer`. */
export interface ComputerRow {
  readonly coreCount: number;
  readonly memoryBytes: number;
  /** `/dev/vda=270553174016;/dev/vdb=…`, sizes in bytes. */
  readonly diskList: string;
}

/** A row of table `disk`, with the size that `computer.partition_list` shows. */
export interface DiskRow {
  readonly device: string;
  readonly mountpoint: string;
  readonly totalBytes: bigint;
  readonly usedBytes: bigint;
  readonly freeBytes: bigint;
}

/** A row of table `temperature`. */
export interface TemperatureRow {
  /** As `sensors -u` names it: `coretemp-isa-0000 Core 0:`. */
  readonly sensorId: string;
  readonly celsius: number;
  /** How many of the two limits (maximum, critical) are reached. */
  readonly alarm: number;
}

/** A row of table `folder`. */
export interface FolderRow {
  readonly partition: string;
  readonly usedKib: number;
}

/** A user of the map, in order: user 0 is partition 0. */
export interface CollectUser {
  readonly name: string;
  /** Folder of the partition. */
  readonly path: string;
}

/** Everything that goes to the database in the one transaction of a run; a failed part is absent. */
export interface RunSamples {
  readonly computer?: ComputerRow;
  readonly system?: SystemRow;
  readonly disks: readonly DiskRow[];
  readonly temperatures: readonly TemperatureRow[];
  readonly processes: readonly UserRow[];
}

/** The UTC date and time of an instant as the database writes them. */
export function encodeStamp(timeMs: number): RunStamp {
  const text = new Date(timeMs).toISOString();
  return { date: text.slice(0, 10), time: text.slice(11, 19) };
}

/** The date some days before another one; both `YYYY-MM-DD`. */
export function daysBefore(date: string, days: number): string {
  return encodeStamp(Date.parse(`${date}T00:00:00Z`) - days * 86_400_000).date;
}
