/** What `node top` shows besides the status of the node. */
import type { NodeStatus } from '../status/model.ts';
import type { PartitionHistory } from './history.ts';
import type { MachineLoad } from './machine-load.ts';

export interface TopData {
  readonly status: NodeStatus;
  readonly machine: MachineLoad;
  readonly intervalMs: number;
  /** Where the figures come from, in a few words. */
  readonly figures: string;
  readonly historyOf: (reference: string) => PartitionHistory;
  /** Of the partition that is looked into; null while nobody looked. */
  readonly processes: ProcessList | null;
  /** Of the service whose log is followed; null while it was not read. */
  readonly log: ServiceLog | null;
}

export interface ProcessRow {
  readonly pid: number;
  /** Processors in use since the look before; null at the first. */
  readonly cpu: number | null;
  readonly rssBytes: number;
  readonly threads: number;
  readonly name: string;
}

export interface ProcessList {
  readonly partition: string;
  /** The busiest first. */
  readonly rows: readonly ProcessRow[];
  /** Why there are none, or not all; empty when all are there. */
  readonly problem: string;
}

export interface ServiceLog {
  readonly partition: string;
  readonly service: string;
  readonly channel: LogChannel;
  /** Its end. */
  readonly lines: readonly string[];
  readonly problem: string;
}

export type LogChannel = 'stdout' | 'stderr';
