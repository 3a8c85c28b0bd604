/**
 * The SLAP protocol over HTTP (spec/slap-protocol.md 3 and 4): implements {@link SlapMaster}.
 * One object per Master; connections are opened with the first request and kept alive.
 */
import { errorCode, MasterError } from '../errors/slapos-error.ts';
import {
  parseAddressPairs,
  parseAnswer,
  parseCertificate,
  parseComputer,
  parsePartition,
  parseRequestAnswer,
  parseStatus,
  parseTexts,
} from './answers.ts';
import { expectId, renderErrorLog } from './call-values.ts';
import {
  type Fields,
  openSlapConnection,
  type SlapClientOptions,
  type SlapConnection,
} from './connection.ts';
import type { HttpAnswer } from './http-transport.ts';
import type { JsonObject } from './json-value.ts';
import { encodeMarshal } from './marshal.ts';
import type {
  ComputerMemory,
  InstanceAnswer,
  InstanceRequest,
  PartitionId,
  SlapMaster,
} from './master.ts';
import { expectToldUrl } from './master-url.ts';

/** What only client commands ask for. */
export interface SlapUserMaster extends SlapMaster {
  /** The connection under it, for the HATEOAS part. */
  readonly connection: SlapConnection;
  /** Software releases of a product, best first; none when it is unknown. */
  getProductReleases(product: string): Promise<string[]>;
  renameInstance(id: PartitionId, title: string): Promise<void>;
  getComputerStatus(computerId: string): Promise<JsonObject>;
  generateComputerCertificate(computerId: string): Promise<{ certificate: string; key: string }>;
  revokeComputerCertificate(computerId: string): Promise<void>;
}

/** Speaks the XML protocol to the Master of the options. */
export function createSlapClient(options: SlapClientOptions): SlapUserMaster {
  return createSlapClientOn(openSlapConnection(options));
}

/** Speaks the XML protocol over a connection, which is closed with it. */
export function createSlapClientOn(connection: SlapConnection): SlapUserMaster {
  return new SlapClient(connection);
}

class SlapClient implements SlapUserMaster {
  readonly connection: SlapConnection;

  constructor(connection: SlapConnection) {
    this.connection = connection;
  }

  async getFullComputerInformation(computerId: string, memory?: ComputerMemory) {
    expectId(computerId, 'computer id');
    const known = await memory?.recall();
    const answer = await this.#getComputer(computerId, known?.tag);
    if (known !== undefined && answer.status === 304) return known.read();
    const what = 'The answer of getFullComputerInformation';
    const computer = parseComputer(parseAnswer(answer.body, what));
    const { etag } = answer.headers;
    if (etag !== undefined) await memory?.keep(etag, computer);
    return computer;
  }

