/**
 * The same requests to upstream's slapproxy and to ours: statuses and bodies must be the same, but
 * for what was decided otherwise (docs/proxy.md).
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { encodeMarshal } from '../../src/slap/marshal.ts';
import { marshalValues, xmlTexts } from '../support/marshal-values.ts';
import { findPeerPython } from '../support/peer-python.ts';
import { computerDocument, requestFields, SOFTWARE, startProxy } from '../support/proxy-fixture.ts';
import {
  ask,
  askOurs,
  askUpstream,
  type Call,
  get,
  normalise,
  post,
  rpc,
} from '../support/proxy-peers.ts';

const peer = findPeerPython('slapos.proxy.views');
const note = 'reason' in peer ? ` (skipped: ${peer.reason})` : '';
const python = 'python' in peer ? peer.python : '';

const rpcAsk = (title: string, more: object = {}): Call =>
  rpc('post.v0.software_instance', {
    title,
    software_release_uri: SOFTWARE,
    software_type: 'default',
    ...more,
  });
const on = (id: string) => ({ computer_id: 'COMP-1', computer_partition_id: id });
const as = (id: string) => ({
  Authorization: `X-SlapPartition computer_id=COMP-1, computer_partition_id=${id}`,
});
const full = get('getFullComputerInformation', { computer_id: 'COMP-1' });
const guid = (instance_guid: string) => ({ instance_guid });
const node = { computer_guid: 'COMP-1' };
const search = (query: string) => get('hateoas/', { mode: 'search', query, select_list: 'title' });

/** What only the text of JSON tells: order of properties, floats from integers, large integers. */
const ORDERED = `{"title":"TITLE","software_release_uri":"${SOFTWARE}","software_type":"default",
  "shared":SHARED,"parameters":{"z":{"b":1,"a":{"d":1.0,"c":12345678901234567890,"10":1,"2":[]},
  "b":2},"n":1.0,"i":-0,"f":1e2,"fz":-0.0,"__proto__":{"x":1},"u":"\\ud83d\\ude00"}}`;

