/**
 * What a node is doing, in one model: the panel, `node top`, `node status --format json` and
 * whatever comes later show the same facts under the same names. Texts are as the node has them,
 * and may hold anything: who shows them must make them harmless.
 */

export interface NodeStatus {
  /** Milliseconds since the epoch. */
  readonly takenAtMs: number;
  readonly computerId: string;
  readonly instanceRoot: string;
  readonly supervisor: Availability;
  /** Whether the Master's last document could be read, which tells what is in the partitions. */
  readonly document?: Availability;
  /** Where the consumption comes from; `samples` are those of the program that tells it. */
  readonly consumption: Availability & {
    readonly source: 'daemon' | 'database' | 'samples' | 'none';
  };
  /** Of the node and its partitions; absent where nobody looked, or there are none. */
  readonly certificates?: readonly CertificateStatus[];
  /** What else of the node could not be read, a line each. */
  readonly problems?: readonly string[];
  /** In the order of the partitions' numbers. */
  readonly partitions: readonly PartitionStatus[];
}

export interface CertificateStatus {
  /** `node`, or the name of a partition. */
  readonly name: string;
  /** `valid`, `expires soon`, `expired`, `not its key`, … (docs/register.md) */
  readonly state: string;
  /** Milliseconds since the epoch; null when it cannot be read. */
  readonly notAfterMs: number | null;
}

/** Whether something could be asked. */
export interface Availability {
  readonly isAvailable: boolean;
  /** Why not, in a line for the operator; empty when it is. */
  readonly reason: string;
}

export interface PartitionStatus {
  /** Name of its folder, such as `slappart0`. */
  readonly reference: string;
  readonly path: string;
  /** Empty when its folder has no owner that is known. */
  readonly user: string;
  readonly uid: number | null;
  /** What the Master's last document says is in it; null for a free one. */
  readonly instance: InstanceStatus | null;
  readonly services: readonly ServiceStatus[];
  readonly promises: readonly PromiseStatus[];
  /** Null when nobody has measured it. */
  readonly consumption: Consumption | null;
  /** What of it could not be read, a line each. */
  readonly problems?: readonly string[];
}

export interface InstanceStatus {
  readonly title: string;
  /** Such as `SOFTINST-12`. */
  readonly reference: string;
  readonly softwareUrl: string;
  readonly softwareType: string;
  readonly requestedState: string;
}

export interface ServiceStatus {
  /** Without its group, which is the partition. */
  readonly name: string;
  /** Name of supervisord's state: `RUNNING`, `FATAL`, … */
  readonly state: string;
  readonly pid: number | null;
  /** Milliseconds since the epoch; null for never. */
  readonly startedAtMs: number | null;
  readonly stoppedAtMs: number | null;
  readonly exitStatus: number | null;
  /** Why it is in that state, as `supervisorctl status` and `--why` say it. */
  readonly reason: string;
}

export interface PromiseStatus {
  readonly title: string;
  readonly hasFailed: boolean;
  readonly message: string;
  /** Of the last result; milliseconds since the epoch. */
  readonly atMs: number;
  readonly executionS: number;
}

/** What a partition uses now; rates are per second. */
export interface Consumption {
  readonly atMs: number;
  /** Processors in use: 1.5 is one and a half. */
  readonly cpu: number;
  readonly rssBytes: number;
  readonly processes: number;
  readonly threads: number;
  readonly readBytesPerS: number;
  readonly writeBytesPerS: number;
  readonly netInBytesPerS: number;
  readonly netOutBytesPerS: number;
  /**
   * Reads and writes together, where they are not told apart: the database knows no more, and
   * nothing of the network. The rates above are 0 then.
   */
  readonly ioBytesPerS?: number;
  /** Of its folder, from the last walk; null when it was not walked. */
  readonly diskBytes: number | null;
}

/** What a partition has used, for charts. */
export interface PartitionSeries {
  readonly partition: string;
  /** One a sample of the collector's daemon, or one a minute from its database. */
  readonly resolution: 'sample' | 'minute';
  /** Milliseconds since the epoch, oldest first. */
  readonly timesMs: readonly number[];
  /** By names of {@link Consumption}; as many values as there are times. */
  readonly values: Readonly<Record<string, readonly number[]>>;
  /** Why there is nothing; empty when there is. */
  readonly reason: string;
}