  async #getComputer(computerId: string, tag: string | undefined): Promise<HttpAnswer> {
    const query = { computer_id: computerId };
    const headers = tag === undefined ? {} : { 'if-none-match': tag };
    try {
      return await this.connection.get('getFullComputerInformation', query, headers);
    } catch (error) {
      if (errorCode(error) !== 'SLAPOS_ERR_MASTER_NOT_FOUND') throw error;
      return this.connection.get('getComputerInformation', query);
    }
  }

  async registerComputerPartition(id: PartitionId) {
    expectId(id.computerId, 'computer id');
    expectId(id.partitionId, 'partition id');
    return parsePartition(
      await this.#read('registerComputerPartition', {
        computer_reference: id.computerId,
        computer_partition_reference: id.partitionId,
      }),
    );
  }

  async getPartitionCertificate(id: PartitionId) {
    return parseCertificate(await this.#read('getComputerPartitionCertificate', partition(id)));
  }

  async getHostingSubscriptionIpList(id: PartitionId) {
    return parseAddressPairs(await this.#read('getHostingSubscriptionIpList', partition(id)));
  }

  async loadComputerConfiguration(xml: string) {
    await this.connection.post('loadComputerConfigurationFromXML', { xml });
  }

  async supplySoftware(url: string, computerId: string, state: 'available' | 'destroyed') {
    try {
      await this.connection.post('supplySupply', { url, computer_id: computerId, state });
    } catch (cause) {
      if (errorCode(cause) !== 'SLAPOS_ERR_MASTER_NOT_FOUND') throw cause;
      const message = `Computer ${computerId} has not been found by SlapOS Master.`;
      throw new MasterError('SLAPOS_ERR_MASTER_NOT_FOUND', message, { cause });
    }
  }

  async reportBuildingSoftware(url: string, computerId: string) {
    await this.connection.post('buildingSoftwareRelease', { url, computer_id: computerId });
  }

  async reportAvailableSoftware(url: string, computerId: string) {
    await this.connection.post('availableSoftwareRelease', { url, computer_id: computerId });
  }

  async reportDestroyedSoftware(url: string, computerId: string) {
    await this.connection.post('destroyedSoftwareRelease', { url, computer_id: computerId });
  }

  async reportSoftwareError(url: string, computerId: string, errorLog: string) {
    const fields = { url, computer_id: computerId, error_log: renderErrorLog(errorLog) };
    await this.connection.post('softwareReleaseError', fields);
  }

  async reportStarted(id: PartitionId) {
    await this.connection.post('startedComputerPartition', partition(id));
  }

  async reportStopped(id: PartitionId) {
    await this.connection.post('stoppedComputerPartition', partition(id));
  }

  async reportDestroyed(id: PartitionId) {
    await this.connection.post('destroyedComputerPartition', partition(id));
  }

  async reportInstanceError(id: PartitionId, errorLog: string) {
    const fields = { ...partition(id), error_log: renderErrorLog(errorLog) };
    await this.connection.post('softwareInstanceError', fields);
  }

  async bangInstance(id: PartitionId, message: string) {
    await this.connection.post('softwareInstanceBang', { ...partition(id), message });
  }

  async bangComputer(computerId: string, message: string) {
    await this.connection.post('computerBang', { computer_id: computerId, message });
  }

  async updateRelatedInstances(id: PartitionId, references: readonly string[]) {
    await this.connection.post('updateComputerPartitionRelatedInstanceList', {
      ...partition(id),
      instance_reference_xml: encodeMarshal(references),
    });
  }

  async useComputer(computerId: string, usage: string) {
    if (usage === '') return;
    const fields = { computer_id: computerId, use_string: usage };
    await this.connection.post('useComputer', fields);
  }

  async requestInstance(request: InstanceRequest): Promise<InstanceAnswer> {
    try {
      const answer = await this.connection.post('requestComputerPartition', requestForm(request));
      const what = 'The answer of requestComputerPartition';
      return parseRequestAnswer(parseAnswer(answer.body, what));
    } catch (error) {
      if (errorCode(error) === 'SLAPOS_ERR_MASTER_NOT_READY') return { partition: null };
      throw error;
    }
  }

  async setConnection(
    id: PartitionId,
    connection: Readonly<Record<string, string | null>>,
    slaveReference?: string,
  ) {
    await this.connection.post('setComputerPartitionConnectionXml', {
      ...partition(id),
      connection_xml: encodeMarshal(connection),
      slave_reference: slaveReference ?? null,
    });
  }

  async getHateoasUrl() {
    try {
      const answer = await this.connection.get('getHateoasUrl');
      return expectToldUrl(answer.body.toString('utf8').trim(), answer.url);
    } catch (error) {
      if (errorCode(error) === 'SLAPOS_ERR_MASTER_NOT_FOUND') return null;
      throw error;
    }
  }

  async getProductReleases(product: string) {
    const query = { software_product_reference: product };
    return parseTexts(await this.#read('getSoftwareReleaseListFromSoftwareProduct', query));
  }

  async renameInstance(id: PartitionId, title: string) {
    await this.connection.post('softwareInstanceRename', { ...partition(id), new_name: title });
  }

  async getComputerStatus(computerId: string) {
    expectId(computerId, 'computer id');
    return parseStatus(await this.#read('getComputerStatus', { computer_id: computerId }));
  }

  async generateComputerCertificate(computerId: string) {
    expectId(computerId, 'computer id');
    const path = 'generateComputerCertificate';
    const answer = await this.connection.post(path, { computer_id: computerId });
    return parseCertificate(parseAnswer(answer.body, `The answer of ${path}`));
  }

  async revokeComputerCertificate(computerId: string) {
    expectId(computerId, 'computer id');
    await this.connection.post('revokeComputerCertificate', { computer_id: computerId });
  }

  async close() {
    await this.connection.close();
  }

  async #read(path: string, query: Fields) {
    const answer = await this.connection.get(path, query);
    return parseAnswer(answer.body, `The answer of ${path}`);
  }
}

function partition(id: PartitionId): { computer_id: string; computer_partition_id: string } {
  return { computer_id: id.computerId, computer_partition_id: id.partitionId };
}

function requestForm(request: InstanceRequest): Fields {
  return {
    software_release: request.softwareRelease,
    software_type: request.softwareType,
    partition_reference: request.title,
    partition_parameter_xml: encodeMarshal(request.parameters),
    filter_xml: encodeMarshal(request.filter),
    state: encodeMarshal(request.state),
    shared_xml: encodeMarshal(request.isShared),
    ...(request.requester === undefined ? {} : partition(request.requester)),
  };
}