/** A life of a node and its users, every endpoint of both APIs on the way. */
const CALLS: readonly Call[] = [
  full,
  get('getComputerInformation', { computer_id: 'COMP-1' }),
  post('loadComputerConfigurationFromXML', { xml: computerDocument(5) }),
  full,
  post('supplySupply', { url: SOFTWARE, computer_id: 'COMP-1', state: 'available' }),
  post('supplySupply', { url: "it's", computer_id: 'COMP-1', state: 'destroyed' }),
  post('destroyedSoftwareRelease', { url: "it's", computer_id: 'COMP-1' }),
  post('buildingSoftwareRelease', { url: SOFTWARE, computer_id: 'COMP-1' }),
  post('availableSoftwareRelease', {}),
  post('softwareReleaseError', { url: SOFTWARE, computer_id: 'COMP-1', error_log: 'x' }),
  ask('root', { partition_parameter_xml: { n: 1, t: true, a: 'b & <c>', l: ['x', null], é: '' } }),
  ask('root', { partition_parameter_xml: { n: 1, t: true, a: 'b & <c>', l: ['x', null], é: '' } }),
  ask('child', on('slappart0')),
  ask('grandchild', { software_type: '' }, as('slappart1')),
  ask('root', { state: 'stopped' }),
  ask('child', on('slappart0')),
  ask('root', { state: 'started' }),
  ask('child', { ...on('slappart0'), state: 'started' }),
  ask('shared', { shared_xml: true, ...on('slappart1'), partition_parameter_xml: { k: [1, 'é'] } }),
  ask('shared', { shared_xml: true }),
  ask('nohost', { shared_xml: true, software_release: 'other' }),
  full,
  post('setComputerPartitionConnectionXml', {
    ...on('slappart0'),
    connection_xml: encodeMarshal({ url: 'http://é/?a=1&b=<2>', e: '', n: 3 }),
    slave_reference: 'None',
  }),
  post('setComputerPartitionConnectionXml', {
    ...on('slappart0'),
    connection_xml: encodeMarshal({ key: 'v' }),
    slave_reference: 'root_shared',
  }),
  ask('shared', { shared_xml: true, ...on('slappart1'), partition_parameter_xml: { k: [1, 'é'] } }),
  get('registerComputerPartition', {
    computer_reference: 'COMP-1',
    computer_partition_reference: 'slappart0',
  }),
  get('registerComputerPartition', {
    computer_reference: 'COMP-1',
    computer_partition_reference: 'slappart4',
  }),
  get('getComputerPartitionCertificate', on('slappart0')),
  get('getComputerPartitionStatus', on('slappart0')),
  get('getSoftwareReleaseListFromSoftwareProduct', { software_product_reference: 'kvm' }),
  get('getSoftwareReleaseListFromSoftwareProduct', { software_product_reference: 'no' }),
  post('startedComputerPartition', on('slappart0')),
  post('stoppedComputerPartition', on('slappart0')),
  post('softwareInstanceError', { ...on('slappart0'), error_log: 'x' }),
  post('useComputer', { computer_id: 'COMP-1', use_string: 'x' }),
  post('softwareInstanceBang', { ...on('slappart0'), message: 'm' }),
  post('computerBang', { computer_id: 'COMP-1', message: 'm' }),
  get('hateoas/'),
  search('portal_type:"Compute Node" AND validation_state:validated'),
  search('portal_type:"Compute Node" AND validation_state:validated AND reference:="COMP-1"'),
  search('portal_type:"Instance Tree" AND validation_state:validated AND title:="no"'),
  search('portal_type:"Software Release"'),
  get('hateoas/', { mode: 'search' }),
  get('hateoas/', { mode: 'other' }),
  get('hateoas/', { mode: 'traverse', relative_url: '/hateoas/partitions/root' }),
  get('hateoas/partitions/root'),
  get('hateoas/partitions/no'),
  get('hateoas/computers/COMP-1'),
  get('hateoas/computers/no'),
  get('hateoas/shared/shared'),
  rpc('get.v0.hateoas_url'),
  rpc('get.v0.hateoas_url', { x: 1 }),
  rpc('allDocs.v0.instance_tree_list'),
  rpc('allDocs.v0.compute_node_instance_list', node),
  rpc('allDocs.v0.compute_node_instance_list', { computer_guid: 'no' }),
  rpc('allDocs.v0.compute_node_software_installation_list', node),
  rpc('allDocs.v0.instance_node_instance_list', guid('root______0')),
  rpc('allDocs.v0.instance_node_instance_list', guid('no______0')),
  rpc('allDocs.WIP.compute_node_list'),
  rpc('get.v0.software_instance', guid('root______0')),
  rpc('get.v0.software_instance', guid('shared___root___1')),
  rpc('get.v0.software_instance', guid('no______0')),
  rpc('get.v0.software_instance', guid('no______1')),
  rpc('get.v0.software_instance', guid('no')),
  rpc('get.v0.compute_partition', { ...node, compute_partition_id: 'slappart1' }),
  rpc('get.v0.compute_partition', { ...node, compute_partition_id: 'slappart4' }),
  rpc('get.v0.instance_tree', { title: 'root' }),
  rpc('get.v0.instance_tree', { title: 'shared' }),
  rpc('get.v0.instance_tree', { title: 'no' }),
  rpc('get.v0.compute_node_status', node),
  rpc('get.v0.software_instance_certificate', guid('root______0')),
  rpc('post.v0.compute_node_certificate', node),
  rpc('remove.v0.compute_node_certificate', node),
  rpc('post.v0.compute_node_usage', { ...node, tioxml: 'x' }),
  rpc('put.v0.compute_node_bang', { ...node, message: '' }),
  rpc('put.v0.software_instance_bang', { ...guid('child___root___0'), message: '' }),
  rpc('put.v0.software_instance_bang', { ...guid('shared___root___1'), message: '' }),
  rpc('put.v0.software_instance_error', { ...guid('root______0'), message: '' }),
  rpc('put.v0.software_installation_error', { ...node, software_release_uri: 'u', message: '' }),
  rpc('post.v0.software_installation', { ...node, software_release_uri: 'u' }),
  rpc('put.v0.software_installation_reported_state', {
    ...node,
    software_release_uri: 'u',
    reported_state: 'destroyed',
  }),
  rpc('put.v0.software_instance_connection_parameter', {
    ...guid('child___root___0'),
    connection_parameter_dict: { a: 'é', n: 1 },
  }),
  rpc('put.v0.software_instance_title', { ...guid('grandchild___root___0'), title: 'big' }),
  rpcAsk('rpc', { parameters: { a: 1, b: { c: [true] } } }),
  rpcAsk('rpc', { state: 'stopped' }),
  rpc('post.v0.software_instance', ORDERED.replace('TITLE', 'rpc').replace('SHARED', 'false')),
  rpc('post.v0.software_instance', ORDERED.replace('TITLE', 'shared3').replace('SHARED', 'true')),
  rpc('get.v0.software_instance', guid('shared3______1')),
  rpcAsk('shared2', { shared: true, parameters: { a: 1 } }),
  rpcAsk('x', { state: 'broken' }),
  rpc('put.v0.compute_node_format', {
    computer_guid: 'COMP-2',
    compute_partition_list: [
      {
        partition_id: 'p0',
        ip_list: [{ 'ip-address': '::1', 'network-interface': 'l', netmask: 'n' }],
      },
    ],
  }),
  ask('far', { filter_xml: { computer_guid: 'COMP-2' } }),
  ask('full', { filter_xml: { computer_guid: 'COMP-2' } }),
  ask('lost', { filter_xml: { master_url: 'http://127.0.0.1:1/' } }),
  get('getFullComputerInformation', { computer_id: 'COMP-2' }),
  full,
  post('softwareInstanceRename', { ...on('slappart0'), new_name: 'renamed' }),
  post('softwareInstanceRename', { ...on('nope'), new_name: 'x' }),
  rpc('put.v0.software_instance_reported_state', {
    ...guid('rpc______0'),
    reported_state: 'started',
  }),
  rpc('put.v0.software_instance_reported_state', {
    ...guid('rpc______0'),
    reported_state: 'destroyed',
  }),
  rpc('put.v0.software_instance_reported_state', {
    ...guid('rpc______0'),
    reported_state: 'destroyed',
  }),
  post('destroyedComputerPartition', on('slappart0')),
  post('destroyedComputerPartition', on('nope')),
  post('destroyedComputerPartition', on('slappart1')),
  full,
  get('nothing'),
  get('supplySupply'),
  post('getRunId'),
  post('supplySupply', { url: 'u' }),
  post('softwareInstanceBang', {}),
  get('registerComputerPartition'),
];

