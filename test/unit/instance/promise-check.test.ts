import { expect, it } from 'vitest';
import type { GridContext } from '../../../src/grid/context.ts';
import type { Partition } from '../../../src/instance/partition.ts';
import { promiseCheck } from '../../../src/instance/promise-check.ts';
import { createFakeMaster } from '../../support/fake-master.ts';

const PARTITION = {
  id: 'slappart0',
  masterId: { computerId: 'COMP-1', partitionId: 'slappart0' },
  softwarePath: '/software/md5',
} as Partition;

function contextOf(certificateRepository: string | undefined) {
  const master = createFakeMaster();
  const own = createFakeMaster();
  const certificates: unknown[] = [];
  const openMaster = (certificate: unknown) => {
    certificates.push(certificate);
    return own;
  };
  const context = {
    master,
    openMaster,
    options: { certificateRepository },
  } as unknown as GridContext;
  return { context, master, own, certificates };
}

it('bangs as the partition where partitions have certificates', async () => {
  const { certificates, context, master, own } = contextOf('/pki');
  const check = promiseCheck(context, PARTITION, 'anomaly');
  expect(check).toMatchObject({
    isForced: false,
    keyFile: '/pki/slappart0.key',
    certFile: '/pki/slappart0.crt',
    softwarePath: '/software/md5',
  });
  await check.bang?.('Promise x is failing');
  expect(certificates).toEqual([{ keyFile: '/pki/slappart0.key', certFile: '/pki/slappart0.crt' }]);
  expect(own.calls).toContain('bangInstance slappart0');
  expect(master.calls).toEqual([]);
});

it('bangs as the computer elsewhere', async () => {
  const { certificates, context, master } = contextOf(undefined);
  await promiseCheck(context, PARTITION, 'anomaly').bang?.('Promise x is failing');
  expect(certificates).toEqual([]);
  expect(master.calls).toEqual(['bangInstance slappart0']);
});

it('forces tests', () => {
  expect(promiseCheck(contextOf(undefined).context, PARTITION, 'test').isForced).toBe(true);
});
