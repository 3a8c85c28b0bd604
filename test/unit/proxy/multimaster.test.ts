/** Requests for another Master, and for frontends that are none (spec/proxy.md 7.4 and 7.5). */
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { ExternalMaster } from '../../../src/proxy/external-masters.ts';
import { MarshalObject } from '../../../src/slap/marshal-value.ts';
import { decodeMarshal } from '../../../src/slap/unmarshal.ts';
import {
  computerDocument,
  type ProxyFixture,
  requestFields,
  startProxy,
} from '../../support/proxy-fixture.ts';
import { type ScriptedAnswer, startScriptedServer } from '../../support/scripted-server.ts';
import { openContentReader } from '../../support/test-store.ts';

const FAR_SOFTWARE = 'https://example.com/far.cfg';
const open: Array<{ close(): Promise<void> }> = [];
afterEach(async () => {
  for (const server of open.splice(0).toReversed()) await server.close();
});

async function start(masters: readonly ExternalMaster[] = []): Promise<ProxyFixture> {
  const proxy = await startProxy({ externalMasters: masters });
  open.push(proxy);
  await proxy.master.loadComputerConfiguration(computerDocument(3));
  return proxy;
}

async function startScripted(answer: () => ScriptedAnswer | null) {
  const server = await startScriptedServer(answer);
  open.push(server);
  return server;
}

type Fields = Parameters<typeof requestFields>[0];

async function ask(proxy: ProxyFixture, fields: Fields, headers: Record<string, string> = {}) {
  const response = await fetch(`${proxy.url}requestComputerPartition`, {
    method: 'POST',
    headers,
    body: new URLSearchParams(requestFields(fields)),
  });
  const text = await response.text();
  return { status: response.status, text };
}

async function answerOf(...request: Parameters<typeof ask>): Promise<MarshalObject> {
  const { status, text } = await ask(...request);
  expect({ status, text }).toMatchObject({ status: 200 });
  const answer = decodeMarshal(text, 'The answer');
  if (!(answer instanceof MarshalObject)) throw new Error(text);
  return answer;
}

/** Whether the store of a proxy holds that another Master was asked for this. */
async function isForwarded(proxy: ProxyFixture, title: string, masterUrl: string) {
  const reader = await openContentReader(proxy.database);
  const rows = (await reader.content()).split('\n').filter((row) => row.includes('forwarded_'));
  await reader.close();
  return rows.some((row) => row.includes(title) && row.includes(masterUrl));
}

describe('between two proxies', () => {
  let far: ProxyFixture;
  let near: ProxyFixture;
  beforeEach(async () => {
    far = await start();
    near = await start([{ url: far.url, softwareReleases: [FAR_SOFTWARE] }]);
  });

  test('software of the list is asked for there', async () => {
    const parameters = { partition_parameter_xml: { a: '<é>' } };
    const answer = await answerOf(near, { software_release: FAR_SOFTWARE, ...parameters });
    expect(answer.className).toBe('ComputerPartition');
    expect(answer.attributes).toMatchObject({
      _computer_id: 'COMP-1',
      _partition_id: 'slappart0',
      _connection_helper: null,
      _hateoas_navigator: null,
      _master_url: far.url,
      _software_release_document: FAR_SOFTWARE,
      _requested_state: 'started',
      slap_computer_partition_id: 'slappart0',
    });
    const there = await far.store.read((tables) => tables.listPartitions(null));
    expect(there[0]).toMatchObject({ title: 'user_r', softwareRelease: FAR_SOFTWARE });
    expect(there[0]?.xml).toContain('&lt;é&gt;');
    const here = await near.store.read((tables) => tables.listPartitions(null));
    expect(here.every((row) => row.slapState === 'free')).toBe(true);
    expect(await isNoted('user_r')).toBe(true);
  });

  const isNoted = (title: string) => isForwarded(near, title, far.url);

  test('filter master_url sends anything there, in the name of its requester', async () => {
    await answerOf(near, { partition_reference: 'root' });
    const filter = { filter_xml: { master_url: far.url } };
    const on = { computer_id: 'COMP-1', computer_partition_id: 'slappart0' };
    await answerOf(near, { ...filter, ...on });
    const there = await far.store.read((tables) => tables.listPartitions(null));
    expect(there[0]).toMatchObject({ title: 'slappart0_r', requestedBy: '' });
    await answerOf(near, { ...filter, ...on, state: 'destroyed' });
    expect(await isNoted('slappart0_r')).toBe(false);
  });

  test('an instance that is here is never sent away', async () => {
    await answerOf(near, { partition_reference: 'r' });
    const answer = await answerOf(near, { filter_xml: { master_url: far.url } });
    expect(answer.className).toBe('SoftwareInstance');
    expect(await isNoted('user_r')).toBe(false);
  });

  test('a full Master says so', async () => {
    for (const partition_reference of ['a', 'b', 'c']) await answerOf(far, { partition_reference });
    const { status, text } = await ask(near, { software_release: FAR_SOFTWARE });
    expect(status).toBe(404);
    expect(text).toContain('No free computer partition found for: user_r');
    expect(await isNoted('user_r')).toBe(false);
  });

  test('by JSON-RPC too', async () => {
    const response = await fetch(`${near.url}slapos.post.v0.software_instance`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ title: 'r', software_release_uri: FAR_SOFTWARE, software_type: 't' }),
    });
    expect(await response.json()).toMatchObject({
      title: 'r',
      instance_guid: 'r______0',
      computer_guid: 'COMP-1',
      compute_partition_id: 'slappart0',
      software_release_uri: FAR_SOFTWARE,
    });
  });

  test.each<[string, (url: URL) => string]>([
    ['its own address', (url) => url.href],
    ['without a slash', (url) => url.origin],
    ['another name of the host', (url) => `http://localhost:${url.port}/`],
  ])('master_url may be the proxy itself: %s', async (_name, spell) => {
    const master_url = spell(new URL(near.url));
    const answer = await answerOf(near, { filter_xml: { master_url } });
    expect(answer.attributes['slap_computer_partition_id']).toBe('slappart0');
  });
});

