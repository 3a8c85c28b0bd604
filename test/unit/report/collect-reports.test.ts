import { expect, test } from 'vitest';
import { HostError } from '../../../src/errors/slapos-error.ts';
import type { GridContext } from '../../../src/grid/context.ts';
import type { Partition } from '../../../src/instance/partition.ts';
import { silentLogger } from '../../../src/log/logger.ts';
import { collectPartitionReports } from '../../../src/report/collect-reports.ts';
import { postAggregate } from '../../../src/report/post-reports.ts';

const MOVEMENT =
  '<movement><resource>CPU</resource><quantity>1</quantity><price>0</price><VAT></VAT></movement>';

/** A partition with one report, whose folders fail as told. */
function site(failures: { list?: Error; read?: Error; remove?: Error }) {
  const fail = async (error: Error | undefined) => {
    if (error !== undefined) throw error;
  };
  const posted: string[] = [];
  const folder = {
    path: '/home',
    list: async () => fail(failures.list).then(() => ['usage.xml']),
    readSole: async () => {
      await fail(failures.read);
      return Buffer.from(`<consumption>${MOVEMENT}</consumption>`);
    },
    remove: () => fail(failures.remove),
  };
  const context = {
    host: { openFolder: () => ({ ...folder, list: async () => [] }) },
    options: { instanceRoot: '/instance', computerId: 'COMP-1' },
    master: { useComputer: async (_: string, text: string) => void posted.push(text) },
    now: () => new Date(0),
    log: silentLogger,
  } as unknown as GridContext;
  const partition = { id: 'slappart0', folder } as unknown as Partition;
  return { context, partition, posted };
}

const refused = (code: string) =>
  new HostError('SLAPOS_ERR_FILE', `Cannot use it: ${code}.`, {}, { context: { code } });

/** Partitions that wait with their destruction. */
async function waiting(failures: Parameters<typeof site>[0]): Promise<readonly string[]> {
  const { context, partition } = site(failures);
  return [...(await postAggregate(context, [await collectPartitionReports(context, partition)]))];
}

test('a partition whose reports were posted and taken away may be destroyed', async () => {
  expect(await waiting({})).toEqual([]);
});

test.each(['EIO', 'EMFILE', 'ENOSPC'])('it waits while %s keeps us from reading', async (code) => {
  expect(await waiting({ list: refused(code) })).toEqual(['slappart0']);
  expect(await waiting({ read: refused(code) })).toEqual(['slappart0']);
  expect(await waiting({ read: Object.assign(new Error(code), { code }) })).toEqual(['slappart0']);
});

test.each(['ELOOP', 'ENXIO', 'EAGAIN'])('it cannot keep itself by %s', async (code) => {
  expect(await waiting({ list: refused(code) })).toEqual([]);
  expect(await waiting({ read: refused(code) })).toEqual([]);
});

test('what was posted and stays is not over', async () => {
  expect(await waiting({ remove: refused('EIO') })).toEqual(['slappart0']);
});
