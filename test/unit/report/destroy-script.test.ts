import { expect, test } from 'vitest';
import type { HostError } from '../../../src/errors/slapos-error.ts';
import type { GridContext } from '../../../src/grid/context.ts';
import { refusal } from '../../../src/host/folder/beneath-refusal.ts';
import type { Partition } from '../../../src/instance/partition.ts';
import { silentLogger } from '../../../src/log/logger.ts';
import { destroyPartition } from '../../../src/report/destroy.ts';

/** Destroys a partition whose `sbin/destroy` cannot be looked at, up to its script. */
function destroy(failure: Error): Promise<boolean> {
  const folder = {
    path: '/instance/slappart0',
    readSole: async () => undefined,
    stat: async () => Promise.reject(failure),
    remove: async () => {},
  };
  const context = {
    host: {
      openFolder: () => folder,
      run: async ({ argv }: { argv: readonly string[] }) => {
        throw new Error(`${argv.join(' ')} was started`);
      },
    },
    master: { reportStopped: async () => {} },
    managers: [],
    options: { instanceRoot: '/instance', reportTimeoutSeconds: 0 },
    env: {},
    now: () => new Date(0),
    log: silentLogger,
  } as unknown as GridContext;
  const partition = {
    id: 'slappart0',
    masterId: { computerId: 'COMP-1', partitionId: 'slappart0' },
    folder,
    owner: { home: '/instance/slappart0' },
    log: silentLogger,
  } as unknown as Partition;
  return destroyPartition(context, partition, async () => ({ update: async () => [] }) as never);
}

const refused = (code: string): HostError =>
  refusal('/instance/slappart0/sbin/destroy', Object.assign(new Error(code), { code }));

test.each(['EMFILE', 'EIO', 'ENOMEM'])(
  '%s while looking for the script is told as it is',
  async (code) => {
    await expect(destroy(refused(code))).rejects.toThrow(`sbin/destroy: ${code}`);
  },
);

test.each(['ELOOP', 'ENOTDIR', 'EACCES'])(
  '%s leaves it to the user of the partition',
  async (code) => {
    await expect(destroy(refused(code))).rejects.toThrow('sbin/destroy was started');
  },
);
