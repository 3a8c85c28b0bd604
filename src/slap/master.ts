/**
 * What the node and the client commands want of a SlapOS Master, independent of the transport
 * (spec/slap-protocol.md). `slap-client.ts` speaks XML over HTTP; tests may give a fake.
 */
import type { MarshalValue } from './marshal-value.ts';

export interface SlapSoftwareRelease {
  readonly url: string;
  readonly computerId: string;
  readonly requestedState: 'available' | 'destroyed';
}

export interface SlapPartition {
  readonly computerId: string;
  readonly partitionId: string;
  /** `started`, `stopped`, `destroyed`; kept as text because a Master may say something else. */
  readonly requestedState: string;
  readonly needsModification: boolean;
  /** null for a free partition. */
  readonly softwareReleaseUrl: string | null;
  readonly instanceGuid: string | null;
  /** Where the Master tells it beside the parameters, which may be null. */
  readonly title?: string;
  /** User and reserved keys as the Master sent them; null when the document has none. */
  readonly parameters: Readonly<Record<string, MarshalValue>> | null;
  readonly connection: Readonly<Record<string, string | null>>;
  readonly filter: Readonly<Record<string, MarshalValue>>;
  /** Text such as `#access Instance correctly started`, or null when the Master does not say. */
  readonly accessStatus: string | null;
}

export interface SlapComputer {
  readonly computerId: string;
  readonly softwareReleases: readonly SlapSoftwareRelease[];
  readonly partitions: readonly SlapPartition[];
}

/** The document that a Master gave last, for asking only whether it still holds. */
export interface ComputerMemory {
  /** undefined without one; `read` gives the document. */
  recall(): Promise<{ readonly tag: string; readonly read: () => SlapComputer } | undefined>;
  /** Takes a new one. @param tag its entity tag */
  keep(tag: string, computer: SlapComputer): Promise<void>;
}

export interface PartitionId {
  readonly computerId: string;
  readonly partitionId: string;
}

export interface InstanceRequest {
  readonly softwareRelease: string;
  readonly softwareType: string;
  readonly title: string;
  readonly parameters: Readonly<Record<string, MarshalValue>>;
  readonly filter: Readonly<Record<string, string>>;
  /** null keeps the current state. */
  readonly state: string | null;
  readonly isShared: boolean;
  /** Present when a partition requests. */
  readonly requester?: PartitionId;
}

/** Answer to a request; `partition` is null while the Master has not allocated one. */
export interface InstanceAnswer {
  readonly partition: (SlapPartition & { readonly softwareType: string | null }) | null;
}

/**
 * Every method rejects with a MasterError: SLAPOS_ERR_MASTER_UNAVAILABLE (no connection, timeout,
 * TLS, 5xx; the offline mode of `node instance` rests on it), SLAPOS_ERR_MASTER_NOT_FOUND (404),
 * SLAPOS_ERR_MASTER_NOT_READY (408), SLAPOS_ERR_MASTER_UNAUTHENTICATED (401, 403),
 * SLAPOS_ERR_MASTER_REFUSED (any other 4xx) or SLAPOS_ERR_MASTER_PROTOCOL (an answer that cannot be
 * understood).
 */
export interface SlapMaster {
  /** @param memory used where the Master gives entity tags */
  getFullComputerInformation(computerId: string, memory?: ComputerMemory): Promise<SlapComputer>;
  /** Completes a partition that came without state or parameters. */
  registerComputerPartition(id: PartitionId): Promise<SlapPartition>;
  getPartitionCertificate(id: PartitionId): Promise<{ certificate: string; key: string }>;
  getHostingSubscriptionIpList(id: PartitionId): Promise<ReadonlyArray<readonly [string, string]>>;
  /** Posts the marshalled document of `slapos.xml`. */
  loadComputerConfiguration(xml: string): Promise<void>;
  supplySoftware(url: string, computerId: string, state: 'available' | 'destroyed'): Promise<void>;
  reportBuildingSoftware(url: string, computerId: string): Promise<void>;
  reportAvailableSoftware(url: string, computerId: string): Promise<void>;
  reportDestroyedSoftware(url: string, computerId: string): Promise<void>;
  reportSoftwareError(url: string, computerId: string, errorLog: string): Promise<void>;
  reportStarted(id: PartitionId): Promise<void>;
  reportStopped(id: PartitionId): Promise<void>;
  reportDestroyed(id: PartitionId): Promise<void>;
  reportInstanceError(id: PartitionId, errorLog: string): Promise<void>;
  bangInstance(id: PartitionId, message: string): Promise<void>;
  bangComputer(computerId: string, message: string): Promise<void>;
  updateRelatedInstances(id: PartitionId, references: readonly string[]): Promise<void>;
  useComputer(computerId: string, usage: string): Promise<void>;
  requestInstance(request: InstanceRequest): Promise<InstanceAnswer>;
  setConnection(
    id: PartitionId,
    connection: Readonly<Record<string, string | null>>,
    slaveReference?: string,
  ): Promise<void>;
  getHateoasUrl(): Promise<string | null>;
  close(): Promise<void>;
}
