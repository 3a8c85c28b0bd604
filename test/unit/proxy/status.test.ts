/** What nodes reported, over real HTTP (spec/slap-protocol.md 4.3, spec/proxy.md "Better"). */
import { afterEach, beforeEach, expect, test } from 'vitest';
import { silentLogger } from '../../../src/log/logger.ts';
import { listReports } from '../../../src/proxy/status.ts';
import { openStore } from '../../../src/proxy/store-open.ts';
import { decodeMarshal } from '../../../src/slap/unmarshal.ts';
import {
  computerDocument,
  type ProxyFixture,
  postForm,
  requestFields,
  SOFTWARE,
  startProxy,
} from '../../support/proxy-fixture.ts';
import { callMethod } from '../../support/rpc-call.ts';

let proxy: ProxyFixture;
let now: number;
beforeEach(async () => {
  now = Date.UTC(2026, 10, 20, 12) / 1000;
  proxy = await startProxy({ clock: () => now });
  await post('loadComputerConfigurationFromXML', { xml: computerDocument(3) });
  await post('supplySupply', { ...SOFTWARE_KEY, state: 'available' });
  await post('requestComputerPartition', requestFields({ partition_reference: 'a' }));
});
afterEach(() => proxy.close());

const NODE = { computer_id: 'COMP-1' };
const SOFTWARE_KEY = { url: SOFTWARE, ...NODE };
const PARTITION = { ...NODE, computer_partition_id: 'slappart0' };

async function post(path: string, fields: Readonly<Record<string, string>>) {
  const answer = await postForm(proxy.url + path, fields);
  expect([path, answer.status]).toEqual([path, 200]);
  return answer.text;
}

async function look(path: string, query: Readonly<Record<string, string>>) {
  const response = await fetch(`${proxy.url}${path}?${new URLSearchParams(query)}`);
  return decodeMarshal(await response.text()) as Readonly<Record<string, string | number>>;
}
const lookAtPartition = () => look('getComputerPartitionStatus', PARTITION);
const lookAtSoftware = () => look('getSoftwareInstallationStatus', SOFTWARE_KEY);

test('the life of an instance', async () => {
  expect(await lookAtPartition()).toEqual({
    __proto__: null,
    created_at: 'Fri, 20 Nov 2026 12:00:00 GMT',
    since: 'Fri, 20 Nov 2026 12:00:00 GMT',
    state: '',
    text: '#error no data found for COMP-1-slappart0',
    user: 'SlapOS Master',
    reference: 'COMP-1-slappart0',
    portal_type: 'Software Instance',
    no_data: 1,
  });
  expect(await post('startedComputerPartition', PARTITION)).toBe('Ignored');
  now += 3600;
  expect(await post('stoppedComputerPartition', PARTITION)).toBe('Ignored');
  expect(await lookAtPartition()).toEqual({
    __proto__: null,
    created_at: 'Fri, 20 Nov 2026 13:00:00 GMT',
    // The first word is the same as an hour ago.
    since: 'Fri, 20 Nov 2026 12:00:00 GMT',
    state: 'stopped',
    text: '#access Instance correctly stopped',
    user: 'COMP-1',
    reference: 'COMP-1-slappart0',
    portal_type: 'Software Instance',
    no_data_since_5_minutes: 0,
    no_data_since_15_minutes: 0,
  });
  now += 300;
  expect(await lookAtPartition()).toMatchObject({
    no_data_since_5_minutes: 1,
    no_data_since_15_minutes: 0,
  });
  now += 600;
  const log = `${'x'.repeat(200)}\u001b[31m é😀\u0000\n`;
  await post('softwareInstanceError', { ...PARTITION, error_log: log });
  const { text, since, state } = await lookAtPartition();
  expect(text).toBe(`#error while instanciating: ${'x'.repeat(73)}[31m é😀`);
  expect([since, state]).toEqual(['Fri, 20 Nov 2026 13:15:00 GMT', '']);
});

