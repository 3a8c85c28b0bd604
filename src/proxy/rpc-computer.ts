/** Methods of the JSON-RPC API about computers and their software (spec/proxy.md 9). */
import {
  type ComputerConfiguration,
  checkDistinct,
  storeConfiguration,
  warnKept,
} from './computer.ts';
import { forbidden } from './http-problem.ts';
import { forgetSoftware, REPORTS, readComputerStatus, reportSoftware } from './reports.ts';
import {
  answerAlways,
  LOG,
  OPTIONAL_TEXT,
  type RpcMethod,
  renderGuid,
  success,
  TEXT,
  textOf,
} from './rpc-method.ts';
import type { JsonObject } from './rpc-schema.ts';
import { ofComputer, renderStatus } from './status.ts';
import type { ProxyTables } from './store.ts';

const COMPUTER = { computer_guid: TEXT };
const SOFTWARE = { ...COMPUTER, software_release_uri: TEXT };
const IGNORED = success('Ignored');
const NO_CERTIFICATE = { key: '', certificate: '' };

/** Unlike in the XML API, the default computer must have been described too. */
async function expectComputer(body: JsonObject, tables: ProxyTables): Promise<string> {
  const reference = textOf(body, 'computer_guid');
  if ((await tables.getComputer(reference)) !== null) return reference;
  throw forbidden(`${reference} is not registered.`);
}

const supply: RpcMethod = {
  input: { ...SOFTWARE, state: { type: 'string', choices: ['available', 'destroyed'] } },
  async run(body, _call, { store }) {
    const url = textOf(body, 'software_release_uri');
    const requestedState = String(body['state'] ?? 'available');
    const computerReference = textOf(body, 'computer_guid');
    await store.write((tables) => tables.putSoftware({ url, computerReference, requestedState }));
    return success(`Supplied ${url} to be ${requestedState}`);
  },
};

const reportSoftwareState: RpcMethod = {
  input: {
    ...SOFTWARE,
    reported_state: { ...TEXT, choices: ['available', 'destroyed', 'building'] },
  },
  async run(body, _call, { store, clock }) {
    const [url, computer] = [textOf(body, 'software_release_uri'), textOf(body, 'computer_guid')];
    const isDestroyed = body['reported_state'] === 'destroyed';
    const isBuilding = body['reported_state'] === 'building';
    await store.write((tables) => {
      if (isDestroyed) return forgetSoftware(url, computer, tables);
      const said = isBuilding ? REPORTS.building(url) : REPORTS.available(url);
      return reportSoftware(url, computer, said, tables, clock);
    });
    return isDestroyed ? success('Destroyed') : IGNORED;
  },
};

const reportSoftwareError: RpcMethod = {
  input: { ...SOFTWARE, message: LOG },
  async run(body, _call, { store, clock }) {
    const [url, computer] = [textOf(body, 'software_release_uri'), textOf(body, 'computer_guid')];
    const said = REPORTS.softwareError(url, textOf(body, 'message'));
    await store.write((tables) => reportSoftware(url, computer, said, tables, clock));
    return IGNORED;
  },
};

/** What upstream answers, unless the computer has said something. */
const getStatus: RpcMethod = {
  input: COMPUTER,
  async run(body, _call, { store, clock, contacts }) {
    const computer = textOf(body, 'computer_guid');
    const status = await store.read((tables) => readComputerStatus(computer, tables, contacts));
    if (status === null) return { text: 'Unknown (not implemented)' };
    return renderStatus(ofComputer(computer), status, clock());
  },
};

const listSoftware: RpcMethod = {
  input: COMPUTER,
  async run(body, _call, { store }) {
    const rows = await store.read(async (tables) => {
      return tables.listSoftware(await expectComputer(body, tables));
    });
    const list = rows.map((row) => ({
      software_release_uri: row.url,
      state: row.requestedState ?? 'available',
    }));
    return { result_list: list };
  },
};

