/** Methods of the JSON-RPC API about instances (spec/proxy.md 9). */
import type { Clock } from './clock.ts';
import { forbidden, HttpProblem } from './http-problem.ts';
import { bangInstance, destroyPartition, publishConnection, renameInstance } from './lifecycle.ts';
import { REPORTS, reportInstance } from './reports.ts';
import { checkRequest, type WantedInstance } from './request-form.ts';
import { fulfilRequest } from './request-route.ts';
import {
  renderAnswer,
  renderPartitionRow,
  renderSlaveEntries,
  renderSlaveRow,
} from './rpc-document.ts';
import {
  expectInstance,
  findGuid,
  type InstanceName,
  LOG,
  parseGuid,
  type RpcCall,
  type RpcMethod,
  renderGuid,
  success,
  TEXT,
  textOf,
} from './rpc-method.ts';
import type { JsonObject, PropertySchema } from './rpc-schema.ts';
import { slaveReference, splitSlave } from './slave.ts';
import type { Report } from './status.ts';
import type { ProxyTables, SlaveRow } from './store.ts';

const GUID = { instance_guid: TEXT };
const TITLE: PropertySchema = { ...TEXT, maxLength: 200 };
const ANYTHING: PropertySchema = { type: 'object' };
const STATES = ['started', 'stopped', 'destroyed'];
const IGNORED = success('Ignored');

const SLA: PropertySchema = {
  type: 'object',
  properties: { retention_delay: { type: 'number' } },
  others: { type: 'string' },
};

/** What the XML API says with other statuses, this one says with 403 or as not being ready. */
const post: RpcMethod = {
  input: {
    title: TITLE,
    software_release_uri: TEXT,
    software_type: TEXT,
    state: { type: 'string', choices: STATES },
    parameters: ANYTHING,
    shared: { type: 'boolean' },
    sla_parameters: SLA,
  },
  async run(body, call, environment) {
    const wanted = parseWanted(body, call);
    try {
      const answer = await fulfilRequest(wanted, call.sender, call, environment);
      const requestedBy = await environment.store.read((tables) => rootOf(call.sender, tables));
      return renderAnswer(answer, wanted, requestedBy);
    } catch (error) {
      if (!(error instanceof HttpProblem)) throw error;
      if (error.statusCode === 408) return NOT_READY;
      throw error.statusCode === 404 ? forbidden(error.message) : error;
    }
  },
};

const NOT_READY = {
  status: 102,
  name: 'SoftwareInstanceNotReady',
  message: 'Software Instance Not Ready',
};

function parseWanted(body: JsonObject, call: RpcCall): WantedInstance {
  return checkRequest({
    title: textOf(body, 'title'),
    softwareRelease: textOf(body, 'software_release_uri'),
    softwareType: textOf(body, 'software_type'),
    parameters: call.dictionary('parameters'),
    filter: call.dictionary('sla_parameters'),
    state: String(body['state'] ?? 'started'),
    isShared: body['shared'] === true,
  });
}

const getInstance: RpcMethod = {
  input: GUID,
  async run(body, _call, { store }) {
    const name = parseGuid(body);
    return store.read(async (tables) => {
      if (!name.isShared) return renderPartitionRow(await expectInstance(name, tables), tables);
      const row = await findSlave(name, tables);
      if (row === null) throw forbidden(`No shared instance ${renderGuid(name)} found.`);
      return renderSlaveRow(row, renderGuid(name), tables);
    });
  },
};

async function findSlave(
  { title, requestedBy }: InstanceName,
  tables: ProxyTables,
): Promise<SlaveRow | null> {
  return tables.findSlave(slaveReference(title, requestedBy));
}

const getPartition: RpcMethod = {
  input: { computer_guid: TEXT, compute_partition_id: TEXT },
  async run(body, _call, { store }) {
    const [computer, id] = [textOf(body, 'computer_guid'), textOf(body, 'compute_partition_id')];
    return store.read(async (tables) => {
      const row = await tables.getPartition({ computerReference: computer, reference: id });
      if (row === null || row.title === null) {
        throw forbidden(`No instance on partition ${id} found.`);
      }
      return renderPartitionRow(row, tables);
    });
  },
};

const getTree: RpcMethod = {
  input: { title: TEXT },
  async run(body, _call, { store }) {
    const title = textOf(body, 'title');
    return store.read(async (tables) => {
      const row = await tables.findInstance(title, '');
      if (row !== null && row.slapState === 'busy') return renderPartitionRow(row, tables);
      const slave = await findSlave({ title, requestedBy: '', isShared: true }, tables);
      if (slave !== null) return renderSlaveRow(slave, title, tables);
      throw forbidden(`No instance tree ${title} found.`);
    });
  },
};