describe('a Master that is not as it should be', () => {
  test('one that is not listed', async () => {
    const other = await startScripted(() => ({ body: 'x'.repeat(32) }));
    const proxy = await start();
    const { status, text } = await ask(proxy, { filter_xml: { master_url: other.url } });
    expect(status).toBe(404);
    expect(text).toContain(`External SlapOS Master URL ${other.url} is not listed`);
    expect(other.seen).toEqual([]);
  });

  test.each<[string, (url: URL) => string]>([
    ['another scheme', (url) => `https://127.0.0.1:${url.port}/`],
    ['another path', (url) => `http://localhost:${url.port}/x/`],
    ['an address of this machine where it does not listen', (url) => `http://[::1]:${url.port}/`],
    ['a name without address', (url) => `http://nobody.invalid:${url.port}/`],
    ['no address at all', () => 'http://'],
  ])('not the proxy itself: %s', async (_name, spell) => {
    const proxy = await start();
    const master_url = spell(new URL(proxy.url));
    const { status, text } = await ask(proxy, { filter_xml: { master_url } });
    expect(status).toBe(404);
    expect(text).toContain(`External SlapOS Master URL ${master_url} is not listed`);
  });

  test('https without key and certificate', async () => {
    const url = 'https://127.0.0.1:1/';
    const proxy = await start([{ url, softwareReleases: [FAR_SOFTWARE] }]);
    const { status, text } = await ask(proxy, { software_release: FAR_SOFTWARE });
    expect(status).toBe(404);
    expect(text).toContain(`External master ${url} configuration did not specify key`);
  });

  test.each<[string, ScriptedAnswer, number, RegExp]>([
    ['not ready', { status: 408, body: 'later' }, 408, /^Resource not ready/],
    ['down', { isCut: true }, 502, /External master http:/],
    ['broken', { status: 500, body: 'oops' }, 502, /oops/],
    ['refusing', { status: 403, body: 'no' }, 502, /HTTP 403/],
    ['no Master', { body: 'hello' }, 502, /External master/],
    ['answering something else', { body: '<marshal><none/></marshal>' }, 502, /instance/],
  ])('%s: nothing is stored', async (_name, answer, status, reason) => {
    const other = await startScripted(() => answer);
    const proxy = await start([{ url: other.url, softwareReleases: [FAR_SOFTWARE] }]);
    const found = await ask(proxy, { software_release: FAR_SOFTWARE });
    expect(found.status).toBe(status);
    expect(found.text).toMatch(reason);
    expect(await isForwarded(proxy, 'user_r', other.url)).toBe(false);
  });

  test('not ready by JSON-RPC is an answer', async () => {
    const other = await startScripted(() => ({ status: 408 }));
    const proxy = await start([{ url: other.url, softwareReleases: [FAR_SOFTWARE] }]);
    const response = await fetch(`${proxy.url}slapos.post.v0.software_instance`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ title: 'r', software_release_uri: FAR_SOFTWARE, software_type: '' }),
    });
    expect(response.status).toBe(200);
    expect(await response.json()).toEqual({
      status: 102,
      name: 'SoftwareInstanceNotReady',
      message: 'Software Instance Not Ready',
    });
  });

  test('the proxy answers others while it waits for one', async () => {
    const other = await startScripted(() => null);
    const proxy = await start([{ url: other.url, softwareReleases: [FAR_SOFTWARE] }]);
    const waiting = ask(proxy, { software_release: FAR_SOFTWARE });
    await vi.waitFor(() => expect(other.seen).toHaveLength(1));
    await answerOf(proxy, { partition_reference: 'near' });
    // And it does not wait for it when it stops.
    open.splice(open.indexOf(proxy), 1);
    await proxy.close();
    expect((await waiting).status).toBe(502);
  });

  test('as a partition of the other Master', async () => {
    const other = await startScripted(() => ({ status: 408 }));
    const proxy = await start([
      { url: other.url, softwareReleases: [FAR_SOFTWARE], computerId: 'C9', partitionId: 'p9' },
    ]);
    await ask(proxy, { software_release: FAR_SOFTWARE, filter_xml: { x: 'y' } });
    const sent = new URLSearchParams(other.seen.at(-1)?.body);
    expect(sent.get('computer_id')).toBe('C9');
    expect(sent.get('computer_partition_id')).toBe('p9');
    expect(sent.get('partition_reference')).toBe('user_r');
    expect(sent.get('filter_xml')).not.toContain('source_instance_id');
    await start([{ url: other.url, softwareReleases: [FAR_SOFTWARE] }]).then((user) =>
      ask(user, { software_release: FAR_SOFTWARE }),
    );
    const asUser = new URLSearchParams(other.seen.at(-1)?.body);
    expect(asUser.get('computer_id')).toBeNull();
    expect(asUser.get('filter_xml')).toContain(
      '<string>source_instance_id</string><string>user_r</string>',
    );
  });
});