/** Where ours answers otherwise on purpose: part of the call, and our status. */
const DECIDED: ReadonlyArray<readonly [RegExp, number]> = [
  // The link to itself is what clients resolve others from.
  [/^\["GET","\/hateoas\/",/, 200],
  // Absolute, as HTTP wants it.
  [/mode=traverse/, 302],
  // What was reported, of which upstream keeps no record.
  [/getComputerPartitionStatus|compute_node_status/, 200],
  // Keys of its own, where upstream repeats one.
  [/hateoas\/computers\/COMP-1/, 200],
];

/** Requests with any parameters, publications of any connection, each read back. */
function anyValues(): Call[] {
  const dictionary = fc.dictionary(xmlTexts(), marshalValues(), { maxKeys: 4 });
  const partition = { computer_reference: 'COMP-1', computer_partition_reference: 'slappart0' };
  const pairs = fc.sample(fc.tuple(dictionary, dictionary), 150);
  return pairs.flatMap(([parameters, connection]) => [
    ask('r', { partition_parameter_xml: parameters }),
    ask('s', { shared_xml: true, partition_parameter_xml: parameters }),
    post('setComputerPartitionConnectionXml', {
      ...on('slappart0'),
      connection_xml: encodeMarshal(connection),
      slave_reference: 'None',
    }),
    get('registerComputerPartition', partition),
  ]);
}

test.skipIf(note !== '')(`stores and shows any value as slapproxy does${note}`, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'slapos-differential-'));
  const proxy = await startProxy();
  const calls = [
    post('loadComputerConfigurationFromXML', { xml: computerDocument(2) }),
    ...anyValues(),
  ];
  try {
    const ours = await askOurs(proxy.url, calls);
    const theirs = askUpstream(python, join(folder, 'proxy.db'), calls);
    for (const [index, call] of calls.entries()) {
      const [mine, other] = [ours[index], theirs[index]];
      if (mine === undefined || other === undefined) throw new Error(`no answer ${index}`);
      expect([call, normalise(mine, proxy.url)]).toEqual([call, normalise(other, proxy.url)]);
    }
  } finally {
    await proxy.close();
    rmSync(folder, { recursive: true });
  }
});

