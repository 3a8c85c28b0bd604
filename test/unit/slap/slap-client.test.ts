import { afterEach, describe, expect, test } from 'vitest';
import { encodeMarshal } from '../../../src/slap/marshal.ts';
import { MarshalObject, MarshalTuple } from '../../../src/slap/marshal-value.ts';
import type { SlapMaster } from '../../../src/slap/master.ts';
import { createSlapClient } from '../../../src/slap/slap-client.ts';
import {
  type ScriptedAnswer,
  type SeenRequest,
  startScriptedServer,
} from '../../support/scripted-server.ts';

const COMPUTER = new MarshalObject('Computer', ['COMP-7'], {
  _computer_id: 'COMP-7',
  _computer_partition_list: [
    new MarshalObject('ComputerPartition', ['COMP-7', 'slappart3', null], {
      _computer_id: 'COMP-7',
      _need_modification: 0,
      _partition_id: 'slappart3',
      _request_dict: null,
      _requested_state: 'destroyed',
      _software_release_document: null,
    }),
    new MarshalObject('ComputerPartition', ['COMP-7', 'slappart4', null], {
      _computer_id: 'COMP-7',
      _need_modification: 1,
      _partition_id: 'slappart4',
      _instance_guid: 'SOFTINST-9',
      _requested_state: 'started',
      _parameter_dict: { ip_list: [new MarshalTuple(['', '::1'])], slap_software_type: 'default' },
      _connection_dict: { url: 'http://x/', empty: null },
      _filter_dict: {},
      _access_status: '#access ok',
      _software_release_document: new MarshalObject('SoftwareRelease', ['u', 'COMP-7'], {
        _software_release: 'https://example.com/software.cfg',
        _computer_guid: 'COMP-7',
        _software_instance_list: [],
      }),
    }),
  ],
  _software_release_list: [
    new MarshalObject('SoftwareRelease', ['u', 'COMP-7'], {
      _software_release: 'https://example.com/software.cfg',
      _computer_guid: 'COMP-7',
      _requested_state: 'destroyed',
      _software_instance_list: [],
    }),
  ],
});

const ID = { computerId: 'COMP-7', partitionId: 'slappart4' };
const closers: Array<() => Promise<void>> = [];
afterEach(async () => {
  for (const close of closers.splice(0)) await close();
});

async function connect(answer: (request: SeenRequest) => ScriptedAnswer | null, timeoutMs = 2000) {
  const server = await startScriptedServer(answer);
  const master = createSlapClient({ masterUrl: server.url, timeoutMs });
  closers.push(
    () => master.close(),
    () => server.close(),
  );
  return { server, master };
}

const marshal = (value: Parameters<typeof encodeMarshal>[0]): ScriptedAnswer => ({
  body: encodeMarshal(value),
});

describe('reading', () => {
  test('a computer with a free and a used partition', async () => {
    const { server, master } = await connect(() => marshal(COMPUTER));
    const computer = await master.getFullComputerInformation('COMP-7');
    expect(server.seen[0]).toMatchObject({
      method: 'GET',
      target: '/getFullComputerInformation?computer_id=COMP-7',
    });
    expect(server.seen[0]?.headers).toMatchObject({ accept: '*/*' });
    expect(computer.softwareReleases).toEqual([
      {
        url: 'https://example.com/software.cfg',
        computerId: 'COMP-7',
        requestedState: 'destroyed',
      },
    ]);
    expect(computer.partitions[0]).toEqual({
      computerId: 'COMP-7',
      partitionId: 'slappart3',
      requestedState: 'destroyed',
      needsModification: false,
      softwareReleaseUrl: null,
      instanceGuid: null,
      parameters: null,
      connection: {},
      filter: {},
      accessStatus: null,
    });
    expect(computer.partitions[1]).toMatchObject({
      needsModification: true,
      softwareReleaseUrl: 'https://example.com/software.cfg',
      instanceGuid: 'SOFTINST-9',
      connection: { url: 'http://x/', empty: null },
      accessStatus: '#access ok',
    });
  });

  test('404 of the full information falls back to the short one', async () => {
    const { server, master } = await connect((request) =>
      request.target.startsWith('/getFull') ? { status: 404 } : marshal(COMPUTER),
    );
    await master.getFullComputerInformation('COMP-7');
    expect(server.seen.map((request) => request.target)).toEqual([
      '/getFullComputerInformation?computer_id=COMP-7',
      '/getComputerInformation?computer_id=COMP-7',
    ]);
  });

  test('the old form of connection parameters', async () => {
    const xml = '<instance><parameter id="k">v</parameter></instance>';
    const partition = new MarshalObject('ComputerPartition', ['C', 'p'], {
      _connection_dict: null,
      connection_xml: xml,
    });
    const { master } = await connect(() => marshal(partition));
    expect(await master.registerComputerPartition(ID)).toMatchObject({
      connection: { k: 'v' },
      partitionId: 'p',
    });
  });

  test('certificate, addresses, hateoas address', async () => {
    const { master } = await connect((request) => {
      if (request.target.startsWith('/getComputerPartitionCertificate'))
        return marshal({ certificate: 'c', key: 'k' });
      if (request.target.startsWith('/getHateoasUrl')) return { body: 'http://h/hateoas\n' };
      return marshal([new MarshalTuple(['tap0', '10.0.0.2'])]);
    });
    expect(await master.getPartitionCertificate(ID)).toEqual({ certificate: 'c', key: 'k' });
    expect(await master.getHostingSubscriptionIpList(ID)).toEqual([['tap0', '10.0.0.2']]);
    expect(await master.getHateoasUrl()).toBe('http://h/hateoas');
  });

  test('no hateoas address', async () => {
    const { master } = await connect(() => ({ status: 404 }));
    expect(await master.getHateoasUrl()).toBeNull();
  });

  test('a closed connection is tried once more', async () => {
    let count = 0;
    const { master } = await connect(() => {
      count += 1;
      return count === 1 ? { isCut: true } : marshal(COMPUTER);
    });
    expect((await master.getFullComputerInformation('COMP-7')).computerId).toBe('COMP-7');
  });

  test('redirects are followed, but not for ever', async () => {
    const { server, master } = await connect((request) => {
      if (request.target === '/getHateoasUrl')
        return { status: 302, headers: { location: '/there' } };
      return request.target === '/there'
        ? { body: 'http://u/' }
        : { status: 302, headers: { location: request.target } };
    });
    expect(await master.getHateoasUrl()).toBe('http://u/');
    await expect(master.getFullComputerInformation('C')).rejects.toMatchObject({
      code: 'SLAPOS_ERR_MASTER_PROTOCOL',
    });
    expect(server.seen.length).toBeLessThan(10);
  });
});