const listTrees: RpcMethod = {
  input: {},
  async run(_body, _call, { store }) {
    return store.read(async (tables) => {
      const rows = await tables.listPartitions(null);
      const roots = rows.filter((row) => row.slapState === 'busy' && row.requestedBy === '');
      const slaves = (await tables.listSlaves()).map(splitSlave);
      const shared = slaves.filter(({ requestedBy }) => requestedBy === '');
      return { result_list: [...roots, ...shared].map(({ title }) => ({ title: title ?? '' })) };
    });
  },
};

const listSlaves: RpcMethod = {
  input: GUID,
  async run(body, _call, { store }) {
    const name = parseGuid(body);
    return store.read(async (tables) => {
      const host = await expectInstance(name, tables);
      return { result_list: await renderSlaveEntries(host, tables) };
    });
  },
};

const reportState: RpcMethod = {
  input: { ...GUID, reported_state: { ...TEXT, choices: STATES } },
  async run(body, _call, { store, clock }) {
    const state = body['reported_state'];
    if (state !== 'destroyed') {
      const said = state === 'started' ? REPORTS.started : REPORTS.stopped;
      await store.write((tables) => reportNamed(body, said, tables, clock));
      return IGNORED;
    }
    const name = parseGuid(body);
    if (name.isShared) return IGNORED;
    const result = await store.write(async (tables) => {
      return destroyPartition(await expectInstance(name, tables), tables);
    });
    if (result !== 'OK') throw forbidden(result);
    return success('Destroyed');
  },
};

const reportError: RpcMethod = {
  input: { ...GUID, message: LOG },
  async run(body, _call, { store, clock }) {
    const said = REPORTS.instanceError(textOf(body, 'message'));
    await store.write((tables) => reportNamed(body, said, tables, clock));
    return IGNORED;
  },
};

/** Upstream ignores such reports whatever they name: so what does not exist is no failure. */
async function reportNamed(
  body: JsonObject,
  said: Report,
  tables: ProxyTables,
  clock: Clock,
): Promise<void> {
  const name = findGuid(body);
  if (name === null || name.isShared) return;
  const row = await tables.findInstance(name.title, name.requestedBy);
  if (row !== null) await reportInstance(row, said, tables, clock);
}

/** As upstream, a success also for an instance that does not exist. */
const bang: RpcMethod = {
  input: { ...GUID, message: LOG },
  async run(body, _call, { store, clock }) {
    const { title, requestedBy } = parseOwnGuid(body);
    await store.write(async (tables) => {
      const row = await tables.findInstance(title, requestedBy);
      if (row !== null) await bangInstance(row, tables, clock);
    });
    return success('Bang handled');
  },
};

const rename: RpcMethod = {
  input: { ...GUID, title: TITLE },
  async run(body, _call, { store }) {
    const { title, requestedBy } = parseOwnGuid(body);
    await store.write(async (tables) => {
      const row = await tables.findInstance(title, requestedBy);
      if (row !== null) await renameInstance(row, textOf(body, 'title'), tables);
    });
    return success('Renamed');
  },
};

/** @throws HttpProblem 403 for a shared instance. */
function parseOwnGuid(body: JsonObject): InstanceName {
  const name = parseGuid(body);
  if (name.isShared) throw forbidden('NotImplemented');
  return name;
}

const publish: RpcMethod = {
  input: { ...GUID, connection_parameter_dict: { ...ANYTHING, isRequired: true } },
  async run(body, call, { store, clock }) {
    const name = parseGuid(body);
    const connection = call.dictionary('connection_parameter_dict');
    await store.write(async (tables) => {
      const target = name.isShared
        ? await findSlave(name, tables)
        : await tables.findInstance(name.title, name.requestedBy);
      if (target !== null) await publishConnection(target, connection, tables, clock);
    });
    return success('Updated');
  },
};

async function rootOf(
  sender: { readonly reference: string; readonly computerReference: string } | null,
  tables: ProxyTables,
): Promise<string> {
  const row = sender === null ? null : await tables.getPartition(sender);
  return row === null ? '' : row.requestedBy || (row.title ?? '');
}

export const INSTANCE_METHODS: Readonly<Record<string, RpcMethod>> = {
  'slapos.post.v0.software_instance': post,
  'slapos.get.v0.software_instance': getInstance,
  'slapos.get.v0.compute_partition': getPartition,
  'slapos.get.v0.instance_tree': getTree,
  'slapos.allDocs.v0.instance_tree_list': listTrees,
  'slapos.allDocs.v0.instance_node_instance_list': listSlaves,
  'slapos.put.v0.software_instance_reported_state': reportState,
  'slapos.put.v0.software_instance_error': reportError,
  'slapos.put.v0.software_instance_bang': bang,
  'slapos.put.v0.software_instance_title': rename,
  'slapos.put.v0.software_instance_connection_parameter': publish,
};
