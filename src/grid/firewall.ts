import type { GridContext } from './context.ts';
import type { ManagedPartition } from './manager.ts';

/** Rules of partitions in the firewall (spec/grid.md 7.6); `src/firewall/` has the one for firewalld. */
export interface Firewall {
  /** Makes the rules of a partition what the Master asks for. @throws SlaposError SLAPOS_ERR_FIREWALL */
  apply(context: GridContext, partition: ManagedPartition): Promise<void>;
  /** Removes the rules of a partition. @throws SlaposError SLAPOS_ERR_FIREWALL */
  remove(context: GridContext, partition: ManagedPartition): Promise<void>;
}
