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
  /** How many partitions are processed at a time. */
  readonly jobs: number;
  /** In the order of `manager_list`. */
  readonly managers: readonly Manager[];
  /** undefined without section [firewall]. */
  readonly firewall: Firewall | undefined;
}
