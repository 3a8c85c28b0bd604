/** A Master in memory: remembers every call, in order, and fails where it is told to. */
import { MasterError } from '../../src/errors/slapos-error.ts';
import type {
  PartitionId,
  SlapComputer,
  SlapMaster,
  SlapPartition,
  SlapSoftwareRelease,
} from '../../src/slap/master.ts';

export interface FakeMaster extends SlapMaster {
  /** What is asked of the computer; tests change it between passes. */
  partitions: readonly SlapPartition[];
  softwareReleases: readonly SlapSoftwareRelease[];
  /** `method` or `method partition`, in the order of the calls. */
  readonly calls: string[];
  /** Texts of errors and usage that were posted. */
  readonly posted: string[];
  /** Methods that fail, with the error to reject with. */
  readonly failures: Map<string, Error>;
}

export function masterUnavailable(): MasterError {
  return new MasterError('SLAPOS_ERR_MASTER_UNAVAILABLE', '503 Server Error', {
    isRetryable: true,
  });
}

export function createFakeMaster(): FakeMaster {
  const calls: string[] = [];
  const posted: string[] = [];
  const failures = new Map<string, Error>();
  const note = async (method: string, id?: PartitionId | string, text?: string) => {
    const subject = typeof id === 'object' ? id.partitionId : id;
    calls.push(subject === undefined ? method : `${method} ${subject}`);
    const failure = failures.get(method);
    if (failure !== undefined) throw failure;
    if (text !== undefined) posted.push(text);
  };
  const master: FakeMaster = {
    partitions: [],
    softwareReleases: [],
    calls,
    posted,
    failures,
    async getFullComputerInformation(computerId): Promise<SlapComputer> {
      await note('getFullComputerInformation');
      const { partitions, softwareReleases } = master;
      return { computerId, partitions, softwareReleases };
    },
    async registerComputerPartition(id) {
      await note('registerComputerPartition', id);
      const found = master.partitions.find((each) => each.partitionId === id.partitionId);
      if (found === undefined) throw new MasterError('SLAPOS_ERR_MASTER_NOT_FOUND', '404');
      return { ...found, parameters: found.parameters ?? { timestamp: '1' } };
    },
    async getPartitionCertificate(id) {
      await note('getPartitionCertificate', id);
      return { certificate: `certificate of ${id.partitionId}`, key: `key of ${id.partitionId}` };
    },
    async getHostingSubscriptionIpList(id) {
      await note('getHostingSubscriptionIpList', id);
      return [];
    },
    loadComputerConfiguration: () => note('loadComputerConfiguration'),
    supplySoftware: (url) => note('supplySoftware', url),
    reportBuildingSoftware: (url) => note('reportBuildingSoftware', url),
    reportAvailableSoftware: (url) => note('reportAvailableSoftware', url),
    reportDestroyedSoftware: (url) => note('reportDestroyedSoftware', url),
    reportSoftwareError: (url, _computer, text) => note('reportSoftwareError', url, text),
    reportStarted: (id) => note('reportStarted', id),
    reportStopped: (id) => note('reportStopped', id),
    reportDestroyed: (id) => note('reportDestroyed', id),
    reportInstanceError: (id, text) => note('reportInstanceError', id, text),
    bangInstance: (id, text) => note('bangInstance', id, text),
    bangComputer: (id) => note('bangComputer', id),
    updateRelatedInstances: (id, list) => note('updateRelatedInstances', id, list.join(' ')),
    useComputer: (_computer, usage) => note('useComputer', undefined, usage),
    requestInstance: () => Promise.reject(new Error('not used')),
    setConnection: (id) => note('setConnection', id),
    async getHateoasUrl() {
      return null;
    },
    async close() {},
  };
  return master;
}
