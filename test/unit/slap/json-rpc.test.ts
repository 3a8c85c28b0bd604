/** The JSON-RPC transport towards Masters, slapproxy, and whatever else answers. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { RPC_METHODS } from '../../../src/proxy/rpc.ts';
import type { RpcInput, RpcMethodName } from '../../../src/slap/json-rpc-methods.ts';
import { RPC_METHOD_NAMES } from '../../../src/slap/json-rpc-shapes.ts';
import { Slap } from '../../../src/slap/slap.ts';
import { computerDocument, SOFTWARE, startProxy } from '../../support/proxy-fixture.ts';
import { type ScriptedAnswer, startScriptedServer } from '../../support/scripted-server.ts';

const INSTANCE = {
  title: 'web',
  instance_guid: 'SOFTINST-7',
  software_release_uri: SOFTWARE,
  software_type: 'default',
  state: 'started',
  connection_parameters: { url: 'http://[::1]/', empty: '', count: 7 },
  parameters: { deep: { list: [1, 2.5, null, true] } },
  shared: false,
  root_instance_title: 'web',
  ip_list: [['tap0', '10.0.0.1']],
  full_ip_list: [],
  sla_parameters: { computer_guid: 'COMP-1' },
  computer_guid: 'COMP-1',
  compute_partition_id: 'slappart3',
  processing_timestamp: 1_795_217_539_307_588,
  access_status_message: '#access Instance correctly started',
};
const REQUEST = { softwareRelease: SOFTWARE, title: 'web' };

let answers: Record<string, ScriptedAnswer>;
let server: Awaited<ReturnType<typeof startScriptedServer>>;
let slap: Slap;

beforeEach(async () => {
  answers = {};
  server = await startScriptedServer(({ target }) => answers[target.slice(1)] ?? { status: 404 });
  slap = new Slap({ masterUrl: server.url, transport: 'json-rpc', retries: { maxRetries: 0 } });
});

afterEach(async () => {
  await slap.abort();
  await server.close();
});

const json = (body: unknown, status = 200) => ({
  status,
  headers: { 'content-type': 'application/json' },
  body: JSON.stringify(body),
});

const refusal = (type: string, status = 403) => json({ status, type, title: 'because' }, status);

describe('a partition of a Master', () => {
  const partition = () => slap.registerComputerPartition('COMP-1', 'slappart3');

  test('with its shared instances', async () => {
    answers['slapos.get.v0.compute_partition'] = json(INSTANCE);
    answers['slapos.allDocs.v0.instance_node_instance_list'] = json({
      result_list: [
        {
          title: 'slave',
          instance_guid: 'SOFTINST-8',
          software_type: 'frontend',
          state: 'started',
          parameters: { slave_title: 'not mine to say', n: 1 },
          compute_partition_id: 'slappart3',
        },
      ],
    });
    expect(await partition().getInstance()).toEqual({
      computerId: 'COMP-1',
      partitionId: 'slappart3',
      title: 'web',
      rootTitle: 'web',
      instanceGuid: 'SOFTINST-7',
      state: 'started',
      softwareReleaseUrl: SOFTWARE,
      softwareType: 'default',
      parameters: { deep: { list: [1, 2.5, null, true] } },
      connectionParameters: { url: 'http://[::1]/', empty: '', count: '7' },
      slaParameters: { computer_guid: 'COMP-1' },
      addresses: [{ interface: 'tap0', address: '10.0.0.1' }],
      sharedInstances: [
        { title: 'slave', reference: 'SOFTINST-8', softwareType: 'frontend', parameters: { n: 1 } },
      ],
      timestamp: '1795217539307588',
      accessStatus: '#access Instance correctly started',
    });
  });

  test('is named by its guid where the API wants that', async () => {
    answers['slapos.get.v0.compute_partition'] = json(INSTANCE);
    const method = 'slapos.put.v0.software_instance_reported_state';
    answers[method] = json({ type: 'success', title: 'State reported' });
    await partition().reportStopped();
    expect(JSON.parse(server.seen.at(-1)?.body ?? '')).toEqual({
      instance_guid: 'SOFTINST-7',
      reported_state: 'stopped',
    });
  });

  test('requests with headers that name it', async () => {
    answers['slapos.post.v0.software_instance'] = json(INSTANCE);
    await partition().request({
      ...REQUEST,
      filter: { computer_guid: 'COMP-1', retention_delay: '7' },
      state: null,
      isShared: true,
    });
    expect(server.seen[0]?.headers).toMatchObject({
      'content-type': 'application/json',
      authorization: 'X-SlapPartition computer_id=COMP-1, computer_partition_id=slappart3',
      'x-computer-id': 'COMP-1',
      'x-computer-partition-id': 'slappart3',
    });
    expect(JSON.parse(server.seen[0]?.body ?? '')).toEqual({
      title: 'web',
      software_release_uri: SOFTWARE,
      software_type: 'default',
      parameters: {},
      sla_parameters: { computer_guid: 'COMP-1', retention_delay: 7 },
      shared: true,
    });
  });
});

test.each(['a, computer_id=b', 'a\r\nx: y', 'é', 'a b'])(
  'no header holds the id %j',
  async (id) => {
    const request = slap.registerComputerPartition('COMP-1', id).request(REQUEST);
    await expect(request).rejects.toMatchObject({ code: 'SLAPOS_ERR_USAGE' });
    expect(server.seen).toEqual([]);
  },
);

test('an instance that is not there yet', async () => {
  const body = {
    status: 102,
    name: 'SoftwareInstanceNotReady',
    message: 'Software Instance Not Ready',
  };
  answers['slapos.post.v0.software_instance'] = json(body);
  answers['slapos.get.v0.instance_tree'] = json(body);
  const order = slap.registerOpenOrder();
  expect(await order.request(REQUEST)).toEqual({ isReady: false, title: 'web' });
  await expect(slap.getService('web')).rejects.toMatchObject({
    code: 'SLAPOS_ERR_MASTER_NOT_READY',
    isRetryable: true,
  });
});

describe('errors by code', () => {
  const get = () => slap.rpc.call('slapos.get.v0.software_instance', { instance_guid: 'g' });
  const put = () =>
    slap.rpc.call('slapos.put.v0.software_instance_bang', { instance_guid: 'g', message: '' });

  test.each([
    ['SOFTWARE-INSTANCE-NOT-FOUND', 403, 'NOT_FOUND', 'NOT_FOUND'],
    ['COMPUTE-NODE-NOT-FOUND', 400, 'NOT_FOUND', 'NOT_FOUND'],
    ['SUPPLY-FAILED', 403, 'REFUSED', 'REFUSED'],
    ['SOFTWARE-INSTANCE-WRONG-REPORTED-STATE', 403, 'REFUSED', 'REFUSED'],
    ['INVALIDATE_TIOXML', 400, 'REFUSED', 'REFUSED'],
    // slapproxy names nothing: what it does not show does not exist.
    ['Forbidden', 403, 'NOT_FOUND', 'REFUSED'],
    ['Bad Request', 400, 'REFUSED', 'REFUSED'],
    ['Unauthorized', 401, 'UNAUTHENTICATED', 'UNAUTHENTICATED'],
    ['Internal Server Error', 500, 'UNAVAILABLE', 'UNAVAILABLE'],
  ])('%s with status %i', async (type, status, ofRead, ofChange) => {
    answers['slapos.get.v0.software_instance'] = refusal(type, status);
    answers['slapos.put.v0.software_instance_bang'] = refusal(type, status);
    const context = { status, type, method: 'slapos.get.v0.software_instance' };
    await expect(get()).rejects.toMatchObject({ code: `SLAPOS_ERR_MASTER_${ofRead}`, context });
    await expect(get()).rejects.toThrow('because');
    await expect(put()).rejects.toMatchObject({ code: `SLAPOS_ERR_MASTER_${ofChange}` });
  });

  test('a 403 that is no answer of the API is one of the server before it', async () => {
    const page = { status: 403, headers: { 'content-type': 'text/html' }, body: '<p>No</p>' };
    answers['slapos.get.v0.software_instance'] = page;
    await expect(get()).rejects.toMatchObject({ code: 'SLAPOS_ERR_MASTER_UNAUTHENTICATED' });
    answers['slapos.get.v0.software_instance'] = json({ status: 200, type: 'Forbidden' }, 403);
    await expect(get()).rejects.toMatchObject({ code: 'SLAPOS_ERR_MASTER_UNAUTHENTICATED' });
  });

  test('a method that is none, and would be an address', async () => {
    for (const name of ['http://192.0.2.1/', '/getRunId', 'slapos.get.v0.x', 'toString']) {
      const call = slap.rpc.call(name as 'slapos.get.v0.hateoas_url', {});
      await expect(call).rejects.toMatchObject({ code: 'SLAPOS_ERR_USAGE' });
    }
    expect(server.seen).toEqual([]);
  });

  test('what this API has no call for', async () => {
    await expect(slap.getProductReleases('kvm')).rejects.toMatchObject({
      code: 'SLAPOS_ERR_MASTER_UNSUPPORTED',
    });
  });
});

describe('an answer that is none of the API is refused', () => {
  const { title: _, ...untitled } = INSTANCE;
  test.each([
    ['a page', { body: '<html>maintenance</html>' }],
    ['nothing', { body: '' }],
    ['null', json(null)],
    ['a list', json([INSTANCE])],
    ['a field too few', json(untitled)],
    ['a text for an object', json({ ...INSTANCE, parameters: 'x' })],
    ['a list for an object', json({ ...INSTANCE, connection_parameters: [] })],
    ['null for an object', json({ ...INSTANCE, sla_parameters: null })],
    ['addresses that are no pairs', json({ ...INSTANCE, ip_list: [['tap0']] })],
    ['addresses that are no texts', json({ ...INSTANCE, ip_list: [['tap0', 1]] })],
    ['a text for a number', json({ ...INSTANCE, processing_timestamp: '1' })],
    ['inherited fields', { body: `{"__proto__": ${JSON.stringify(INSTANCE)}}` }],
  ] satisfies ReadonlyArray<readonly [string, ScriptedAnswer]>)('%s', async (_name, answer) => {
    answers['slapos.get.v0.software_instance'] = answer;
    const call = slap.rpc.call('slapos.get.v0.software_instance', { instance_guid: 'g' });
    await expect(call).rejects.toMatchObject({ code: 'SLAPOS_ERR_MASTER_PROTOCOL' });
  });

  test('a list of anything', async () => {
    const method = 'slapos.allDocs.v0.instance_tree_list';
    for (const list of [undefined, null, {}, [null], [{ title: 1 }], [{ title: 'web' }, 'x']]) {
      answers[method] = json({ result_list: list });
      await expect(slap.listServices()).rejects.toMatchObject({
        code: 'SLAPOS_ERR_MASTER_PROTOCOL',
      });
    }
  });

  test('names that objects have anyway are parameters like others', async () => {
    const parameters = JSON.parse('{"__proto__": {"polluted": 1}, "constructor": "x"}');
    answers['slapos.get.v0.compute_partition'] = json({ ...INSTANCE, parameters });
    answers['slapos.allDocs.v0.instance_node_instance_list'] = json({ result_list: [] });
    const { parameters: read } = await slap
      .registerComputerPartition('COMP-1', 'slappart3')
      .getInstance();
    expect(Object.entries(read)).toEqual([
      ['__proto__', { polluted: 1 }],
      ['constructor', 'x'],
    ]);
    expect(({} as { polluted?: number }).polluted).toBeUndefined();
  });
});

/** An input for every method, in an order in which each succeeds on a proxy. */
const GUID = { instance_guid: 'web______0' };
const COMPUTER = { computer_guid: 'COMP-1' };
const RELEASE = { ...COMPUTER, software_release_uri: SOFTWARE };
const INPUTS: { readonly [M in RpcMethodName]: RpcInput<M> } = {
  'slapos.put.v0.compute_node_format': {
    ...COMPUTER,
    compute_partition_list: [{ partition_id: 'slappart0', ip_list: [{ 'ip-address': '::1' }] }],
  },
  'slapos.post.v0.software_installation': RELEASE,
  'slapos.post.v0.software_instance': {
    title: 'web',
    software_release_uri: SOFTWARE,
    software_type: 'default',
  },
  'slapos.get.v0.software_instance': GUID,
  'slapos.get.v0.compute_partition': { ...COMPUTER, compute_partition_id: 'slappart0' },
  'slapos.get.v0.instance_tree': { title: 'web' },
  'slapos.allDocs.v0.instance_tree_list': {},
  'slapos.allDocs.v0.compute_node_instance_list': COMPUTER,
  'slapos.allDocs.v0.instance_node_instance_list': GUID,
  'slapos.allDocs.v0.compute_node_software_installation_list': COMPUTER,
  'slapos.put.v0.software_installation_reported_state': { ...RELEASE, reported_state: 'available' },
  'slapos.put.v0.software_installation_error': { ...RELEASE, message: 'why' },
  'slapos.put.v0.software_instance_reported_state': { ...GUID, reported_state: 'started' },
  'slapos.put.v0.software_instance_error': { ...GUID, message: 'why' },
  'slapos.put.v0.software_instance_bang': { ...GUID, message: 'why' },
  'slapos.put.v0.software_instance_connection_parameter': {
    ...GUID,
    connection_parameter_dict: { url: 'x' },
  },
  'slapos.get.v0.software_instance_certificate': GUID,
  'slapos.put.v0.compute_node_bang': { ...COMPUTER, message: 'why' },
  'slapos.get.v0.compute_node_status': COMPUTER,
  'slapos.post.v0.compute_node_usage': { ...COMPUTER, tioxml: '<x/>' },
  'slapos.post.v0.compute_node_certificate': COMPUTER,
  'slapos.remove.v0.compute_node_certificate': COMPUTER,
  'slapos.get.v0.hateoas_url': {},
  'slapos.put.v0.software_instance_title': { ...GUID, title: 'other' },
};