test('the life of software', async () => {
  expect(await lookAtSoftware()).toMatchObject({ no_data: 1, reference: SOFTWARE });
  const after = async (path: string, more = {}) => {
    expect(await post(path, { ...SOFTWARE_KEY, ...more })).toBe('Ignored');
    const { text, state } = await lookAtSoftware();
    return [text, state];
  };
  expect(await after('buildingSoftwareRelease')).toEqual([
    `#building software release ${SOFTWARE}`,
    'building',
  ]);
  expect(await after('softwareReleaseError', { error_log: 'no space left' })).toEqual([
    `#error while installing software release ${SOFTWARE}: no space left`,
    '',
  ]);
  expect(await after('availableSoftwareRelease')).toEqual([
    `#access software release ${SOFTWARE} available`,
    'available',
  ]);
});

test('a computer that asks is there', async () => {
  const flags = async () => {
    const { text, no_data_since_15_minutes: late } = await look('getComputerStatus', NODE);
    return [text, late];
  };
  expect(await flags()).toEqual(['#access COMP-1', 0]);
  now += 3600;
  expect(await flags()).toEqual(['#access COMP-1', 1]);
  await fetch(`${proxy.url}getFullComputerInformation?computer_id=COMP-1`);
  expect(await flags()).toEqual(['#access COMP-1', 0]);
});

test('by JSON-RPC', async () => {
  const say = (method: string, body: object) => callMethod(proxy, method, body);
  const guid = { instance_guid: 'a______0' };
  const software = { computer_guid: 'COMP-1', software_release_uri: SOFTWARE };
  await say('put.v0.software_instance_reported_state', { ...guid, reported_state: 'started' });
  expect(await lookAtPartition()).toMatchObject({ state: 'started' });
  await say('put.v0.software_instance_error', { ...guid, message: 'bad\u0007' });
  expect(await lookAtPartition()).toMatchObject({ text: '#error while instanciating: bad' });
  await say('put.v0.software_installation_reported_state', {
    ...software,
    reported_state: 'available',
  });
  expect(await lookAtSoftware()).toMatchObject({ state: 'available' });
  await say('put.v0.software_installation_error', { ...software, message: 'bad' });
  expect(await lookAtSoftware()).toMatchObject({ text: expect.stringMatching(/^#error .*: bad$/) });
  const { json } = await say('get.v0.compute_node_status', { computer_guid: 'COMP-1' });
  expect(json).toMatchObject({ text: '#access COMP-1', no_data_since_5_minutes: 0 });
});

test('nothing is kept of what is not there, nor of what goes', async () => {
  const reports = () => proxy.store.read((tables) => listReports(tables));
  const kinds = async () => (await reports()).map(({ kind }) => kind);
  await post('startedComputerPartition', { ...NODE, computer_partition_id: 'slappart1' });
  await post('startedComputerPartition', { ...NODE, computer_partition_id: 'nope' });
  await post('softwareInstanceError', { ...PARTITION, error_log: 'x', slave_reference: '_s' });
  await post('availableSoftwareRelease', { url: 'nope', ...NODE });
  await post('availableSoftwareRelease', {});
  await callMethod(proxy, 'put.v0.software_instance_error', { instance_guid: 'x', message: '' });
  expect(await kinds()).toEqual(['computer']);
  await post('startedComputerPartition', PARTITION);
  await post('availableSoftwareRelease', SOFTWARE_KEY);
  expect(await kinds()).toEqual(['computer', 'partition', 'software']);
  await post('destroyedComputerPartition', PARTITION);
  await post('destroyedSoftwareRelease', SOFTWARE_KEY);
  expect(await kinds()).toEqual(['computer']);
});

test('the same report again within a minute leaves the document as it is', async () => {
  const tag = async () => {
    const url = `${proxy.url}getFullComputerInformation?computer_id=COMP-1`;
    return (await fetch(url)).headers.get('etag');
  };
  await post('startedComputerPartition', PARTITION);
  const before = await tag();
  now += 59;
  await post('startedComputerPartition', PARTITION);
  expect(await tag()).toBe(before);
});

test('reports outlive the proxy', async () => {
  await post('startedComputerPartition', PARTITION);
  const again = await openStore(proxy.database, 'COMP-1', silentLogger);
  const reports = await again.read((tables) => listReports(tables));
  await again.close();
  expect(reports).toContainEqual({
    kind: 'partition',
    computerReference: 'COMP-1',
    reference: 'slappart0',
    text: '#access Instance correctly started',
    state: 'started',
    createdAt: now,
    since: now,
  });
});
