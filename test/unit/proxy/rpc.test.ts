/** The JSON-RPC API (spec/proxy.md 9, spec/slap-protocol.md 6) over real HTTP. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  computerDocument,
  type ProxyFixture,
  requestFields,
  SOFTWARE,
  startProxy,
} from '../../support/proxy-fixture.ts';
import { callMethod, refusedByMethod as refused } from '../../support/rpc-call.ts';

let proxy: ProxyFixture;
beforeEach(async () => {
  proxy = await startProxy();
  await proxy.master.loadComputerConfiguration(computerDocument(4));
});
afterEach(() => proxy.close());

const call = (method: string, body?: unknown, headers?: Record<string, string>) =>
  callMethod(proxy, method, body, headers);

const post = (title: string, more: object = {}, headers: Record<string, string> = {}) =>
  call(
    'post.v0.software_instance',
    { title, software_release_uri: SOFTWARE, software_type: 'default', ...more },
    headers,
  );

const as = (partition: string) => ({
  authorization: `X-SlapPartition computer_id=COMP-1, computer_partition_id=${partition}`,
});

const ok = (title: string) => ({ status: 200, json: { type: 'success', title } });

describe('requests', () => {
  test('answer with an instance', async () => {
    const { status, json, type } = await post('inst1', { parameters: { a: 'é', n: 1, e: '' } });
    expect(status).toBe(200);
    expect(type).toMatch(/^application\/json/);
    expect(json).toEqual({
      title: 'inst1',
      instance_guid: 'inst1______0',
      software_release_uri: SOFTWARE,
      software_type: 'default',
      state: 'started',
      connection_parameters: {},
      parameters: { a: 'é', n: '1', e: null },
      shared: false,
      root_instance_title: 'inst1',
      ip_list: [
        ['tap0', '10.0.1.0'],
        ['tap0', 'fd00::0'],
      ],
      full_ip_list: [],
      sla_parameters: {},
      computer_guid: 'COMP-1',
      compute_partition_id: 'slappart0',
      processing_timestamp: expect.any(Number),
      access_status_message: '',
    });
    expect(Number(json['processing_timestamp'])).toBeCloseTo(Date.now() / 1000, -2);
    expect(
      (await call('get.v0.software_instance', { instance_guid: 'inst1______0' })).json,
    ).toEqual(json);
    const place = { computer_guid: 'COMP-1', compute_partition_id: 'slappart0' };
    expect((await call('get.v0.compute_partition', place)).json).toEqual(json);
    expect((await call('get.v0.instance_tree', { title: 'inst1' })).json).toEqual(json);
  });

  test.each<[string, (partition: string) => Record<string, string>]>([
    ['Authorization', as],
    [
      'X-computer-id',
      (partition) => ({ 'x-computer-id': 'COMP-1', 'x-computer-partition-id': partition }),
    ],
  ])('header %s tells who asks', async (_name, headers) => {
    await post('root');
    const { json } = await post('child', {}, headers('slappart0'));
    expect(json).toMatchObject({
      instance_guid: 'child___root___0',
      root_instance_title: 'root',
      compute_partition_id: 'slappart1',
    });
    expect(await post('other', {}, headers('slappart3'))).toMatchObject({
      status: 403,
      json: { title: expect.stringContaining('slappart3') },
    });
  });

  test('the XML API knows the header too', async () => {
    await post('root');
    const response = await fetch(`${proxy.url}requestComputerPartition`, {
      method: 'POST',
      headers: as('slappart0'),
      body: new URLSearchParams(requestFields({ partition_reference: 'child' })),
    });
    expect(response.status).toBe(200);
    const partition = await proxy.master.registerComputerPartition({
      computerId: 'COMP-1',
      partitionId: 'slappart1',
    });
    expect(partition.parameters).toMatchObject({ root_instance_title: 'root' });
  });

  test('nothing free, and no such Master', async () => {
    for (const title of ['a', 'b', 'c', 'd']) await post(title);
    expect(await post('e')).toMatchObject(refused('No free computer partition found for: e'));
    const sla = { sla_parameters: { master_url: 'http://127.0.0.1:1/' } };
    expect(await post('f', sla)).toMatchObject(
      refused('External SlapOS Master URL http://127.0.0.1:1/ is not listed in multimaster list.'),
    );
  });

  test('a destroyed one that never was takes no partition', async () => {
    expect((await post('x', { state: 'destroyed' })).json).toMatchObject({
      state: 'destroyed',
      compute_partition_id: '',
    });
    expect((await post('a')).json['compute_partition_id']).toBe('slappart0');
  });
});

describe('shared instances', () => {
  beforeEach(async () => {
    await post('host_1');
  });

  test('keep the types of their parameters when read back', async () => {
    const { status, json } = await post('sl_1', {
      shared: true,
      parameters: { n: 1, l: [{ a: null }] },
    });
    expect(status).toBe(200);
    expect(json).toMatchObject({
      instance_guid: 'sl_1______1',
      shared: true,
      state: 'started',
      processing_timestamp: 0,
      parameters: { n: '1' },
      ip_list: [['tap0', '10.0.1.0'], expect.anything()],
    });
    const read = await call('get.v0.software_instance', { instance_guid: 'sl_1______1' });
    expect(read.json).toMatchObject({ parameters: { n: 1, l: [{ a: null }] }, ip_list: [] });
    const hosted = await call('allDocs.v0.instance_node_instance_list', {
      instance_guid: 'host_1______0',
    });
    expect(hosted.json).toEqual({
      result_list: [
        {
          title: 'sl_1',
          instance_guid: 'sl_1______1',
          software_type: 'default',
          state: 'started',
          parameters: { n: 1, l: [{ a: null }] },
          compute_partition_id: 'slappart0',
        },
      ],
    });
  });

  test('of a root whose title has an underscore', async () => {
    const { json } = await post('sl', { shared: true }, as('slappart0'));
    expect(json['instance_guid']).toBe('sl___host_1___1');
    const guid = { instance_guid: 'sl___host_1___1' };
    expect((await call('get.v0.software_instance', guid)).json).toMatchObject({
      title: 'sl',
      root_instance_title: 'host_1',
    });
  });

  test('are gone from every list once destroyed, with their host too', async () => {
    await post('sl', { shared: true });
    await post('two', { shared: true });
    await post('sl', { shared: true, state: 'destroyed' });
    const trees = () => call('allDocs.v0.instance_tree_list');
    expect((await trees()).json).toEqual({ result_list: [{ title: 'host_1' }, { title: 'two' }] });
    const gone = await call('get.v0.software_instance', { instance_guid: 'sl______1' });
    expect(gone).toMatchObject(refused('No shared instance sl______1 found.'));
    await post('host_1', { state: 'destroyed' });
    const report = { instance_guid: 'host_1______0', reported_state: 'destroyed' };
    expect(await call('put.v0.software_instance_reported_state', report)).toMatchObject(
      ok('Destroyed'),
    );
    expect((await trees()).json).toEqual({ result_list: [] });
    expect((await call('get.v0.instance_tree', { title: 'two' })).status).toBe(403);
  });

  test('have no bang and no other title', async () => {
    await post('sl', { shared: true });
    const guid = { instance_guid: 'sl______1' };
    expect(await call('put.v0.software_instance_bang', { ...guid, message: '' })).toMatchObject(
      refused('NotImplemented'),
    );
    expect(await call('put.v0.software_instance_title', { ...guid, title: 'x' })).toMatchObject(
      refused('NotImplemented'),
    );
    const report = { ...guid, reported_state: 'destroyed' };
    expect(await call('put.v0.software_instance_reported_state', report)).toMatchObject(
      ok('Ignored'),
    );
  });
});

describe('reports', () => {
  beforeEach(async () => {
    await post('root');
    await post('child', {}, as('slappart0'));
  });

  test('a root waits for its children', async () => {
    const report = (guid: string) =>
      call('put.v0.software_instance_reported_state', {
        instance_guid: guid,
        reported_state: 'destroyed',
      });
    expect(await report('root______0')).toMatchObject(
      refused('Not destroying yet because this partition has child partitions: child'),
    );
    expect(await report('child___root___0')).toMatchObject(ok('Destroyed'));
    expect(await report('root______0')).toMatchObject(ok('Destroyed'));
    expect(await report('root______0')).toMatchObject(
      refused('No software instance root______0 found.'),
    );
  });

  test('a bang moves the timestamps of the tree', async () => {
    const timestamps = async () => {
      const { partitions } = await proxy.master.getFullComputerInformation('COMP-1');
      return partitions.map((partition) => partition.parameters?.['timestamp']);
    };
    const before = await timestamps();
    const guid = { instance_guid: 'child___root___0', message: 'm' };
    expect(await call('put.v0.software_instance_bang', guid)).toMatchObject(ok('Bang handled'));
    const after = await timestamps();
    expect(after[0]).not.toBe(before[0]);
    expect(after[1]).not.toBe(before[1]);
  });

  test('a root with another title keeps its children', async () => {
    const rename = { instance_guid: 'root______0', title: 'new' };
    expect(await call('put.v0.software_instance_title', rename)).toMatchObject(ok('Renamed'));
    const child = await call('get.v0.software_instance', { instance_guid: 'child___new___0' });
    expect(child.json).toMatchObject({ root_instance_title: 'new' });
  });

  test('connection parameters are published', async () => {
    const body = {
      instance_guid: 'child___root___0',
      connection_parameter_dict: { url: 'http://é/', n: 1 },
    };
    expect(await call('put.v0.software_instance_connection_parameter', body)).toMatchObject(
      ok('Updated'),
    );
    const { json } = await call('get.v0.software_instance', { instance_guid: 'child___root___0' });
    expect(json['connection_parameters']).toEqual({ url: 'http://é/', n: '1' });
  });

  test.each([
    ['put.v0.software_instance_title', { title: 'x' }, 'Renamed'],
    ['put.v0.software_instance_bang', { message: '' }, 'Bang handled'],
    ['put.v0.software_instance_connection_parameter', { connection_parameter_dict: {} }, 'Updated'],
  ])('%s of nobody is a success, as upstream says', async (method, body, title) => {
    const guid = { instance_guid: 'nobody______0' };
    expect(await call(method, { ...guid, ...body })).toMatchObject(ok(title));
  });
});

describe('computers and software', () => {
  const software = { computer_guid: 'COMP-1', software_release_uri: SOFTWARE };

  test('software is supplied, listed and forgotten', async () => {
    expect(await call('post.v0.software_installation', software)).toMatchObject(
      ok(`Supplied ${SOFTWARE} to be available`),
    );
    const list = () =>
      call('allDocs.v0.compute_node_software_installation_list', { computer_guid: 'COMP-1' });
    const entry = { software_release_uri: SOFTWARE, state: 'available' };
    expect((await list()).json).toEqual({ result_list: [entry] });
    const report = (reported_state: string) =>
      call('put.v0.software_installation_reported_state', { ...software, reported_state });
    expect(await report('building')).toMatchObject(ok('Ignored'));
    expect(await report('destroyed')).toMatchObject(ok('Destroyed'));
    expect((await list()).json).toEqual({ result_list: [] });
  });

  test('a computer is described without its address', async () => {
    const body = {
      computer_guid: 'COMP-2',
      compute_partition_list: [
        { partition_id: 'p0', ip_list: [{ 'ip-address': '10.0.0.9' }] },
        { partition_id: 'p1', tap: { name: 'x' } },
      ],
    };
    expect(await call('put.v0.compute_node_format', body)).toMatchObject(ok('Formatted'));
    const { json } = await post('far', { sla_parameters: { computer_guid: 'COMP-2' } });
    expect(json).toMatchObject({ computer_guid: 'COMP-2', ip_list: [['p0', '10.0.0.9']] });
    const list = await call('allDocs.v0.compute_node_instance_list', { computer_guid: 'COMP-2' });
    expect(list.json).toEqual({
      result_list: [
        {
          title: 'far',
          instance_guid: 'far______0',
          state: 'started',
          compute_partition_id: 'p0',
          software_release_uri: SOFTWARE,
        },
      ],
    });
    expect((await call('allDocs.WIP.compute_node_list')).json).toEqual({
      result_list: [{ computer_guid: 'COMP-1' }, { computer_guid: 'COMP-2' }],
    });
    const twice = {
      ...body,
      compute_partition_list: [
        { partition_id: 'p', ip_list: [] },
        { partition_id: 'p', ip_list: [] },
      ],
    };
    expect((await call('put.v0.compute_node_format', twice)).status).toBe(400);
  });

  test.each([
    'allDocs.v0.compute_node_software_installation_list',
    'allDocs.v0.compute_node_instance_list',
  ])('%s of a computer that nobody described', async (method) => {
    expect(await call(method, { computer_guid: 'COMP-9' })).toMatchObject(
      refused('COMP-9 is not registered.'),
    );
  });

  test.each<[string, object, object]>([
    ['put.v0.software_installation_error', { ...software, message: 'm' }, ok('Ignored').json],
    ['put.v0.software_instance_error', { instance_guid: 'x', message: 'm' }, ok('Ignored').json],
    ['put.v0.compute_node_bang', { computer_guid: 'C', message: 'm' }, ok('Ignored').json],
    ['post.v0.compute_node_usage', { computer_guid: 'C', tioxml: 'm' }, ok('Ignored').json],
    ['remove.v0.compute_node_certificate', { computer_guid: 'C' }, ok('Ignored').json],
    ['post.v0.compute_node_certificate', { computer_guid: 'C' }, { key: '', certificate: '' }],
    ['get.v0.software_instance_certificate', { instance_guid: 'x' }, { key: '', certificate: '' }],
    ['get.v0.compute_node_status', { computer_guid: 'C' }, { text: 'Unknown (not implemented)' }],
  ])('%s always answers the same', async (method, body, answer) => {
    expect(await call(method, body)).toMatchObject({ status: 200, json: answer });
  });

  test('the address of the HATEOAS part is what the client sees', async () => {
    const headers = { 'x-forwarded-proto': 'https', 'x-forwarded-prefix': '/pre' };
    const { json } = await call('get.v0.hateoas_url', {}, headers);
    expect(json['hateoas_url']).toBe(`https://${new URL(proxy.url).host}/pre/hateoas/`);
  });
});