describe('the real proxy', () => {
  test('answers every method that the library has, as its types say', async () => {
    const proxy = await startProxy();
    const client = new Slap({ masterUrl: proxy.url });
    for (const [method, input] of Object.entries(INPUTS)) {
      await client.rpc.call(method as 'slapos.get.v0.hateoas_url', input as Record<string, never>);
    }
    await client.close();
    await proxy.close();
  });

  test('has no method besides but the experimental one', () => {
    const others = Object.keys(RPC_METHODS).filter((name) => !(name in INPUTS));
    expect(others).toEqual(['slapos.allDocs.WIP.compute_node_list']);
    expect(Object.keys(INPUTS).sort()).toEqual([...RPC_METHOD_NAMES].sort());
  });

  test('is told of partitions and addresses as by the XML document', async () => {
    const told: unknown[] = [];
    for (const transport of ['xml', 'json-rpc'] as const) {
      const proxy = await startProxy();
      const client = new Slap({ masterUrl: proxy.url, transport });
      await client.registerComputer('COMP-1').loadConfiguration(computerDocument(3));
      told.push(
        await proxy.store.read(async (tables) => {
          const partitions = await tables.listPartitions('COMP-1');
          return Promise.all(
            partitions.map(async (row) => [
              row.reference,
              await tables.listPartitionAddresses(row),
            ]),
          );
        }),
      );
      await client.close();
      await proxy.close();
    }
    expect(told[1]).toEqual(told[0]);
    expect(told[0]).toHaveLength(3);
  });
});
