/** Services of a user: by HATEOAS (spec/slap-protocol.md 7) or by JSON-RPC. */
import { MasterError } from '../errors/slapos-error.ts';
import type { CallLimits } from './bounded-call.ts';
import { type HateoasClient, openHateoasOf, type Service } from './hateoas-client.ts';
import { decodeInstanceXml } from './instance-xml.ts';
import type { JsonRpc } from './json-rpc.ts';
import { connectionOf } from './json-rpc-partition.ts';
import type { JsonObject } from './json-value.ts';
import type { SlapUserMaster } from './slap-client.ts';

export interface ServiceInformation {
  readonly title: string;
  readonly softwareReleaseUrl: string;
  readonly softwareType: string;
  readonly isShared: boolean;
  /** What was requested; a Master may say something else than `started`, `stopped`, `destroyed`. */
  readonly state: string;
  readonly parameters: JsonObject;
  readonly connectionParameters: Readonly<Record<string, string | null>>;
}

/** @internal */
export interface ServiceDirectory {
  listServices(): Promise<readonly string[]>;
  getService(title: string): Promise<ServiceInformation>;
}

/**
 * By HATEOAS, which is found first.
 * @internal
 */
export function openHateoasDirectory(
  master: SlapUserMaster,
  restUrl: string | undefined,
): ServiceDirectory {
  const open = (): Promise<HateoasClient> => openHateoasOf(master, restUrl);
  return {
    async listServices() {
      const services = await (await open()).listServices();
      return services.map(({ title }) => title);
    },
    async getService(title) {
      const service = await (await open()).getService(title);
      if (service !== null) return parseService(title, service);
      throw new MasterError('SLAPOS_ERR_MASTER_NOT_FOUND', `There is no service ${title}.`);
    },
  };
}

/** @internal */
export function openRpcDirectory(rpc: JsonRpc, limits: CallLimits): ServiceDirectory {
  return {
    async listServices() {
      const method = 'slapos.allDocs.v0.instance_tree_list';
      return (await rpc.call(method, {}, limits)).result_list.map(({ title }) => title);
    },
    async getService(title) {
      const tree = await rpc.call('slapos.get.v0.instance_tree', { title }, limits);
      return {
        title,
        softwareReleaseUrl: tree.software_release_uri,
        softwareType: tree.software_type,
        isShared: tree.shared,
        state: tree.state,
        parameters: tree.parameters,
        connectionParameters: connectionOf(tree.connection_parameters),
      };
    },
  };
}

function parseService(title: string, service: Service): ServiceInformation {
  const { softwareUrl, softwareType, isShared, requestedState, parameterXml } = service;
  return {
    title,
    softwareReleaseUrl: softwareUrl,
    softwareType,
    isShared,
    state: requestedState,
    parameters: decodeInstanceXml(parameterXml),
    connectionParameters: parseConnection(service.connection),
  };
}

function parseConnection(connection: Service['connection']): Record<string, string | null> {
  if (typeof connection === 'string') return decodeInstanceXml(connection);
  const texts = [...connection].map(([name, value]): [string, string | null] => {
    return [name, value === null || value === undefined ? null : String(value)];
  });
  return Object.fromEntries(texts);
}
