import type { ComputerCertificate, GridOptions } from '../config/grid-options.ts';
import type { GridHost } from '../host/grid-host.ts';
import type { Logger } from '../log/logger.ts';
import type { SlapMaster } from '../slap/master.ts';
import type { Firewall } from './firewall.ts';
import type { Manager } from './manager.ts';

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