/** Calls by which upstream fails (spec/proxy.md, Known weaknesses), and our status. */
const WEAKNESSES: ReadonlyArray<readonly [string, readonly Call[], number]> = [
  ['an unknown computer', [get('getFullComputerInformation', { computer_id: 'no' })], 404],
  [
    'an unknown partition',
    [
      get('registerComputerPartition', {
        computer_reference: 'a',
        computer_partition_reference: 'b',
      }),
    ],
    404,
  ],
  [
    'a supply of another state',
    [post('supplySupply', { url: 'u', computer_id: 'c', state: 'x' })],
    400,
  ],
  [
    'broken XML',
    [['POST', '/requestComputerPartition', { ...requestFields({}), filter_xml: '<' }, {}]],
    400,
  ],
  ['no product', [get('getSoftwareReleaseListFromSoftwareProduct')], 400],
  [
    'the first slave of a host destroyed before it was requested',
    [ask('host'), ask('s', { shared_xml: true, state: 'destroyed' })],
    200,
  ],
  [
    'a slave whose host was freed',
    [
      ask('host'),
      ask('s', { shared_xml: true }),
      post('destroyedComputerPartition', on('slappart0')),
      search('portal_type:"Instance Tree" AND validation_state:validated'),
      get('hateoas/shared/s'),
    ],
    404,
  ],
  [
    'a slave that was destroyed',
    [
      ask('host'),
      ask('s', { shared_xml: true }),
      ask('s', { shared_xml: true, state: 'destroyed' }),
      rpc('get.v0.software_instance', guid('s______1')),
    ],
    403,
  ],
  [
    'an address without interface',
    [
      rpc('put.v0.compute_node_format', {
        ...node,
        compute_partition_list: [{ partition_id: 'p', ip_list: [{ 'ip-address': '::1' }] }],
      }),
    ],
    200,
  ],
];

test.skipIf(note !== '').each(WEAKNESSES)(`%s is answered${note}`, async (_name, calls, status) => {
  const folder = mkdtempSync(join(tmpdir(), 'slapos-differential-'));
  const proxy = await startProxy();
  const all = [post('loadComputerConfigurationFromXML', { xml: computerDocument(2) }), ...calls];
  try {
    const mine = (await askOurs(proxy.url, all)).at(-1);
    const other = askUpstream(python, join(folder, 'proxy.db'), all).at(-1);
    expect({ ours: mine?.[0], theirs: other?.[0] }).toMatchObject({ ours: status });
  } finally {
    await proxy.close();
    rmSync(folder, { recursive: true });
  }
});

test.skipIf(note !== '')(`answers as slapproxy does${note}`, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'slapos-differential-'));
  const proxy = await startProxy();
  try {
    const ours = await askOurs(proxy.url, CALLS);
    const theirs = askUpstream(python, join(folder, 'proxy.db'), CALLS);
    const differences: unknown[] = [];
    for (const [index, call] of CALLS.entries()) {
      const [mine, other] = [ours[index], theirs[index]];
      if (mine === undefined || other === undefined) throw new Error(`no answer ${index}`);
      const decided = DECIDED.find(([part]) => part.test(JSON.stringify(call)));
      const [left, right] = [normalise(mine, proxy.url), normalise(other, proxy.url)];
      if (decided !== undefined) expect([call, mine[0]]).toEqual([call, decided[1]]);
      else if (!isDeepStrictEqual(left, right)) {
        differences.push({ call, ours: left, theirs: right });
      }
    }
    expect(differences).toEqual([]);
  } finally {
    await proxy.close();
    rmSync(folder, { recursive: true });
  }
});
