/** Everything that `node doctor` says of a machine, in the order in which it is mended. Pure. */
import type { DoctorFacts } from './facts.ts';
import type { Finding } from './finding.ts';
import { judgeFolder, judgeKernel, judgeLimits, judgePrograms } from './judge-host.ts';
import { judgeNetwork } from './judge-network.ts';
import {
  judgeCertificate,
  judgeConfiguration,
  judgeMaster,
  judgeSupervisor,
} from './judge-node.ts';

export function judge(facts: DoctorFacts): Finding[] {
  return [
    ...judgeKernel(facts),
    ...judgePrograms(facts),
    ...judgeLimits(facts),
    ...judgeConfiguration(facts),
    ...facts.folders.flatMap(judgeFolder),
    ...judgeNetwork(facts),
    ...judgeCertificate(facts),
    ...judgeMaster(facts),
    ...judgeSupervisor(facts),
  ];
}
