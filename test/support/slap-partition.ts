import type { SlapPartition } from '../../src/slap/master.ts';

/** A started partition of computer COMP-1, as the Master describes it, with changes. */
export function slapPartition(changes: Partial<SlapPartition> = {}): SlapPartition {
  return {
    computerId: 'COMP-1',
    partitionId: 'slappart0',
    requestedState: 'started',
    needsModification: true,
    softwareReleaseUrl: 'https://host/software.cfg',
    instanceGuid: null,
    parameters: { timestamp: '1' },
    connection: {},
    filter: {},
    accessStatus: null,
    ...changes,
  };
}