describe('writing', () => {
  test('an instance that is ready', async () => {
    const instance = new MarshalObject('SoftwareInstance', [], {
      slap_computer_id: 'COMP-7',
      slap_computer_partition_id: 'slappart4',
      slap_software_release_url: 'u',
      slap_software_type: 'default',
      _requested_state: 'started',
      _instance_guid: 'g',
      _connection_dict: { a: '1' },
      _parameter_dict: { x: 'y' },
    });
    const { server, master } = await connect(() => marshal(instance));
    const { partition } = await master.requestInstance({
      softwareRelease: 'u',
      softwareType: 'default',
      title: 'my instance',
      parameters: { x: 1 },
      filter: { computer_guid: 'COMP-7' },
      state: null,
      isShared: false,
    });
    expect(partition).toMatchObject({
      ...ID,
      softwareType: 'default',
      connection: { a: '1' },
      requestedState: 'started',
    });
    const form = Object.fromEntries(new URLSearchParams(server.seen[0]?.body));
    expect(server.seen[0]?.headers['content-type']).toBe('application/x-www-form-urlencoded');
    expect(form).toEqual({
      software_release: 'u',
      software_type: 'default',
      partition_reference: 'my instance',
      partition_parameter_xml: encodeMarshal({ x: 1 }),
      filter_xml: encodeMarshal({ computer_guid: 'COMP-7' }),
      state: '<marshal><none/></marshal>',
      shared_xml: '<marshal><bool>0</bool></marshal>',
    });
  });

  test('an instance that is not ready', async () => {
    const { master } = await connect(() => ({ status: 408 }));
    const request = {
      softwareRelease: 'u',
      softwareType: '',
      title: 't',
      parameters: {},
      filter: {},
      state: 'started',
      isShared: true,
    };
    expect(await master.requestInstance({ ...request, requester: ID })).toEqual({
      partition: null,
    });
  });

  const calls: Array<[string, (master: SlapMaster) => Promise<void>, Record<string, string>]> = [
    [
      'loadComputerConfigurationFromXML',
      (m) => m.loadComputerConfiguration('<x/>'),
      { xml: '<x/>' },
    ],
    [
      'supplySupply',
      (m) => m.supplySoftware('u', 'C', 'available'),
      { url: 'u', computer_id: 'C', state: 'available' },
    ],
    [
      'buildingSoftwareRelease',
      (m) => m.reportBuildingSoftware('u', 'C'),
      { url: 'u', computer_id: 'C' },
    ],
    [
      'availableSoftwareRelease',
      (m) => m.reportAvailableSoftware('u', 'C'),
      { url: 'u', computer_id: 'C' },
    ],
    [
      'destroyedSoftwareRelease',
      (m) => m.reportDestroyedSoftware('u', 'C'),
      { url: 'u', computer_id: 'C' },
    ],
    [
      'softwareReleaseError',
      (m) => m.reportSoftwareError('u', 'C', 'a\u0001b'),
      { url: 'u', computer_id: 'C', error_log: 'ab' },
    ],
    ['startedComputerPartition', (m) => m.reportStarted(ID), {}],
    ['stoppedComputerPartition', (m) => m.reportStopped(ID), {}],
    ['destroyedComputerPartition', (m) => m.reportDestroyed(ID), {}],
    ['softwareInstanceError', (m) => m.reportInstanceError(ID, 'log'), { error_log: 'log' }],
    ['softwareInstanceBang', (m) => m.bangInstance(ID, 'why'), { message: 'why' }],
    ['computerBang', (m) => m.bangComputer('C', 'why'), { computer_id: 'C', message: 'why' }],
    [
      'updateComputerPartitionRelatedInstanceList',
      (m) => m.updateRelatedInstances(ID, ['a']),
      { instance_reference_xml: encodeMarshal(['a']) },
    ],
    [
      'useComputer',
      (m) => m.useComputer('C', '<use/>'),
      { computer_id: 'C', use_string: '<use/>' },
    ],
    [
      'setComputerPartitionConnectionXml',
      (m) => m.setConnection(ID, { a: 'b', b: '', c: null }),
      { connection_xml: encodeMarshal({ a: 'b', b: '', c: null }), slave_reference: 'None' },
    ],
    [
      'setComputerPartitionConnectionXml',
      (m) => m.setConnection(ID, {}, 's'),
      { slave_reference: 's' },
    ],
  ];
  test.each(calls)('%s', async (path, call, fields) => {
    const { server, master } = await connect(() => ({ body: 'OK' }));
    await call(master);
    const request = server.seen[0];
    const form = Object.fromEntries(new URLSearchParams(request?.body));
    expect([request?.method, request?.target]).toEqual(['POST', `/${path}`]);
    expect(form).toMatchObject(fields);
    if (!('computer_id' in fields || path.startsWith('load'))) {
      expect(form).toMatchObject({ computer_id: 'COMP-7', computer_partition_id: 'slappart4' });
    }
  });

  test('an empty usage report is not sent', async () => {
    const { server, master } = await connect(() => ({ body: 'OK' }));
    await master.useComputer('C', '');
    expect(server.seen).toEqual([]);
  });
});

