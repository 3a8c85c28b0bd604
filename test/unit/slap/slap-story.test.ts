/** One story over both transports against the real proxy: every step gives the same. */
import { expect, test } from 'vitest';
import type { RequestOptions } from '../../../src/slap/computer-partition.ts';
import { Slap, type SlapTransport } from '../../../src/slap/slap.ts';
import {
  computerDocument,
  type ProxyFixture,
  SOFTWARE,
  startProxy,
} from '../../support/proxy-fixture.ts';

const TRANSPORTS: readonly SlapTransport[] = ['xml', 'json-rpc'];

let proxy: ProxyFixture;
let slap: Slap;

async function open(transport: SlapTransport): Promise<void> {
  proxy = await startProxy();
  await proxy.master.loadComputerConfiguration(computerDocument(4));
  slap = new Slap({ masterUrl: proxy.url, transport });
}

async function close(): Promise<void> {
  await slap.close();
  await proxy.close();
}

const ROOT: RequestOptions = {
  softwareRelease: SOFTWARE,
  title: 'root',
  parameters: {
    text: 'é <&> \n "q"',
    number: 1,
    list: ['x', 2],
    none: undefined,
    nested: { a: 1 },
  },
};

/** How an attempt ends: its code, or what it gives. */
async function outcome(attempt: Promise<unknown>): Promise<unknown> {
  return attempt.catch((error: { code?: string }) => error.code);
}

async function tellStory(): Promise<unknown> {
  const told: Record<string, unknown> = {};
  const order = slap.registerOpenOrder();
  const computer = slap.registerComputer('COMP-1');
  told['before'] = [await computer.listSoftware(), await computer.listInstances()];
  await slap.registerSupply().supply(SOFTWARE, 'COMP-1');
  told['software'] = await computer.listSoftware();
  told['requested'] = await order.request(ROOT);
  const partition = computer.partition('slappart0');
  told['instance'] = await partition.getInstance();
  told['child'] = await partition.request({
    softwareRelease: SOFTWARE,
    title: 'child',
    softwareType: 'other',
    state: 'stopped',
    filter: { computer_guid: 'COMP-1' },
  });
  told['shared'] = await partition.request({
    softwareRelease: SOFTWARE,
    title: 'shared',
    isShared: true,
    parameters: { of: 'shared' },
  });
  told['list'] = await computer.listInstances();
  await partition.setConnectionParameters({ url: 'http://[::1]/?a&b', empty: '' });
  const [shared] = (await partition.getInstance()).sharedInstances;
  await partition.setConnectionParameters({ key: 'é' }, shared?.reference);
  told['published'] = [
    await partition.getConnectionParameters(),
    await partition.getConnectionParameter('url'),
    await outcome(partition.getConnectionParameter('none')),
  ];
  told['shared again'] = await partition.request({
    softwareRelease: SOFTWARE,
    title: 'shared',
    isShared: true,
  });
  told['host'] = await partition.getInstance();
  told['services'] = [
    await slap.listServices(),
    await slap.getService('root'),
    await outcome(slap.getService('none')),
  ];
  await computer.partition('slappart1').rename('renamed');
  told['renamed'] = (await computer.partition('slappart1').getInstance()).title;
  told['certificates'] = [
    await outcome(computer.generateCertificate()),
    await outcome(partition.getCertificate()),
    await outcome(computer.revokeCertificate()),
    await outcome(computer.getStatus()),
  ];
  await partition.bang('why');
  await computer.bang('why');
  await partition.reportStarted();
  await partition.reportStopped();
  await partition.reportError('log');
  told['stopped'] = await order.request({ ...ROOT, state: 'stopped' });
  told['again'] = await order.request(ROOT);
  await partition.request({ softwareRelease: SOFTWARE, title: 'renamed', state: 'destroyed' });
  await computer.partition('slappart1').reportDestroyed();
  await order.request({ ...ROOT, state: 'destroyed' });
  await partition.reportDestroyed();
  told['free'] = await outcome(partition.getInstance());
  told['after'] = await computer.listInstances();
  told['unknown'] = [
    await outcome(slap.registerComputer('COMP-9').listInstances()),
    await outcome(slap.registerComputerPartition('COMP-1', 'slappart9').getInstance()),
    await outcome(order.request({ ...ROOT, title: 'x', filter: { computer_guid: 'COMP-9' } })),
  ];
  return told;
}

/**
 * Guids, references by guid and times are each transport's own, and slapproxy puts the root
 * before the title of a shared instance in XML.
 */
function withoutNames(told: unknown): unknown {
  const own = ['instanceGuid', 'timestamp', 'reference', 'created_at', 'since'];
  const common = (key: string, value: unknown) => {
    if (own.includes(key)) return undefined;
    return value === 'root_shared' ? 'shared' : value;
  };
  return JSON.parse(JSON.stringify(told, common));
}

test('both transports tell the same story', async () => {
  const stories: unknown[] = [];
  for (const transport of TRANSPORTS) {
    await open(transport);
    stories.push(withoutNames(await tellStory().finally(close)));
  }
  expect(stories[1]).toEqual(stories[0]);
  expect(stories[0]).toMatchObject({
    before: [[], []],
    software: [{ url: SOFTWARE, computerId: 'COMP-1', requestedState: 'available' }],
    requested: { isReady: true, title: 'root', state: 'started' },
    instance: {
      parameters: { text: 'é <&> \n "q"', number: '1', list: "['x', 2]", nested: "{'a': 1}" },
      addresses: [
        { interface: 'tap0', address: '10.0.1.0' },
        { interface: 'tap0', address: 'fd00::0' },
      ],
    },
    child: { isReady: true, state: 'stopped', softwareType: 'other' },
    list: [{ title: 'root' }, { title: 'child', state: 'stopped' }],
    published: [
      { url: 'http://[::1]/?a&b', empty: null },
      'http://[::1]/?a&b',
      'SLAPOS_ERR_MASTER_NOT_FOUND',
    ],
    'shared again': { connectionParameters: { key: 'é' } },
    host: { sharedInstances: [{ title: 'shared' }] },
    services: [
      ['root'],
      { title: 'root', state: 'started', connectionParameters: { url: 'http://[::1]/?a&b' } },
      'SLAPOS_ERR_MASTER_NOT_FOUND',
    ],
    renamed: 'renamed',
    stopped: { state: 'stopped' },
    again: { state: 'started' },
    free: 'SLAPOS_ERR_MASTER_NOT_FOUND',
    after: [],
    unknown: Array(3).fill('SLAPOS_ERR_MASTER_NOT_FOUND'),
  });
});
