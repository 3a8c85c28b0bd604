/** Partitions, and requests of the instances that get one. */
import { MasterError } from '../errors/slapos-error.ts';
import type { CallLimits } from './bounded-call.ts';
import { checkChoice, checkParameters, checkText } from './call-parameters.ts';
import {
  type InstanceInformation,
  parseInstance,
  parseParameters,
} from './instance-information.ts';
import type { JsonObject } from './json-value.ts';
import type { InstanceAnswer, PartitionId } from './master.ts';
import type { SlapUserMaster } from './slap-client.ts';

/**
 * Opens the Master for one call.
 * @internal
 */
export type OpenMaster = (limits?: CallLimits) => SlapUserMaster;

export type InstanceState = 'started' | 'stopped' | 'destroyed';

const INSTANCE_STATES: readonly InstanceState[] = ['started', 'stopped', 'destroyed'];

export interface RequestOptions {
  readonly softwareRelease: string;
  /** Names the instance: a request of the same title changes the instance that is there. */
  readonly title: string;
  /** Default `default`. */
  readonly softwareType?: string | undefined;
  readonly parameters?: Readonly<Record<string, unknown>> | undefined;
  /** What the place must fulfil, such as `computer_guid`. */
  readonly filter?: Readonly<Record<string, string>> | undefined;
  /** Default `started`; null leaves it to the server. */
  readonly state?: InstanceState | null | undefined;
  /** A slave: an instance that shares the partition of another one. Default false. */
  readonly isShared?: boolean | undefined;
}

/** What was allocated for a request. */
export interface RequestedInstance {
  readonly isReady: true;
  readonly title: string;
  readonly partition: ComputerPartition;
  /** Opaque; another one by each transport, null where the server tells none. */
  readonly instanceGuid: string | null;
  readonly state: string;
  readonly softwareReleaseUrl: string | null;
  readonly softwareType: string | null;
  readonly parameters: JsonObject;
  readonly connectionParameters: Readonly<Record<string, string | null>>;
}

/** The Master took the request, and has no place yet: the same request, later, tells. */
export interface PendingInstance {
  readonly isReady: false;
  readonly title: string;
}

export type RequestAnswer = RequestedInstance | PendingInstance;

/** A partition by its computer and its id. */
export class ComputerPartition {
  readonly computerId: string;
  readonly partitionId: string;
  readonly #open: OpenMaster;

  /** @internal */
  constructor(open: OpenMaster, { computerId, partitionId }: PartitionId) {
    this.#open = open;
    this.computerId = computerId;
    this.partitionId = partitionId;
  }

  /**
   * The instance that has the partition, as the Master knows it now.
   * @throws MasterError SLAPOS_ERR_MASTER_NOT_FOUND when the partition is free.
   */
  async getInstance(options?: CallLimits): Promise<InstanceInformation> {
    const partition = await this.#open(options).registerComputerPartition(this.#id);
    if (partition.softwareReleaseUrl !== null) return parseInstance(partition);
    const place = `${this.partitionId} of ${this.computerId}`;
    throw new MasterError('SLAPOS_ERR_MASTER_NOT_FOUND', `Partition ${place} is free.`);
  }

  async getState(options?: CallLimits): Promise<string> {
    return (await this.getInstance(options)).state;
  }

  async getInstanceParameters(options?: CallLimits): Promise<JsonObject> {
    return (await this.getInstance(options)).parameters;
  }

  async getConnectionParameters(
    options?: CallLimits,
  ): Promise<Readonly<Record<string, string | null>>> {
    return (await this.getInstance(options)).connectionParameters;
  }

  /** @throws MasterError SLAPOS_ERR_MASTER_NOT_FOUND when none of that name is published. */
  async getConnectionParameter(name: string, options?: CallLimits): Promise<string | null> {
    const published = await this.getConnectionParameters(options);
    if (Object.hasOwn(published, name)) return published[name] ?? null;
    const message = `Connection parameter ${name} is not published.`;
    throw new MasterError('SLAPOS_ERR_MASTER_NOT_FOUND', message);
  }

  /** Requests an instance as this partition: a child in its tree. */
  request(request: RequestOptions, options?: CallLimits): Promise<RequestAnswer> {
    return sendRequest(this.#open, request, options, this.#id);
  }

  /** Has the whole instance tree processed anew. */
  async bang(message: string, options?: CallLimits): Promise<void> {
    await this.#open(options).bangInstance(this.#id, message);
  }

  /**
   * Publishes connection parameters.
   * @param sharedReference of the shared instance of this partition whose they are
   */
  async setConnectionParameters(
    connection: Readonly<Record<string, string | null>>,
    sharedReference?: string,
    options?: CallLimits,
  ): Promise<void> {
    await this.#open(options).setConnection(this.#id, connection, sharedReference);
  }

  /** Gives the instance another title. */
  async rename(title: string, options?: CallLimits): Promise<void> {
    await this.#open(options).renameInstance(this.#id, checkText(title, 'title'));
  }

  /** Key and certificate with which the partition itself asks the Master. */
  async getCertificate(options?: CallLimits): Promise<{ certificate: string; key: string }> {
    return this.#open(options).getPartitionCertificate(this.#id);
  }

  async reportStarted(options?: CallLimits): Promise<void> {
    await this.#open(options).reportStarted(this.#id);
  }

  async reportStopped(options?: CallLimits): Promise<void> {
    await this.#open(options).reportStopped(this.#id);
  }

  async reportDestroyed(options?: CallLimits): Promise<void> {
    await this.#open(options).reportDestroyed(this.#id);
  }

  async reportError(message: string, options?: CallLimits): Promise<void> {
    await this.#open(options).reportInstanceError(this.#id, message);
  }

  get #id(): PartitionId {
    return { computerId: this.computerId, partitionId: this.partitionId };
  }
}

/** @internal */
export async function sendRequest(
  open: OpenMaster,
  request: RequestOptions,
  limits?: CallLimits,
  requester?: PartitionId,
): Promise<RequestAnswer> {
  const { state = 'started' } = request;
  const title = checkText(request.title, 'title');
  const answer = await open(limits).requestInstance({
    softwareRelease: checkText(request.softwareRelease, 'softwareRelease'),
    softwareType: checkText(request.softwareType ?? 'default', 'softwareType'),
    title,
    parameters: checkParameters(request.parameters ?? {}, 'parameters'),
    filter: checkFilter(request.filter ?? {}),
    state: state === null ? null : checkChoice(state, INSTANCE_STATES, 'state'),
    isShared: request.isShared === true,
    ...(requester === undefined ? {} : { requester }),
  });
  return renderAnswer(open, title, answer);
}

function checkFilter(filter: Readonly<Record<string, unknown>>): Record<string, string> {
  const entries = Object.entries(filter).filter(([, value]) => value !== undefined);
  return Object.fromEntries(
    entries.map(([name, value]) => [name, checkText(value, `filter.${name}`)]),
  );
}

function renderAnswer(
  open: OpenMaster,
  title: string,
  { partition }: InstanceAnswer,
): RequestAnswer {
  if (partition === null) return { isReady: false, title };
  const { instanceGuid, requestedState, softwareReleaseUrl, softwareType, connection } = partition;
  return {
    isReady: true,
    title,
    partition: new ComputerPartition(open, partition),
    instanceGuid,
    state: requestedState,
    softwareReleaseUrl,
    softwareType,
    parameters: parseParameters(partition.parameters ?? {}),
    connectionParameters: connection,
  };
}
