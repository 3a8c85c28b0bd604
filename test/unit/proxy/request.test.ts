/** Request semantics (spec/proxy.md 7, edge cases) over real HTTP and a real database. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { MarshalValue } from '../../../src/slap/marshal-value.ts';
import type { InstanceRequest, PartitionId } from '../../../src/slap/master.ts';
import {
  computerDocument,
  instanceRequest,
  type ProxyFixture,
  postForm,
  requestFields,
  SOFTWARE,
  startProxy,
} from '../../support/proxy-fixture.ts';

let proxy: ProxyFixture;
beforeEach(async () => {
  proxy = await startProxy();
  await proxy.master.loadComputerConfiguration(computerDocument(3));
});
afterEach(() => proxy.close());

const on = (partitionId: string): PartitionId => ({ computerId: 'COMP-1', partitionId });

async function ask(title: string, changes: Partial<InstanceRequest> = {}) {
  const { partition } = await proxy.master.requestInstance(instanceRequest(title, changes));
  if (partition === null) throw new Error('not allocated');
  return partition;
}

async function see(partitionId: string) {
  return proxy.master.registerComputerPartition(on(partitionId));
}

function timestampOf(partition: { parameters: Readonly<Record<string, MarshalValue>> | null }) {
  return Number(partition.parameters?.['timestamp']);
}

describe('instances of their own', () => {
  test('are given free partitions in order, and then none', async () => {
    expect((await ask('a')).partitionId).toBe('slappart0');
    expect((await ask('b')).partitionId).toBe('slappart1');
    expect((await ask('c', { requester: on('slappart0') })).partitionId).toBe('slappart2');
    await expect(ask('d', { requester: on('slappart0') })).rejects.toMatchObject({
      code: 'SLAPOS_ERR_MASTER_NOT_FOUND',
      message: expect.stringContaining('No free computer partition found for: d'),
    });
  });

  test('answer with what a recipe reads', async () => {
    const parameters = { n: 1, t: true, a: 'b & <c>', l: ['x'] };
    const partition = await ask('a', { parameters });
    expect(partition).toMatchObject({
      computerId: 'COMP-1',
      partitionId: 'slappart0',
      softwareType: 'default',
      softwareReleaseUrl: SOFTWARE,
      instanceGuid: 'COMP-1-slappart0',
      requestedState: 'started',
      connection: {},
      parameters: { n: '1', t: 'True', a: 'b & <c>', l: "['x']" },
    });
    expect((await see('slappart0')).parameters).toMatchObject({
      n: '1',
      instance_title: 'a',
      root_instance_title: 'a',
      slap_computer_id: 'COMP-1',
      slap_computer_partition_id: 'slappart0',
      slap_software_release_url: SOFTWARE,
      slap_software_type: 'default',
      full_address_list: [],
      slave_instance_list: [],
      ip_list: [{ items: ['tap0', '10.0.1.0'] }, { items: ['tap0', 'fd00::0'] }],
    });
  });

  test('reserved keys win over parameters of the same name', async () => {
    await ask('a', { parameters: { instance_title: 'other', ip_list: 'x' } });
    expect((await see('slappart0')).parameters).toMatchObject({
      instance_title: 'a',
      ip_list: expect.any(Array),
    });
  });

  test('keep partition and timestamp when nothing changes', async () => {
    const first = await ask('a', { parameters: { x: '1' } });
    const second = await ask('a', { parameters: { x: '1' } });
    expect(second.partitionId).toBe('slappart0');
    expect(timestampOf(second)).toBe(timestampOf(first));
    expect(timestampOf(first)).toBeGreaterThan(1.7e9);
  });

  test.each<[string, Partial<InstanceRequest>]>([
    ['a parameter', { parameters: { x: '2' } }],
    ['the software release', { softwareRelease: 'other' }],
    ['the type', { softwareType: 'other' }],
    ['the state', { state: 'stopped' }],
  ])('get a greater timestamp when %s changes', async (_name, changes) => {
    const first = await ask('a', { parameters: { x: '1' } });
    const second = await ask('a', { parameters: { x: '1' }, ...changes });
    expect(second.partitionId).toBe('slappart0');
    expect(timestampOf(second)).toBeGreaterThan(timestampOf(first));
  });

  test('an empty type is the default one', async () => {
    expect((await ask('a', { softwareType: '' })).softwareType).toBe('default');
  });

  test('stay on their computer whatever is asked later', async () => {
    await proxy.master.loadComputerConfiguration(computerDocument(1, 'COMP-2'));
    const there = { filter: { computer_guid: 'COMP-2' } };
    expect(await ask('a', there)).toMatchObject({ computerId: 'COMP-2', partitionId: 'slappart0' });
    expect(await ask('a')).toMatchObject({ computerId: 'COMP-2' });
    await expect(ask('b', there)).rejects.toMatchObject({ code: 'SLAPOS_ERR_MASTER_NOT_FOUND' });
  });

  test('addresses of another computer with partitions of the same name are not mixed in', async () => {
    await proxy.master.loadComputerConfiguration(computerDocument(1, 'COMP-2'));
    await ask('a');
    expect((await see('slappart0')).parameters?.['ip_list']).toHaveLength(2);
  });

  test('two roots each have a child of the same title', async () => {
    await ask('a');
    await ask('b');
    expect((await ask('foo', { requester: on('slappart0') })).partitionId).toBe('slappart2');
    await proxy.master.loadComputerConfiguration(computerDocument(4));
    expect((await ask('foo', { requester: on('slappart1') })).partitionId).toBe('slappart3');
    expect((await ask('foo', { requester: on('slappart0') })).partitionId).toBe('slappart2');
  });

  test('grandchildren belong to the root', async () => {
    await ask('root');
    await ask('child', { requester: on('slappart0') });
    await ask('grandchild', { requester: on('slappart1') });
    expect((await see('slappart2')).parameters).toMatchObject({ root_instance_title: 'root' });
  });

  test('a partition without an instance may not request', async () => {
    await expect(ask('a', { requester: on('slappart2') })).rejects.toMatchObject({
      code: 'SLAPOS_ERR_MASTER_NOT_FOUND',
    });
    await expect(ask('a', { requester: on('nope') })).rejects.toThrow(
      /No instance on partition nope/,
    );
    expect((await see('slappart0')).softwareReleaseUrl).toBeNull();
  });

  test('destroying what never was takes no partition', async () => {
    expect(await ask('a', { state: 'destroyed' })).toMatchObject({
      partitionId: '',
      requestedState: 'destroyed',
    });
    expect((await ask('b')).partitionId).toBe('slappart0');
  });

  test('a clock that was set back does not hide a change', async () => {
    const first = await ask('a');
    await proxy.store.write((tables) => {
      return tables.updatePartition(
        { reference: 'slappart0', computerReference: 'COMP-1' },
        { timestamp: 9e9 },
      );
    });
    const second = await ask('a', { state: 'stopped' });
    expect(timestampOf(second)).toBeGreaterThan(9e9);
    expect(timestampOf(second)).not.toBe(timestampOf(first));
  });
});

describe('states of a tree', () => {
  test('a child follows its stopped root and is started again with it', async () => {
    await ask('root', { state: 'stopped' });
    const child = { requester: on('slappart0') };
    expect((await ask('child', child)).requestedState).toBe('stopped');
    expect((await ask('child', { ...child, state: 'started' })).requestedState).toBe('stopped');
    await ask('root', { state: 'started' });
    expect((await ask('child', child)).requestedState).toBe('started');
    expect((await see('slappart1')).requestedState).toBe('started');
  });

  test('a child may be stopped alone', async () => {
    await ask('root');
    expect(
      (await ask('child', { requester: on('slappart0'), state: 'stopped' })).requestedState,
    ).toBe('stopped');
    expect((await see('slappart0')).requestedState).toBe('started');
  });

  test('a root without a state keeps the one that it has', async () => {
    await ask('root', { state: 'stopped' });
    expect((await ask('root')).requestedState).toBe('stopped');
  });
});

describe('slaves', () => {
  const slave = { isShared: true, parameters: { p: 5, q: [1] } };

  test('need a host of the same software and type on the computer', async () => {
    await expect(ask('s', slave)).rejects.toThrow(/No partition corresponding to slave request/);
    await ask('host', { softwareType: 'frontend' });
    await expect(ask('s', slave)).rejects.toThrow(/slave request/);
    expect((await ask('s', { ...slave, softwareType: 'frontend' })).partitionId).toBe('slappart0');
  });

  test('are seen by the host with their own types', async () => {
    await ask('host', { softwareType: 'RootSoftwareInstance' });
    const answer = await ask('s', slave);
    expect(answer).toMatchObject({
      partitionId: 'slappart0',
      instanceGuid: null,
      parameters: { p: '5', q: '[1]' },
    });
    expect((await see('slappart0')).parameters?.['slave_instance_list']).toEqual([
      { slave_title: '_s', slave_reference: '_s', slap_software_type: 'default', p: 5, q: [1] },
    ]);
  });

  test('carry the title of the root that asks', async () => {
    await ask('host');
    await ask('child', { requester: on('slappart0') });
    await ask('s', { ...slave, requester: on('slappart1') });
    expect((await see('slappart0')).parameters?.['slave_instance_list']).toMatchObject([
      { slave_reference: 'host_s' },
    ]);
  });

  test('move the timestamp of the host only when they change', async () => {
    await ask('host');
    const seen: number[] = [];
    const look = async () => seen.push(timestampOf(await see('slappart0')));
    await look();
    for (const changes of [
      slave,
      slave,
      { ...slave, parameters: { p: 6 } },
      { ...slave, state: 'destroyed' },
    ]) {
      await ask('s', changes);
      await look();
    }
    const [start = 0, added = 0, same = 0, changed = 0, removed = 0] = seen;
    expect(added).toBeGreaterThan(start);
    expect(same).toBe(added);
    expect(changed).toBeGreaterThan(same);
    expect(removed).toBeGreaterThan(changed);
    expect((await see('slappart0')).parameters?.['slave_instance_list']).toEqual([]);
  });

  test('are described once more as they were by the request that destroys them', async () => {
    await ask('host');
    const { instanceGuid, requestedState, ...known } = await ask('s', slave);
    expect([instanceGuid, requestedState]).toEqual([null, 'started']);
    const answer = await ask('s', { ...slave, state: 'destroyed' });
    expect(answer).toMatchObject({ ...known, requestedState: 'destroyed' });
  });

  test('a first request that destroys changes nothing', async () => {
    await ask('host');
    const before = timestampOf(await see('slappart0'));
    expect((await ask('s', { ...slave, state: 'destroyed' })).requestedState).toBe('destroyed');
    expect(timestampOf(await see('slappart0'))).toBe(before);
  });

  test('a wanted host is found by its guid or its name', async () => {
    await ask('host');
    await ask('other');
    const by = (guid: string) => ask(`s-${guid}`, { ...slave, filter: { instance_guid: guid } });
    expect((await by('COMP-1-slappart1')).partitionId).toBe('slappart1');
    expect((await by('slappart0')).partitionId).toBe('slappart0');
    await expect(by('COMP-1-slappart9')).rejects.toThrow(/slave request/);
  });

  test('leave their host when they ask for other software', async () => {
    await ask('host');
    await ask('other', { softwareRelease: 'other' });
    await ask('s', slave);
    expect((await ask('s', { ...slave, softwareRelease: 'other' })).partitionId).toBe('slappart1');
    expect((await see('slappart0')).parameters?.['slave_instance_list']).toEqual([]);
    expect((await see('slappart1')).parameters?.['slave_instance_list']).toHaveLength(1);
  });

  test('have connection parameters of their own', async () => {
    await ask('host');
    await ask('s', slave);
    await proxy.master.setConnection(on('slappart0'), { url: 'http://s/' }, '_s');
    expect((await ask('s', slave)).connection).toEqual({ url: 'http://s/' });
    expect((await see('slappart0')).connection).toEqual({});
  });

  test('go with their host', async () => {
    await ask('host');
    await ask('s', slave);
    await proxy.master.reportDestroyed(on('slappart0'));
    expect(await proxy.store.read((tables) => tables.listSlaves())).toEqual([]);
  });
});

describe('bad requests change nothing', () => {
  const cases: Array<[string, number, Record<string, string>, RegExp]> = [
    ['no software', 400, requestFields({ software_release: undefined }), /software_release/],
    ['empty title', 400, requestFields({ partition_reference: '' }), /partition_reference/],
    ['no type', 400, requestFields({ software_type: undefined }), /software_type/],
    ['no state', 400, requestFields({ state: undefined }), /state/],
    ['unknown state', 400, requestFields({ state: 'paused' }), /State paused/],
    ['state of another type', 400, requestFields({ state: 5 }), /not a text/],
    [
      'parameters that are no dictionary',
      400,
      requestFields({ partition_parameter_xml: [] }),
      /not a dictionary/,
    ],
    ['filter that is no dictionary', 400, requestFields({ filter_xml: 'x' }), /not a dictionary/],
    ['broken XML', 400, { ...requestFields({}), filter_xml: '<marshal>' }, /not valid XML/],
    [
      'foreign class',
      400,
      {
        ...requestFields({}),
        filter_xml: '<marshal><object id="i2" module="os" class="system"/></marshal>',
      },
      /Refusing/,
    ],
    [
      'entity bomb',
      400,
      { ...requestFields({}), filter_xml: '<!DOCTYPE a [<!ENTITY b "c">]><marshal/>' },
      /document type/,
    ],
    [
      'unknown master',
      404,
      requestFields({ filter_xml: { master_url: 'https://other/' } }),
      /not listed in multimaster/,
    ],
  ];
  test.each(cases)('%s', async (_name, status, fields, reason) => {
    const before = await proxy.store.read((tables) => tables.listPartitions(null));
    const answer = await postForm(`${proxy.url}requestComputerPartition`, fields);
    expect([answer.status, answer.text]).toEqual([status, expect.stringMatching(reason)]);
    expect(answer.headers.get('content-type')).toMatch(/text\/plain/);
    expect(await proxy.store.read((tables) => tables.listPartitions(null))).toEqual(before);
  });

  test('parameters, filter and shared may be left out', async () => {
    const fields = requestFields({
      partition_parameter_xml: undefined,
      filter_xml: undefined,
      shared_xml: undefined,
    });
    expect((await postForm(`${proxy.url}requestComputerPartition`, fields)).status).toBe(200);
  });

  test('our own address as master_url is us', async () => {
    const fields = requestFields({ filter_xml: { master_url: proxy.url } });
    expect((await postForm(`${proxy.url}requestComputerPartition`, fields)).status).toBe(200);
  });
});

test('many requests at once never share a partition', async () => {
  await proxy.master.loadComputerConfiguration(computerDocument(40));
  const titles = Array.from({ length: 40 }, (_, index) => `i${index}`);
  const partitions = await Promise.all(titles.map((title) => ask(title)));
  expect(new Set(partitions.map((partition) => partition.partitionId)).size).toBe(40);
});
