/** What the panel shows of the database and of this machine. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { encodeMarshal } from '../../../src/slap/marshal.ts';
import {
  CONSUMPTION,
  FakeNode,
  partitionStatus,
  promise,
  service,
} from '../../support/panel-node.ts';
import { type PanelScene, startPanelScene } from '../../support/panel-scene.ts';
import {
  computerDocument,
  postForm,
  requestFields,
  SOFTWARE,
} from '../../support/proxy-fixture.ts';

const HOSTILE = `"><img src=x onerror=alert(1)>\u202e‮ ' & </script>`;

let node: FakeNode;
let scene: PanelScene;
beforeEach(async () => {
  node = new FakeNode();
  scene = await startPanelScene({ view: node });
});
afterEach(() => scene.close());

const form = (path: string, fields: Record<string, string>) =>
  postForm(`${scene.url}${path}`, fields);
const key = (partition: string) => ({
  computer_id: 'COMP-1',
  computer_partition_id: partition,
});
const instancesOf = async () => (await scene.overview()).instances;
const read = async (path: string) => JSON.parse((await scene.ask(`api/${path}`)).text);
const query = (reference: string) => new URLSearchParams({ reference }).toString();

async function requestTree(): Promise<void> {
  await scene.request('root', { parameters: { port: '80', empty: '' } });
  const child = requestFields({ partition_reference: 'child', ...key('slappart0') });
  await form('requestComputerPartition', child);
  const shared = { partition_reference: 'shared', shared_xml: true, ...key('slappart1') };
  const parameters = { partition_parameter_xml: { domain: 'example.com', size: 3 } };
  await form('requestComputerPartition', requestFields({ ...shared, ...parameters }));
  await form(
    'requestComputerPartition',
    requestFields({ ...parameters, partition_reference: 'lone', shared_xml: true }),
  );
}

describe('the overview', () => {
  test('of a proxy without any node is empty', async () => {
    const other = await startPanelScene({ partitionCount: 0 });
    const { nodes, instances, software } = await other.overview().finally(() => other.close());
    expect({ instances, software }).toEqual({ instances: [], software: [] });
    expect(nodes).toMatchObject([{ computerId: 'COMP-1', isLocal: true, partitions: [] }]);
    expect(nodes[0]?.problems).toEqual(['There is no node.']);
  });

  test('has roots first, then who was requested by whom', async () => {
    await requestTree();
    const instances = await instancesOf();
    expect(
      instances.map(({ title, requestedBy, isShared, partition }) => [
        title,
        requestedBy,
        isShared,
        partition,
      ]),
    ).toEqual([
      ['root', '', false, 'slappart0'],
      ['lone', '', true, 'slappart0'],
      ['child', 'root______0', false, 'slappart1'],
      ['shared', 'root______0', true, 'slappart0'],
    ]);
    expect(new Set(instances.map(({ reference }) => reference)).size).toBe(4);
    expect(instances[0]).toEqual({
      reference: 'root______0',
      title: 'root',
      requestedBy: '',
      softwareUrl: SOFTWARE,
      softwareType: 'default',
      isShared: false,
      requestedState: 'started',
      computerId: 'COMP-1',
      partition: 'slappart0',
      report: '',
    });
  });

  test('a name stays with its instance and is not that of its partition', async () => {
    await scene.request('one');
    const [one] = await instancesOf();
    await form('destroyedComputerPartition', key('slappart0'));
    await scene.request('two');
    const [two] = await instancesOf();
    expect([one?.partition, two?.partition]).toEqual(['slappart0', 'slappart0']);
    expect(one?.reference).not.toBe(two?.reference);
    expect((await scene.ask(`api/instance?${query(one?.reference ?? '')}`)).status).toBe(404);
  });

  test('tells what nodes reported, of instances and software', async () => {
    await scene.request('root');
    const supply = { url: SOFTWARE, computer_id: 'COMP-1' };
    await form('supplySupply', { ...supply, state: 'available' });
    expect((await scene.overview()).software).toMatchObject([{ state: '', report: '' }]);
    await form('buildingSoftwareRelease', supply);
    expect((await scene.overview()).software).toMatchObject([{ state: 'building' }]);
    await form('softwareReleaseError', { ...supply, error_log: HOSTILE });
    await form('softwareInstanceError', { ...key('slappart0'), error_log: HOSTILE });
    const { software, instances, nodes } = await scene.overview();
    expect(software).toMatchObject([
      { state: 'error', requestedState: 'available', report: expect.stringContaining('onerror') },
    ]);
    expect(instances[0]?.report).toMatch(/^#error while instanciating: .*onerror/);
    expect(nodes[0]?.partitions[0]?.report).toBe(instances[0]?.report);
  });

  test('tells when a node came last', async () => {
    await form('requestComputer', { computer_title: 'COMP-2' });
    expect((await scene.overview()).nodes[1]?.lastContactMs).toBeNull();
    await fetch(`${scene.url}getFullComputerInformation?computer_id=COMP-1`);
    const { nodes } = await scene.overview();
    expect(nodes[0]?.lastContactMs).toBeGreaterThan(Date.UTC(2026, 0, 1));
    expect(nodes[0]?.report).toBe('#access COMP-1');
  });

  test('joins what this machine knows to its own partitions only', async () => {
    const document = computerDocument(2, 'COMP-2');
    await form('loadComputerConfigurationFromXML', { xml: document });
    node.partitions = [
      partitionStatus('slappart0', {
        services: [
          service('a', 'RUNNING'),
          service('b', 'FATAL'),
          service('c', 'EXITED', { exitStatus: 1 }),
          service('d', 'EXITED', { exitStatus: 0 }),
          service('e', 'STOPPED'),
        ],
        promises: [promise('p', true), promise('q', false)],
        consumption: CONSUMPTION,
      }),
    ];
    const { nodes } = await scene.overview();
    expect(
      nodes.map(({ computerId, isLocal, problems }) => [computerId, isLocal, problems]),
    ).toEqual([
      ['COMP-1', true, []],
      ['COMP-2', false, []],
    ]);
    expect(nodes[0]?.partitions[0]).toEqual({
      reference: 'slappart0',
      isFree: true,
      instance: '',
      addresses: ['10.0.1.0', 'fd00::0'],
      report: '',
      services: { running: 1, failed: 2, all: 5 },
      promises: { failed: 1, all: 2 },
      consumption: CONSUMPTION,
    });
    const unknown = { services: null, promises: null, consumption: null };
    expect(nodes[0]?.partitions[1]).toMatchObject(unknown);
    expect(nodes[1]?.partitions[0]).toMatchObject({ reference: 'slappart0', ...unknown });
  });

  test('says why services are not known, and goes on without a node', async () => {
    node.partitions = [partitionStatus('slappart0', { promises: [promise('p', false)] })];
    node.supervisor = { isAvailable: false, reason: 'The supervisor does not run.' };
    const [first] = (await scene.overview()).nodes;
    expect(first?.problems).toEqual(['The supervisor does not run.']);
    expect(first?.partitions[0]).toMatchObject({ services: null, promises: { all: 1 } });
    node.failure = new Error('no such device');
    scene.pass(2000);
    const [second] = (await scene.overview()).nodes;
    expect(second?.problems).toEqual(['This node cannot be looked at: no such device']);
    expect(second?.partitions).toHaveLength(4);
  });

  test('looks at the node once for all who ask at a time', async () => {
    await Promise.all(Array.from({ length: 20 }, () => scene.overview()));
    expect(node.reads).toBe(1);
    scene.pass(1000);
    await scene.overview();
    expect(node.reads).toBe(2);
  });

  test('does not wait for a node that takes long: what was seen last is shown', async () => {
    node.failure = new Promise<never>(() => undefined);
    const [first] = (await scene.overview()).nodes;
    expect(first?.problems).toEqual(['This node is being looked at.']);
    expect(first?.partitions).toHaveLength(4);
    expect((await scene.overview()).nodes[0]?.problems).toHaveLength(1);
    expect(node.reads).toBe(1);
    const other = new FakeNode();
    other.partitions = [partitionStatus('slappart0', { promises: [promise('p', false)] })];
    const second = await startPanelScene({ view: other });
    try {
      await second.overview();
      other.failure = node.failure;
      second.pass(60_000);
      const [late] = (await second.overview()).nodes;
      expect(late).toMatchObject({
        problems: [],
        partitions: [{ promises: { all: 1 } }, {}, {}, {}],
      });
    } finally {
      await second.close();
    }
  });

  test('is JSON whatever it holds', async () => {
    await scene.request(HOSTILE, { parameters: { [HOSTILE]: HOSTILE } });
    const answer = await scene.ask('api/overview');
    expect(answer.headers).toMatchObject({
      'content-type': 'application/json',
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
    });
    const [instance] = await instancesOf();
    expect(instance?.title).toBe(HOSTILE);
    const detail = await read(`instance?${query(instance?.reference ?? '')}`);
    expect(detail.parameters.values).toEqual({ [HOSTILE]: HOSTILE });
  });
});

describe('an instance', () => {
  test('has parameters and connection', async () => {
    await requestTree();
    const connection = encodeMarshal({ url: 'http://[fd00::1]/', none: '' });
    await form('setComputerPartitionConnectionXml', {
      ...key('slappart0'),
      connection_xml: connection,
    });
    expect(await read('instance?reference=root______0')).toMatchObject({
      title: 'root',
      parameters: { serialisation: 'xml', values: { port: '80', empty: '' } },
      connection: { serialisation: 'xml', values: { url: 'http://[fd00::1]/', none: '' } },
    });
  });

  test('that is shared has its own', async () => {
    await requestTree();
    expect(await read('instance?reference=shared___root___1')).toMatchObject({
      isShared: true,
      parameters: { serialisation: 'xml', values: { domain: 'example.com', size: 3 } },
      connection: { values: {} },
    });
    expect(await read('instance?reference=lone______1')).toMatchObject({ title: 'lone' });
  });

  test.each([
    [
      '{"a": {"b": [1, 2.5, null]}}',
      { serialisation: 'json', values: { a: { b: [1, 2.5, null] } } },
    ],
    ['[1]', { serialisation: 'xml', values: { _: '[1]' } }],
    ['nonsense', { serialisation: 'xml', values: { _: 'nonsense' } }],
  ])('with %s in _', async (text, parameters) => {
    await scene.request('one', { parameters: { _: text } });
    expect((await read('instance?reference=one______0')).parameters).toEqual(parameters);
  });

  test.each([
    '',
    '?reference=',
    '?reference=no',
    `?reference=${'x'.repeat(5000)}`,
    '?reference=__proto__',
  ])('that is not there is refused (%s)', async (words) => {
    const answer = await scene.ask(`api/instance${words}`);
    expect([400, 404]).toContain(answer.status);
    expect(JSON.parse(answer.text)).toMatchObject({ problem: expect.any(String), field: '' });
  });
});

describe('a partition', () => {
  beforeEach(async () => {
    node.logs = { instance: ['one', HOSTILE] };
    node.partitions = [partitionStatus('slappart0', { services: [service('a', 'RUNNING')] })];
    await scene.request('root');
  });

  test('of this machine has services, history and logs', async () => {
    const detail = await read('partition?computer=COMP-1&partition=slappart0');
    expect(detail).toMatchObject({
      partition: {
        reference: 'slappart0',
        path: '/srv/slapgrid/slappart0',
        instance: { title: 'root', reference: 'root______0', requestedState: 'started' },
        services: [{ name: 'a' }],
      },
      logs: ['instance'],
    });
    expect(detail.history['check-url']).toHaveLength(2);
    expect(await read('log?partition=slappart0&name=instance')).toMatchObject({
      lines: ['one', HOSTILE],
    });
    expect(await read('series?partition=slappart0&since=41')).toMatchObject({ timesMs: [42] });
  });

  test('of another machine, or that this one does not have, says so', async () => {
    await form('loadComputerConfigurationFromXML', { xml: computerDocument(1, 'COMP-2') });
    const elsewhere = await read('partition?computer=COMP-2&partition=slappart0');
    expect(elsewhere).toMatchObject({
      partition: { path: '', services: [], problems: ['It is on another machine.'] },
      logs: [],
      history: {},
    });
    const missing = await read('partition?computer=COMP-1&partition=slappart1');
    expect(missing).toMatchObject({
      partition: { reference: 'slappart1', services: [] },
      logs: [],
    });
  });

  test.each([
    ['partition?computer=COMP-1&partition=slappart9', 404],
    ['partition?computer=COMP-9&partition=slappart0', 404],
    ['partition?computer=COMP-1', 400],
    ['log?partition=slappart0&name=..%2F..%2Fetc%2Fpasswd', 404],
    ['log?partition=slappart0&name=__proto__', 404],
    ['log?partition=..&name=instance', 404],
    ['log?partition=..%2F..%2Fetc&name=instance', 404],
    ['log?partition=slappart1&name=instance', 404],
    ['log?partition=slappart0', 400],
    ['series?partition=slappart1', 404],
    ['series?partition=slappart0&since=-1', 400],
    ['series?partition=slappart0&since=1e9', 400],
  ])('%s is %i', async (path, status) => {
    expect((await scene.ask(`api/${path}`)).status).toBe(status);
  });

  test('without a node there is nothing to be read', async () => {
    const other = await startPanelScene();
    try {
      for (const path of ['log?partition=slappart0&name=a', 'series?partition=slappart0']) {
        expect(await other.ask(`api/${path}`)).toMatchObject({
          status: 503,
          text: expect.stringContaining('There is no node.'),
        });
      }
      const detail = await other.ask('api/partition?computer=COMP-1&partition=slappart0');
      expect(JSON.parse(detail.text)).toMatchObject({
        partition: { problems: ['There is no node.'] },
      });
    } finally {
      await other.close();
    }
  });
});
