/** What a pass of a grid command works with, and what plugs into it: managers and the firewall. */
import type { ComputerCertificate, GridOptions } from '../config/grid-options.ts';
import type { GridHost, OwnedFolder } from '../host/grid-host.ts';
import type { UserIdentity } from '../host/user/user.ts';
import type { Logger } from '../log/logger.ts';
import type { SlapMaster, SlapPartition } from '../slap/master.ts';

/** How far a pass is. */
export interface GridProgress {
  readonly done: number;
  readonly total: number;
  /** What is being done, or what is counted. */
  readonly label: string;
}

/** What the Master was last told of partitions; `src/instance/told-states.ts` keeps it. */
export interface ToldStates {
  isTold(partitionId: string, state: string): boolean;
  /** From now on nothing counts as told: the Master says itself what it knows. */
  disbelieve(): void;
  /** Before anything is told. */
  forget(partitionId: string): Promise<void>;
  /** After it was told. */
  remember(partitionId: string, state: string): void;
}

/** Everything that a pass of a grid command works with. */
export interface GridContext {
  readonly options: GridOptions;
  readonly master: SlapMaster;
  /** Speaks to the Master as a partition; absent: as the computer. */
  readonly openMaster?: (certificate: ComputerCertificate) => SlapMaster;
  readonly host: GridHost;
  readonly log: Logger;
  /** Told as often as something is done; shows it where there is a terminal. */
  readonly progress: (state: GridProgress) => void;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly now: () => Date;
  readonly random: () => number;
  readonly signal: AbortSignal;
  /** How many partitions or releases are installed at a time: that takes processors. */
  readonly jobs: number;
  /** How many partitions wait for their promises at a time; absent: `jobs`. */
  readonly watches?: number;
  /** In the order of `manager_list`. */
  readonly managers: readonly Manager[];
  /** undefined without section [firewall]. */
  readonly firewall: Firewall | undefined;
  /** Option `--debug`: plugin promises log what only explains them, too. */
  readonly isDebug?: boolean;
  /** Absent in commands that tell the Master nothing about partitions. */
  readonly told?: ToldStates;
}

/** A partition as managers see it. */
export interface ManagedPartition {
  readonly id: string;
  readonly wish: SlapPartition;
  readonly folder: OwnedFolder;
  readonly owner: UserIdentity;
  readonly log: Logger;
}

/** A software release as managers see it. */
export interface ManagedRelease {
  readonly url: string;
  /** Its folder, which need not exist. */
  readonly path: string;
}

/**
 * A plug-in of `[slapos] manager_list` (spec/grid.md 12); `src/manager/` has them.
 *
 * Every hook may be called again after a pass that was cut off, and alone. A hook that rejects makes
 * the release or partition fail; the other managers are called all the same.
 */
export interface Manager {
  readonly name: string;
  /**
   * Paths in a partition by which it asks: for a partition that is up to date, and has neither one of
   * them nor a group of the manager, the hooks of `node instance` are not called.
   */
  readonly asksBy: readonly string[];
  /**
   * The manager's own group of services of a partition is `<id>-<groupSuffix>`: it outlives a
   * regeneration of the partition's services.
   */
  readonly groupSuffix?: string;
  /** Before a software release is looked at. */
  software?(context: GridContext, release: ManagedRelease): Promise<void>;
  /** After a software release was processed without an error. */
  softwareTearDown?(context: GridContext, release: ManagedRelease): Promise<void>;
  /** Before it is decided whether a partition is up to date. */
  instance?(context: GridContext, partition: ManagedPartition): Promise<void>;
  /** After a partition was processed or found up to date, whatever came of it. */
  instanceTearDown?(context: GridContext, partition: ManagedPartition): Promise<void>;
  /**
   * A destroyed partition whose services were stopped, in every pass until it is free.
   * @param isRetained true when it may not be emptied yet
   */
  report?(context: GridContext, partition: ManagedPartition, isRetained: boolean): Promise<void>;
}

/** Rules of partitions in the firewall (spec/grid.md 7.6); `src/firewall/` has the one for firewalld. */
export interface Firewall {
  /** Makes the rules of a partition what the Master asks for. @throws SlaposError SLAPOS_ERR_FIREWALL */
  apply(context: GridContext, partition: ManagedPartition): Promise<void>;
  /** Removes the rules of a partition. @throws SlaposError SLAPOS_ERR_FIREWALL */
  remove(context: GridContext, partition: ManagedPartition): Promise<void>;
}