describe('frontends', () => {
  const apache = {
    software_release:
      'http://git.erp5.org/gitweb/slapos.git/blob_plain/HEAD:/software/apache-frontend/software.cfg',
    shared_xml: true,
  };
  const kvm = {
    software_release:
      'http://git.erp5.org/gitweb/slapos.git/blob_plain/refs/tags/slapos-0.92:/software/kvm/software.cfg',
    shared_xml: true,
    software_type: 'frontend',
  };
  const url = 'https://[::1]:123/p?q#a';

  test.each(['', 'RootSoftwareInstance', 'default'])(
    'of type %j lead to the address',
    async (type) => {
      const proxy = await start();
      const answer = await answerOf(proxy, {
        ...apache,
        software_type: type,
        partition_parameter_xml: { url },
      });
      expect(answer.className).toBe('ComputerPartition');
      expect(answer.attributes).toMatchObject({
        _partition_id: `Fake frontend for ${url}`,
        slap_computer_id: '',
        slap_computer_partition_id: '',
        _parameter_dict: {},
        _connection_dict: { secure_access: url, domain: '[::1]:123' },
      });
      expect(await proxy.store.read((tables) => tables.listSlaves())).toEqual([]);
    },
  );

  test('behind https they lead through the HTTP proxy', async () => {
    const proxy = await start();
    const headers = { 'x-forwarded-proto': 'https' };
    const fields = { ...apache, partition_parameter_xml: { url } };
    const { host } = new URL(proxy.url);
    expect((await answerOf(proxy, fields, headers)).attributes['_connection_dict']).toEqual({
      secure_access: `https://${host}/http_proxy/https/%5B::1%5D:123/p?q#a`,
      domain: host,
    });
  });

  test.each([
    ['::1', 5900, '[::1]'],
    ['[::1]', '5900', '[::1]'],
    ['h', '1', 'h'],
  ])('of a virtual machine on %s port %s', async (host, port, name) => {
    const proxy = await start();
    const fields = { ...kvm, partition_parameter_xml: { host, port } };
    expect((await answerOf(proxy, fields)).attributes['_connection_dict']).toEqual({
      url: `https://${name}:${port}/`,
      domainname: name,
      port,
      path: '/',
    });
  });

  test.each<[string, Fields]>([
    ['not shared', { ...apache, shared_xml: false, software_type: 'x' }],
    ['without an address', apache],
    ['of another type', { ...apache, software_type: 'x', partition_parameter_xml: { url } }],
    ['without a port', { ...kvm, partition_parameter_xml: { host: 'h' } }],
  ])('%s are ordinary instances', async (_name, fields) => {
    const proxy = await start();
    const { status, text } = await ask(proxy, fields);
    expect(text).not.toContain('Fake');
    expect(status).toBe(fields['shared_xml'] === true ? 404 : 200);
  });
});