const listInstances: RpcMethod = {
  input: COMPUTER,
  async run(body, _call, { store }) {
    const rows = await store.read(async (tables) => {
      return tables.listPartitions(await expectComputer(body, tables));
    });
    const used = rows.filter((row) => row.slapState === 'busy' && row.title !== null);
    const list = used.map(({ title, requestedBy, ...row }) => ({
      title,
      instance_guid: renderGuid({ title: title ?? '', requestedBy, isShared: false }),
      state: row.requestedState,
      compute_partition_id: row.reference,
      software_release_uri: row.softwareRelease ?? '',
    }));
    return { result_list: list };
  },
};

const listComputers: RpcMethod = {
  input: {},
  async run(_body, _call, { store }) {
    const rows = await store.read((tables) => tables.listComputers());
    return { result_list: rows.map((row) => ({ computer_guid: row.reference })) };
  },
};

const format: RpcMethod = {
  input: {
    ...COMPUTER,
    compute_partition_list: {
      type: 'array',
      isRequired: true,
      items: {
        type: 'object',
        isOpen: true,
        properties: {
          partition_id: TEXT,
          ip_list: {
            type: 'array',
            items: {
              type: 'object',
              isOpen: true,
              properties: {
                'ip-address': TEXT,
                'network-interface': OPTIONAL_TEXT,
                netmask: OPTIONAL_TEXT,
                'network-address': OPTIONAL_TEXT,
                'gateway-ip-address': OPTIONAL_TEXT,
              },
            },
          },
        },
      },
    },
  },
  async run(body, _call, { store, log, clock }) {
    const configuration = parseFormat(body);
    const kept = await store.write((tables) => storeConfiguration(configuration, tables, clock));
    warnKept(configuration.computer.reference, kept, log);
    return success('Formatted');
  },
};

interface FormattedPartition {
  readonly partition_id: string;
  readonly ip_list?: ReadonlyArray<Readonly<Record<string, string>>>;
}

/** The schema holds for the body; an address without interface is on that of its partition. */
function parseFormat(body: JsonObject): ComputerConfiguration {
  const reference = textOf(body, 'computer_guid');
  const list = body['compute_partition_list'] as unknown as readonly FormattedPartition[];
  checkDistinct(list.map((partition) => partition.partition_id));
  return {
    computer: { reference, address: null, netmask: null },
    partitions: list.map(({ partition_id, ip_list = [] }) => ({
      reference: partition_id,
      addresses: ip_list.map((ip) => ({
        partitionReference: partition_id,
        computerReference: reference,
        reference: ip['network-interface'] || partition_id,
        address: ip['ip-address'] ?? null,
        netmask: ip['netmask'] ?? null,
      })),
    })),
  };
}

const hateoasUrl: RpcMethod = {
  input: {},
  run: async (_body, { baseUrl }) => ({ hateoas_url: `${baseUrl}hateoas/` }),
};

export const COMPUTER_METHODS: Readonly<Record<string, RpcMethod>> = {
  'slapos.post.v0.software_installation': supply,
  'slapos.put.v0.software_installation_reported_state': reportSoftwareState,
  'slapos.put.v0.software_installation_error': reportSoftwareError,
  'slapos.allDocs.v0.compute_node_software_installation_list': listSoftware,
  'slapos.allDocs.v0.compute_node_instance_list': listInstances,
  'slapos.allDocs.WIP.compute_node_list': listComputers,
  'slapos.put.v0.compute_node_format': format,
  'slapos.put.v0.compute_node_bang': answerAlways({ ...COMPUTER, message: LOG }, IGNORED),
  'slapos.post.v0.compute_node_usage': answerAlways({ ...COMPUTER, tioxml: LOG }, IGNORED),
  'slapos.get.v0.compute_node_status': getStatus,
  'slapos.post.v0.compute_node_certificate': answerAlways(COMPUTER, NO_CERTIFICATE),
  'slapos.remove.v0.compute_node_certificate': answerAlways(COMPUTER, IGNORED),
  'slapos.get.v0.software_instance_certificate': answerAlways(
    { instance_guid: TEXT },
    NO_CERTIFICATE,
  ),
  'slapos.get.v0.hateoas_url': hateoasUrl,
};
