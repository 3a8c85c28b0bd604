/**
 * A Master over its JSON-RPC API (spec/slap-protocol.md 6): implements {@link SlapMaster} as
 * `slap-client.ts` does over XML. What this API names by guid is looked up by its partition first.
 */
import { isSlaposError, MasterError } from '../errors/slapos-error.ts';
import { expectId, renderErrorLog } from './call-values.ts';
import type { SlapConnection } from './connection.ts';
import { parseFormat } from './format-document.ts';
import { createJsonRpc, type JsonRpc } from './json-rpc.ts';
import type { RpcInstance, RpcInstanceState } from './json-rpc-methods.ts';
import { parametersOf, partitionOf, toDictionary, toSla } from './json-rpc-partition.ts';
import type { JsonObject } from './json-value.ts';
import type {
  InstanceAnswer,
  InstanceRequest,
  PartitionId,
  SlapComputer,
  SlapPartition,
} from './master.ts';
import { expectToldUrl } from './master-url.ts';
import type { SlapUserMaster } from './slap-client.ts';

/** Speaks JSON-RPC over a connection, which is closed with it. */
export function createJsonRpcMaster(connection: SlapConnection): SlapUserMaster {
  return new JsonRpcMaster(connection);
}

class JsonRpcMaster implements SlapUserMaster {
  readonly connection: SlapConnection;
  readonly #rpc: JsonRpc;

  constructor(connection: SlapConnection) {
    this.connection = connection;
    this.#rpc = createJsonRpc(connection);
  }

  /** Free partitions are not listed, and parameters are left to registerComputerPartition. */
  async getFullComputerInformation(computerId: string): Promise<SlapComputer> {
    expectId(computerId, 'computer id');
    const computer = { computer_guid: computerId };
    const [software, instances] = await Promise.all([
      this.#rpc.call('slapos.allDocs.v0.compute_node_software_installation_list', computer),
      this.#rpc.call('slapos.allDocs.v0.compute_node_instance_list', computer),
    ]);
    return {
      computerId,
      softwareReleases: software.result_list.map(({ software_release_uri: url, state }) => ({
        url,
        computerId,
        requestedState: state === 'destroyed' ? 'destroyed' : 'available',
      })),
      partitions: instances.result_list.map((listed) => ({
        computerId,
        partitionId: listed.compute_partition_id,
        requestedState: listed.state,
        needsModification: true,
        softwareReleaseUrl: listed.software_release_uri,
        instanceGuid: listed.instance_guid,
        title: listed.title,
        parameters: null,
        connection: {},
        filter: {},
        accessStatus: null,
      })),
    };
  }

