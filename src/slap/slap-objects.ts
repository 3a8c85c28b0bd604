/** Upstream's objects: handles that know names and ask the Master when they are told to. */
import type { CallLimits } from './bounded-call.ts';
import { checkChoice, checkText } from './call-parameters.ts';
import { expectId } from './call-values.ts';
import {
  ComputerPartition,
  type OpenMaster,
  type RequestAnswer,
  type RequestOptions,
  sendRequest,
} from './computer-partition.ts';
import { parseInstance } from './instance-information.ts';
import type { JsonObject } from './json-value.ts';
import type { SlapSoftwareRelease } from './master.ts';

export type SoftwareState = 'available' | 'destroyed';

const SOFTWARE_STATES: readonly SoftwareState[] = ['available', 'destroyed'];

/** Requests instances as the person or computer that the certificate names. */
export class OpenOrder {
  readonly #open: OpenMaster;

  /** @internal */
  constructor(open: OpenMaster) {
    this.#open = open;
  }

  /**
   * Requests an instance, or changes the one of that title.
   * @throws UsageError SLAPOS_ERR_USAGE for what cannot be sent; MasterError.
   */
  request(request: RequestOptions, options?: CallLimits): Promise<RequestAnswer> {
    return sendRequest(this.#open, request, options);
  }
}

/** Requests software on computers. */
export class Supply {
  readonly #open: OpenMaster;

  /** @internal */
  constructor(open: OpenMaster) {
    this.#open = open;
  }

  /** @param state `destroyed` removes it */
  async supply(
    softwareRelease: string,
    computerId: string,
    state: SoftwareState = 'available',
    options?: CallLimits,
  ): Promise<void> {
    await this.#open(options).supplySoftware(
      checkText(softwareRelease, 'softwareRelease'),
      checkText(computerId, 'computerId'),
      checkChoice(state, SOFTWARE_STATES, 'state'),
    );
  }
}

/** An instance in the list of a computer. */
export interface ListedInstance {
  readonly partition: ComputerPartition;
  readonly title: string;
  readonly instanceGuid: string | null;
  readonly state: string;
  readonly softwareReleaseUrl: string | null;
}

/** A computer by its id. */
export class Computer {
  readonly computerId: string;
  readonly #open: OpenMaster;

  /** @internal */
  constructor(open: OpenMaster, computerId: string) {
    this.#open = open;
    this.computerId = computerId;
  }

  /** Software that was supplied to it. */
  async listSoftware(options?: CallLimits): Promise<readonly SlapSoftwareRelease[]> {
    const { softwareReleases } = await this.#open(options).getFullComputerInformation(
      this.computerId,
    );
    return softwareReleases;
  }

  /** Instances that have a partition of it. */
  async listInstances(options?: CallLimits): Promise<readonly ListedInstance[]> {
    const { partitions } = await this.#open(options).getFullComputerInformation(this.computerId);
    const taken = partitions.filter((partition) => partition.softwareReleaseUrl !== null);
    return taken.map((partition) => {
      const { computerId, partitionId } = partition;
      const { title, instanceGuid, state, softwareReleaseUrl } = parseInstance(partition);
      const handle = new ComputerPartition(this.#open, { computerId, partitionId });
      return { partition: handle, title, instanceGuid, state, softwareReleaseUrl };
    });
  }

  /** @throws MasterError SLAPOS_ERR_MASTER_NOT_FOUND for an empty id. */
  partition(partitionId: string): ComputerPartition {
    expectId(partitionId, 'partition id');
    return new ComputerPartition(this.#open, { computerId: this.computerId, partitionId });
  }

  /**
   * Declares the computer and its partitions, as `slapos node format` does.
   * @param xml a marshalled description (`slapos.xml`)
   */
  async loadConfiguration(xml: string, options?: CallLimits): Promise<void> {
    await this.#open(options).loadComputerConfiguration(xml);
  }

  /** Has the node process every partition anew. */
  async bang(message: string, options?: CallLimits): Promise<void> {
    await this.#open(options).bangComputer(this.computerId, message);
  }

  /** What the node last reported, such as `text`; servers differ in what they tell. */
  async getStatus(options?: CallLimits): Promise<JsonObject> {
    return this.#open(options).getComputerStatus(this.computerId);
  }

  /** A new key and certificate of the computer: another one makes the former invalid. */
  async generateCertificate(options?: CallLimits): Promise<{ certificate: string; key: string }> {
    return this.#open(options).generateComputerCertificate(this.computerId);
  }

  async revokeCertificate(options?: CallLimits): Promise<void> {
    await this.#open(options).revokeComputerCertificate(this.computerId);
  }

  /** @param tioXml consumption; an empty text is not sent */
  async reportUsage(tioXml: string, options?: CallLimits): Promise<void> {
    await this.#open(options).useComputer(this.computerId, tioXml);
  }
}
