/** The other endpoints (spec/proxy.md 5, 6, 8, 10) over real HTTP and a real database. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { encodeMarshal } from '../../../src/slap/marshal.ts';
import { decodeMarshal } from '../../../src/slap/unmarshal.ts';
import {
  computerDocument,
  instanceRequest,
  type ProxyFixture,
  postForm,
  SOFTWARE,
  startProxy,
} from '../../support/proxy-fixture.ts';

let proxy: ProxyFixture;
beforeEach(async () => {
  proxy = await startProxy();
});
afterEach(() => proxy.close());

const on = (partitionId: string) => ({ computerId: 'COMP-1', partitionId });
const fields = (partitionId: string, more: Record<string, string> = {}) => ({
  computer_id: 'COMP-1',
  computer_partition_id: partitionId,
  ...more,
});

async function ask(title: string, requester?: string) {
  const changes = requester === undefined ? {} : { requester: on(requester) };
  const { partition } = await proxy.master.requestInstance(instanceRequest(title, changes));
  return partition?.partitionId;
}

describe('the computer', () => {
  test('the default one is there before its node has spoken', async () => {
    expect(await proxy.master.getFullComputerInformation('COMP-1')).toEqual({
      computerId: 'COMP-1',
      softwareReleases: [],
      partitions: [],
    });
  });

  test('another one is not', async () => {
    await expect(proxy.master.getFullComputerInformation('COMP-9')).rejects.toMatchObject({
      code: 'SLAPOS_ERR_MASTER_NOT_FOUND',
      message: expect.stringContaining('COMP-9 is not registered'),
    });
  });

  test('a free partition is destroyed and has no parameters', async () => {
    await proxy.master.loadComputerConfiguration(computerDocument(1));
    const { partitions } = await proxy.master.getFullComputerInformation('COMP-1');
    expect(partitions).toMatchObject([
      {
        partitionId: 'slappart0',
        requestedState: 'destroyed',
        needsModification: false,
        parameters: null,
        instanceGuid: 'COMP-1-slappart0',
      },
    ]);
  });

  test('answers 304 until something changes', async () => {
    const url = `${proxy.url}getFullComputerInformation?computer_id=COMP-1`;
    const first = await fetch(url);
    const etag = first.headers.get('etag') ?? '';
    expect(first.headers.get('content-type')).toMatch(/^text\/xml/);
    expect((await fetch(url, { headers: { 'if-none-match': etag } })).status).toBe(304);
    await proxy.master.supplySoftware(SOFTWARE, 'COMP-1', 'available');
    const changed = await fetch(url, { headers: { 'if-none-match': etag } });
    expect(changed.status).toBe(200);
    expect(await changed.text()).toContain(SOFTWARE);
  });

  test.each<[string, (tag: string) => string, number]>([
    ['weak, as from a server that compresses', (tag) => `W/${tag}`, 304],
    ['one of a list', (tag) => `"a", W/${tag} , "b"`, 304],
    ['any', () => '*', 304],
    ['others', () => '"a", W/"b"', 200],
  ])('answers by the tags that the client has: %s', async (_name, render, status) => {
    const url = `${proxy.url}getFullComputerInformation?computer_id=COMP-1`;
    const tag = (await fetch(url)).headers.get('etag') ?? '';
    const found = await fetch(url, { headers: { 'if-none-match': render(tag) } });
    expect(found.status).toBe(status);
  });

  test('answers 304 while only other computers change, or what the document does not tell', async () => {
    const { url, master, store } = proxy;
    const documentOf = (id: string) => `${url}getFullComputerInformation?computer_id=${id}`;
    await master.loadComputerConfiguration(computerDocument(1));
    const etag = (await fetch(documentOf('COMP-1'))).headers.get('etag') ?? '';
    const isKnown = async () => {
      const headers = { 'if-none-match': etag };
      return (await fetch(documentOf('COMP-1'), { headers })).status === 304;
    };
    await master.loadComputerConfiguration(computerDocument(1, 'COMP-2'));
    expect(await isKnown()).toBe(true);
    expect((await fetch(documentOf('COMP-2'))).headers.get('etag')).not.toBe(etag);
    await store.write((tables) => tables.putConfig('a', 'b'));
    expect(await isKnown()).toBe(true);
    await master.loadComputerConfiguration(computerDocument(2));
    expect(await isKnown()).toBe(false);
    await master.loadComputerConfiguration(computerDocument(1));
    expect(await isKnown()).toBe(true);
  });

  test('described again, it keeps used partitions and forgets free ones', async () => {
    await proxy.master.loadComputerConfiguration(computerDocument(3));
    await ask('a');
    await ask('b');
    await proxy.master.loadComputerConfiguration(computerDocument(1));
    const { partitions } = await proxy.master.getFullComputerInformation('COMP-1');
    expect(partitions.map((partition) => partition.partitionId)).toEqual([
      'slappart0',
      'slappart1',
    ]);
    expect(partitions[1]?.parameters?.['ip_list']).toHaveLength(2);
  });

  test('a partition whose tap has no name uses its own as interface', async () => {
    await proxy.master.loadComputerConfiguration(computerDocument(3));
    await ask('a');
    await ask('b');
    await ask('c');
    const partition = await proxy.master.registerComputerPartition(on('slappart2'));
    expect(partition.parameters?.['ip_list']).toMatchObject([
      { items: ['slappart2', '10.0.1.2'] },
      { items: ['slappart2', 'fd00::2'] },
    ]);
  });

  test.each<[string, string, RegExp]>([
    ['not XML', 'x', /not valid XML/],
    ['no dictionary', encodeMarshal([]), /not a dictionary/],
    ['no reference', encodeMarshal({ partition_list: [] }), /reference of the computer is missing/],
    ['no partition list', encodeMarshal({ reference: 'C' }), /partition_list is not a list/],
    [
      'a partition without addresses',
      encodeMarshal({ reference: 'C', partition_list: [{ reference: 'p' }] }),
      /address_list/,
    ],
    [
      'the same partition twice',
      encodeMarshal({
        reference: 'C',
        partition_list: [
          { reference: 'p', address_list: [] },
          { reference: 'p', address_list: [] },
        ],
      }),
      /twice/,
    ],
  ])('a bad description: %s', async (_name, xml, reason) => {
    const answer = await postForm(`${proxy.url}loadComputerConfigurationFromXML`, { xml });
    expect([answer.status, answer.text]).toEqual([400, expect.stringMatching(reason)]);
    expect(await proxy.store.read((tables) => tables.listComputers())).toEqual([]);
  });
});

describe('software', () => {
  test('supplied, removed, forgotten', async () => {
    const list = async () =>
      (await proxy.master.getFullComputerInformation('COMP-1')).softwareReleases;
    await proxy.master.supplySoftware(SOFTWARE, 'COMP-1', 'available');
    expect(await list()).toEqual([
      { url: SOFTWARE, computerId: 'COMP-1', requestedState: 'available' },
    ]);
    await proxy.master.reportBuildingSoftware(SOFTWARE, 'COMP-1');
    await proxy.master.reportAvailableSoftware(SOFTWARE, 'COMP-1');
    await proxy.master.reportSoftwareError(SOFTWARE, 'COMP-1', 'log');
    await proxy.master.supplySoftware(SOFTWARE, 'COMP-1', 'destroyed');
    expect(await list()).toMatchObject([{ requestedState: 'destroyed' }]);
    await proxy.master.reportDestroyedSoftware(SOFTWARE, 'COMP-1');
    expect(await list()).toEqual([]);
  });

  test.each([
    [{ url: 'u', computer_id: 'C', state: 'available' }, 200, "Supplied 'u' to be available"],
    [
      { url: "it's", computer_id: 'C', state: 'destroyed' },
      200,
      'Supplied "it\'s" to be destroyed',
    ],
    [
      { url: 'u', computer_id: 'C', state: 'bad' },
      400,
      'Wrong state bad: it must be available or destroyed.\n',
    ],
    [{ url: 'u', computer_id: 'C' }, 400, 'Field state is missing.\n'],
    [{ computer_id: 'C', state: 'available' }, 400, 'Field url is missing or empty.\n'],
  ])('%j', async (form, status, text) => {
    const answer = await postForm(
      `${proxy.url}supplySupply`,
      form as unknown as Record<string, string>,
    );
    expect([answer.status, answer.text]).toEqual([status, text]);
  });

  test('products', async () => {
    const get = async (query: string) =>
      fetch(`${proxy.url}getSoftwareReleaseListFromSoftwareProduct?${query}`);
    const read = async (query: string) => decodeMarshal(await (await get(query)).text());
    expect(await read('software_product_reference=kvm')).toEqual(['https://example.com/kvm.cfg']);
    expect(await read('software_product_reference=nope')).toEqual([]);
    expect(await read('software_release_url=https://example.com/kvm.cfg')).toEqual([
      'https://example.com/kvm.cfg',
    ]);
    expect(await read('software_release_url=u')).toEqual([]);
    expect((await get('software_release_url=u&software_product_reference=kvm')).status).toBe(400);
  });
});

describe('the life of an instance', () => {
  beforeEach(() => proxy.master.loadComputerConfiguration(computerDocument(4)));

  const report = async (partition: string) => {
    return (await postForm(`${proxy.url}destroyedComputerPartition`, fields(partition))).text;
  };

  test('a root goes after its children', async () => {
    await ask('root');
    await ask('child', 'slappart0');
    await ask('grandchild', 'slappart1');
    expect(await report('slappart0')).toBe(
      'Not destroying yet because this partition has child partitions: child, grandchild',
    );
    const { partitions } = await proxy.master.getFullComputerInformation('COMP-1');
    expect(partitions.map((partition) => partition.requestedState)).toEqual([
      'started',
      'destroyed',
      'destroyed',
      'destroyed',
    ]);
    expect(await report('slappart1')).toBe('OK');
    expect(await report('slappart0')).toMatch(/grandchild$/);
    expect(await report('slappart2')).toBe('OK');
    expect(await report('slappart0')).toBe('OK');
    expect(await report('nope')).toBe("Unknown partition 'nope' on 'COMP-1'");
    const left = (await proxy.master.getFullComputerInformation('COMP-1')).partitions;
    expect(left.every((partition) => partition.softwareReleaseUrl === null)).toBe(true);
  });

  test('connection parameters: an empty one is read back as nothing', async () => {
    await ask('a');
    await proxy.master.setConnection(on('slappart0'), {
      url: 'http://x/?a=1&b=<é>',
      e: '',
      n: null,
    });
    const { connection, parameters } = await proxy.master.registerComputerPartition(
      on('slappart0'),
    );
    expect(connection).toEqual({ url: 'http://x/?a=1&b=<é>', e: null, n: 'None' });
    const before = parameters?.['timestamp'];
    await proxy.master.setConnection(on('slappart0'), { url: 'other' });
    expect(
      (await proxy.master.registerComputerPartition(on('slappart0'))).parameters?.['timestamp'],
    ).toBe(before);
    await proxy.master.setConnection(on('nope'), { a: 'b' });
  });

  test('a bang moves the timestamps of the whole tree and of no other', async () => {
    await ask('root');
    await ask('child', 'slappart0');
    await ask('other');
    const stamps = async () => {
      const { partitions } = await proxy.master.getFullComputerInformation('COMP-1');
      return partitions.slice(0, 3).map((partition) => Number(partition.parameters?.['timestamp']));
    };
    const before = await stamps();
    await proxy.master.bangInstance(on('slappart1'), 'why');
    const after = await stamps();
    expect(after.map((stamp, index) => stamp > (before[index] ?? 0))).toEqual([true, true, false]);
    await proxy.master.bangInstance(on('nope'), 'why');
    expect((await postForm(`${proxy.url}softwareInstanceBang`, fields('slappart0'))).status).toBe(
      400,
    );
    await proxy.master.bangComputer('COMP-1', 'why');
  });

  test('a renamed root keeps its children', async () => {
    await ask('a');
    await ask('child', 'slappart0');
    await ask('taken');
    const rename = (partition: string, name: string) => {
      return postForm(`${proxy.url}softwareInstanceRename`, fields(partition, { new_name: name }));
    };
    expect((await rename('slappart0', 'b')).text).toBe('done');
    expect((await rename('nope', 'c')).text).toBe("Unknown partition 'nope' on 'COMP-1'");
    expect((await rename('slappart0', 'taken')).status).toBe(400);
    const child = await proxy.master.registerComputerPartition(on('slappart1'));
    expect(child.parameters).toMatchObject({ root_instance_title: 'b', instance_title: 'child' });
    expect(await ask('child', 'slappart0')).toBe('slappart1');
  });

  test('reports that are only taken note of', async () => {
    await ask('a');
    await proxy.master.reportStarted(on('slappart0'));
    await proxy.master.reportStopped(on('slappart0'));
    await proxy.master.reportInstanceError(on('slappart0'), 'log');
    await proxy.master.useComputer('COMP-1', '<x/>');
    await proxy.master.updateRelatedInstances(on('slappart0'), ['a', 'b']);
    expect(
      (
        await postForm(
          `${proxy.url}updateComputerPartitionRelatedInstanceList`,
          fields('slappart0'),
        )
      ).status,
    ).toBe(400);
  });

  test('addresses of the tree, none when it is to be destroyed', async () => {
    await ask('root');
    await ask('child', 'slappart0');
    await ask('other');
    const addresses = await proxy.master.getHostingSubscriptionIpList(on('slappart1'));
    expect(addresses.map(([device]) => device)).toEqual(['tap0', 'tap0', 'tap1', 'tap1']);
    await proxy.master.requestInstance(instanceRequest('root', { state: 'destroyed' }));
    expect(await proxy.master.getHostingSubscriptionIpList(on('slappart0'))).toEqual([]);
    await expect(proxy.master.getHostingSubscriptionIpList(on('nope'))).rejects.toMatchObject({
      code: 'SLAPOS_ERR_MASTER_NOT_FOUND',
    });
  });

  test('there are no certificates', async () => {
    expect(await proxy.master.getPartitionCertificate(on('slappart0'))).toEqual({
      certificate: '',
      key: '',
    });
  });

  test('an unknown partition', async () => {
    await expect(proxy.master.registerComputerPartition(on('nope'))).rejects.toThrow(
      /Unknown partition 'nope' on 'COMP-1'/,
    );
  });
});

describe('HTTP', () => {
  test('unknown paths and wrong methods', async () => {
    expect((await fetch(`${proxy.url}nope`)).status).toBe(404);
    const wrong = await fetch(`${proxy.url}supplySupply`);
    expect([wrong.status, wrong.headers.get('allow')]).toEqual([405, 'POST']);
    expect((await postForm(`${proxy.url}getRunId`, {})).status).toBe(405);
    expect(
      (
        await fetch(`${proxy.url}supplySupply`, {
          method: 'POST',
          body: '{}',
          headers: { 'content-type': 'application/json' },
        })
      ).status,
    ).toBe(415);
    expect((await fetch(proxy.url, { redirect: 'manual' })).status).toBe(302);
  });

  test('the run id is constant', async () => {
    const read = async () => (await fetch(`${proxy.url}getRunId`)).text();
    expect(await read()).toMatch(/^[A-Za-z0-9]{32}$/);
    expect(await read()).toBe(await read());
  });

  test('fields of the address count for nothing in a POST', async () => {
    const query = new URLSearchParams({ url: 'u', computer_id: 'COMP-1', state: 'available' });
    const answer = await postForm(`${proxy.url}supplySupply?${query}`, {});
    expect([answer.status, answer.text]).toEqual([400, 'Field url is missing or empty.\n']);
    const bare = await fetch(`${proxy.url}supplySupply?${query}`, { method: 'POST' });
    expect(bare.status).toBe(400);
    expect(await proxy.store.read((tables) => tables.listSoftware(null))).toEqual([]);
  });

  test.each([
    ['requestComputerPartition', 7, 400],
    ['requestComputerPartition', 9, 413],
    ['loadComputerConfigurationFromXML', 9, 400],
    ['loadComputerConfigurationFromXML', 33, 413],
    ['slapos.get.v0.hateoas_url', 9, 413],
    ['slapos.put.v0.compute_node_format', 9, 400],
  ])('%s of %d MB: %d', async (path, megabytes, status) => {
    const isRpc = path.startsWith('slapos.');
    const type = isRpc ? 'application/json' : 'application/x-www-form-urlencoded';
    const response = await fetch(proxy.url + path, {
      method: 'POST',
      headers: { 'content-type': type },
      body: `xml=${'x'.repeat(megabytes * 1024 * 1024)}`,
    });
    expect([response.status, await response.text()]).toEqual([status, expect.stringMatching(/\w/)]);
  });

  test('connections are kept alive', async () => {
    const response = await fetch(`${proxy.url}getRunId`);
    expect(response.headers.get('connection')).toBe('keep-alive');
    await response.text();
  });
});