  async registerComputerPartition(id: PartitionId): Promise<SlapPartition> {
    const instance = await this.#lookUp(id);
    const { result_list: shared } = await this.#rpc.call(
      'slapos.allDocs.v0.instance_node_instance_list',
      { instance_guid: instance.instance_guid },
    );
    const slaves = shared.map((slave) => ({
      ...toDictionary(slave.parameters),
      slave_title: slave.title,
      slave_reference: slave.instance_guid,
      slap_software_type: slave.software_type,
    }));
    const parameters = { ...parametersOf(instance), slave_instance_list: slaves };
    return { ...partitionOf(instance), parameters };
  }

  async getPartitionCertificate(id: PartitionId) {
    const { instance_guid } = await this.#lookUp(id);
    return this.#rpc.call('slapos.get.v0.software_instance_certificate', { instance_guid });
  }

  getHostingSubscriptionIpList(): Promise<never> {
    return unsupported('addresses of an instance tree');
  }

  async loadComputerConfiguration(xml: string) {
    await this.#rpc.call('slapos.put.v0.compute_node_format', parseFormat(xml));
  }

  async supplySoftware(url: string, computerId: string, state: 'available' | 'destroyed') {
    await this.#rpc.call('slapos.post.v0.software_installation', {
      ...software(url, computerId),
      state,
    });
  }

  async reportBuildingSoftware(url: string, computerId: string) {
    await this.#reportSoftware(url, computerId, 'building');
  }

  async reportAvailableSoftware(url: string, computerId: string) {
    await this.#reportSoftware(url, computerId, 'available');
  }

  async reportDestroyedSoftware(url: string, computerId: string) {
    await this.#reportSoftware(url, computerId, 'destroyed');
  }

  async reportSoftwareError(url: string, computerId: string, errorLog: string) {
    const message = renderErrorLog(errorLog);
    const input = { ...software(url, computerId), message };
    await this.#rpc.call('slapos.put.v0.software_installation_error', input);
  }

  async reportStarted(id: PartitionId) {
    await this.#reportState(id, 'started');
  }

  async reportStopped(id: PartitionId) {
    await this.#reportState(id, 'stopped');
  }

  async reportDestroyed(id: PartitionId) {
    await this.#reportState(id, 'destroyed');
  }

  async reportInstanceError(id: PartitionId, errorLog: string) {
    const { instance_guid } = await this.#lookUp(id);
    const message = renderErrorLog(errorLog);
    await this.#rpc.call('slapos.put.v0.software_instance_error', { instance_guid, message });
  }

  async bangInstance(id: PartitionId, message: string) {
    const { instance_guid } = await this.#lookUp(id);
    await this.#rpc.call('slapos.put.v0.software_instance_bang', { instance_guid, message });
  }

  async bangComputer(computerId: string, message: string) {
    expectId(computerId, 'computer id');
    const input = { computer_guid: computerId, message };
    await this.#rpc.call('slapos.put.v0.compute_node_bang', input);
  }

  /** Masters of this API find out themselves which instances belong together. */
  async updateRelatedInstances() {}

  async useComputer(computerId: string, usage: string) {
    if (usage === '') return;
    const input = { computer_guid: computerId, tioxml: usage };
    await this.#rpc.call('slapos.post.v0.compute_node_usage', input);
  }

  async requestInstance(request: InstanceRequest): Promise<InstanceAnswer> {
    const { softwareRelease, softwareType, title, parameters, filter, state, isShared } = request;
    const input = {
      title,
      software_release_uri: softwareRelease,
      software_type: softwareType,
      parameters: parameters as JsonObject,
      sla_parameters: toSla(filter),
      shared: isShared,
      ...(state === null ? {} : { state: state as RpcInstanceState }),
    };
    try {
      const { requester } = request;
      const method = 'slapos.post.v0.software_instance';
      const instance = await this.#rpc.call(method, input, { requester });
      return { partition: { ...partitionOf(instance), softwareType: instance.software_type } };
    } catch (error) {
      if (!isSlaposError(error) || error.code !== 'SLAPOS_ERR_MASTER_NOT_READY') throw error;
      return { partition: null };
    }
  }

  /** @param slaveReference guid of a shared instance of the partition */
  async setConnection(
    id: PartitionId,
    connection: Readonly<Record<string, string | null>>,
    slaveReference?: string,
  ) {
    const input = {
      instance_guid: slaveReference ?? (await this.#lookUp(id)).instance_guid,
      connection_parameter_dict: connection,
    };
    await this.#rpc.call('slapos.put.v0.software_instance_connection_parameter', input);
  }

  async getHateoasUrl() {
    const { hateoas_url: told } = await this.#rpc.call('slapos.get.v0.hateoas_url', {});
    return expectToldUrl(told, this.connection.baseUrl);
  }

  getProductReleases(): Promise<never> {
    return unsupported('software products');
  }

  async renameInstance(id: PartitionId, title: string) {
    const { instance_guid } = await this.#lookUp(id);
    await this.#rpc.call('slapos.put.v0.software_instance_title', { instance_guid, title });
  }

  getComputerStatus(computerId: string) {
    const input = { computer_guid: computerId };
    return this.#rpc.call('slapos.get.v0.compute_node_status', input);
  }

  generateComputerCertificate(computerId: string) {
    const input = { computer_guid: computerId };
    return this.#rpc.call('slapos.post.v0.compute_node_certificate', input);
  }

  async revokeComputerCertificate(computerId: string) {
    const input = { computer_guid: computerId };
    await this.#rpc.call('slapos.remove.v0.compute_node_certificate', input);
  }

  async close() {
    await this.connection.close();
  }

  #lookUp({ computerId, partitionId }: PartitionId): Promise<RpcInstance> {
    expectId(computerId, 'computer id');
    expectId(partitionId, 'partition id');
    const input = { computer_guid: computerId, compute_partition_id: partitionId };
    return this.#rpc.call('slapos.get.v0.compute_partition', input);
  }

  async #reportState(id: PartitionId, reported_state: RpcInstanceState): Promise<void> {
    const { instance_guid } = await this.#lookUp(id);
    const input = { instance_guid, reported_state };
    await this.#rpc.call('slapos.put.v0.software_instance_reported_state', input);
  }

  async #reportSoftware(
    url: string,
    computerId: string,
    reported_state: 'building' | 'available' | 'destroyed',
  ): Promise<void> {
    const input = { ...software(url, computerId), reported_state };
    await this.#rpc.call('slapos.put.v0.software_installation_reported_state', input);
  }
}

function software(url: string, computerId: string) {
  return { computer_guid: computerId, software_release_uri: url };
}

function unsupported(what: string): Promise<never> {
  const message = `The JSON-RPC API of SlapOS has no call for ${what}.`;
  const hint = "Use the transport 'xml'.";
  return Promise.reject(new MasterError('SLAPOS_ERR_MASTER_UNSUPPORTED', message, { hint }));
}