describe('errors', () => {
  test.each([
    [404, 'SLAPOS_ERR_MASTER_NOT_FOUND', false],
    [408, 'SLAPOS_ERR_MASTER_NOT_READY', true],
    [401, 'SLAPOS_ERR_MASTER_UNAUTHENTICATED', false],
    [403, 'SLAPOS_ERR_MASTER_UNAUTHENTICATED', false],
    [400, 'SLAPOS_ERR_MASTER_REFUSED', false],
    [500, 'SLAPOS_ERR_MASTER_UNAVAILABLE', true],
    [503, 'SLAPOS_ERR_MASTER_UNAVAILABLE', true],
  ])('status %d', async (status, code, isRetryable) => {
    const body = '<!doctype html><title>x</title><h1>No</h1><p>because &#39;why&#39; &amp; so</p>';
    const { master } = await connect(() => ({
      status,
      body,
      headers: { 'content-type': 'text/html' },
    }));
    await expect(master.reportStarted(ID)).rejects.toMatchObject({
      code,
      isRetryable,
      message: expect.stringMatching(/startedComputerPartition.*because 'why' & so$/),
    });
  });

  test('a computer that the Master does not know', async () => {
    const { master } = await connect(() => ({ status: 404 }));
    await expect(master.supplySoftware('u', 'C', 'available')).rejects.toMatchObject({
      code: 'SLAPOS_ERR_MASTER_NOT_FOUND',
      message: 'Computer C has not been found by SlapOS Master.',
    });
  });

  test('nobody listens', async () => {
    const { server, master } = await connect(() => null);
    await server.close();
    await expect(master.getFullComputerInformation('C')).rejects.toMatchObject({
      code: 'SLAPOS_ERR_MASTER_UNAVAILABLE',
      isRetryable: true,
      message: expect.stringContaining(`${server.url}getFullComputerInformation`),
      hint: expect.stringContaining('master_url'),
    });
  });

  test('no answer in time', async () => {
    const { master } = await connect(() => null, 300);
    await expect(master.reportStarted(ID)).rejects.toMatchObject({
      code: 'SLAPOS_ERR_MASTER_UNAVAILABLE',
    });
  });

  test.each([
    'OK',
    '',
    '<html></html>',
    encodeMarshal('x'),
    encodeMarshal(new MarshalObject('SoftwareRelease', [], {})),
  ])('an answer that is not SLAP: %s', async (body) => {
    const { master } = await connect(() => ({ body }));
    await expect(master.getFullComputerInformation('C')).rejects.toMatchObject({
      code: 'SLAPOS_ERR_MASTER_PROTOCOL',
    });
  });

  test('empty ids are refused before any request', async () => {
    const { server, master } = await connect(() => marshal(COMPUTER));
    await expect(master.getFullComputerInformation('')).rejects.toMatchObject({
      code: 'SLAPOS_ERR_MASTER_NOT_FOUND',
    });
    await expect(master.registerComputerPartition({ ...ID, partitionId: '' })).rejects.toThrow(
      /partition id is empty/,
    );
    expect(server.seen).toEqual([]);
  });

  test('a certificate file that is not there', async () => {
    const master = createSlapClient({
      masterUrl: 'https://127.0.0.1:1/',
      certFile: '/nonexistent/c.pem',
    });
    await expect(master.reportStarted(ID)).rejects.toMatchObject({
      code: 'SLAPOS_ERR_CONFIG_FILE',
    });
  });
});
