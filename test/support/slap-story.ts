/** One story for every transport and every server. */
import type { RequestOptions } from '../../src/slap/computer-partition.ts';
import type { Slap } from '../../src/slap/slap.ts';
import { SOFTWARE } from './proxy-fixture.ts';

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

/** A life of instances, told by what each call gives. */
export async function tellStory(slap: Slap): Promise<Record<string, unknown>> {
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
export function withoutNames(told: unknown): Record<string, unknown> {
  const own = ['instanceGuid', 'timestamp', 'reference', 'created_at', 'since'];
  const common = (key: string, value: unknown) => {
    if (own.includes(key)) return undefined;
    return value === 'root_shared' ? 'shared' : value;
  };
  return JSON.parse(JSON.stringify(told, common));
}
