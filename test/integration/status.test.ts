/** The model of a real node: services, promises, logs and consumption, as they come and go. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chownSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { packageRoot } from '../../src/host/package/package-files.ts';
import { listLogs, readLog } from '../../src/status/logs.ts';
import type { NodeStatus, PartitionStatus } from '../../src/status/model.ts';
import { readPromiseHistory } from '../../src/status/promise-history.ts';
import { readNodeStatus } from '../../src/status/read-status.ts';
import { readSeries } from '../../src/status/series.ts';
import { openStatusSources, type StatusSources } from '../../src/status/sources.ts';
import { partitionUid } from '../support/grid-site.ts';
import { InstanceNode } from '../support/instance-node.ts';
import { requires } from '../support/requires.ts';
import { until } from '../support/supervisor-run.ts';

const RELEASE = 'https://host/status.cfg';
/** Its name begins as those that are not watched do: it may end. */
const BROKEN = `mkdir -p etc/run
rm -f etc/run/broken
printf '#!/bin/sh\\necho no such host\\nexit 3\\n' > etc/run/broken
chmod 700 etc/run/broken
`;

requires('root', 'netns')('the status of a node', () => {
  const settings = `[slapformat]
partition_amount = 2
partition_base_name = slappart
user_base_name = siteuser
`;
  const node = new InstanceNode({ partitions: 2, releases: [RELEASE], settings });
  const { instanceRoot } = node.site;
  let sources: StatusSources;

  beforeAll(async () => {
    await node.open();
    node.master.entityTag = '"1"';
    node.master.releases = [RELEASE];
    node.plan('slappart0', { script: BROKEN });
    node.master.wishes.set('slappart0', {
      state: 'started',
      release: RELEASE,
      timestamp: '1',
      attributes: {
        _instance_guid: 'SOFTINST-1',
        _parameter_dict: {
          timestamp: '1',
          instance_title: '<b>site</b>',
          slap_software_type: 'default',
        },
      },
    });
    sources = openStatusSources({
      instanceRoot,
      computerId: 'COMP-1',
      masterUrl: readMasterUrl(),
      partitionBase: 'slappart',
      partitionAmount: 2,
    });
  });
  afterAll(async () => {
    sources.close();
    await node.close();
  });

  const readMasterUrl = () =>
    /^master_url = (.*)$/m.exec(readFileSync(node.configuration, 'utf8'))?.[1] ?? '';
  const read = async () => readNodeStatus(sources);
  const first = (status: NodeStatus) => status.partitions[0] as PartitionStatus;
  const showJson = async (...words: string[]) => {
    // `--now` is no word of this command.
    const run = await node.runPlain('status', '--format', 'json', ...words);
    return { ...run, model: JSON.parse(run.stdout) as NodeStatus };
  };

  it('of a node on which nothing was done yet', async () => {
    const { model, status } = await showJson();
    expect(status).toBe(1);
    expect(model.supervisor.isAvailable).toBe(false);
    expect(model.document?.isAvailable).toBe(false);
    expect(model.consumption).toMatchObject({ isAvailable: false, source: 'none' });
    expect(model.partitions.map(({ reference, uid, user }) => [reference, uid, user])).toEqual([
      ['slappart0', partitionUid(0), 'siteuser0'],
      ['slappart1', partitionUid(1), 'siteuser1'],
    ]);
  });

  it('tells of instances, services that run and fail, and promises that fail and recover', async () => {
    expect((await node.run(['instance'])).status).toBe(0);
    const status = await until(async () => {
      const found = await read();
      return first(found).services.some(({ state }) => state === 'EXITED') ? found : undefined;
    }, 'the end of the broken service');
    expect(status.supervisor).toEqual({ isAvailable: true, reason: '' });
    expect(status.document).toEqual({ isAvailable: true, reason: '' });
    const { instance, promises, services } = first(status);
    expect(instance).toEqual({
      title: '<b>site</b>',
      reference: 'SOFTINST-1',
      softwareUrl: RELEASE,
      softwareType: 'default',
      requestedState: 'started',
    });
    const broken = services.find(({ name }) => name === 'broken');
    expect(broken).toMatchObject({ state: 'EXITED', pid: null, exitStatus: 3 });
    expect(broken?.reason).toMatch(/^exit status 3 at .*; last line: no such host$/);
    const server = services.find(({ name }) => name.startsWith('server-'));
    expect(server).toMatchObject({
      state: 'RUNNING',
      stoppedAtMs: null,
      exitStatus: null,
      reason: '',
    });
    expect(server?.pid).toBeGreaterThan(0);
    expect(server?.startedAtMs).toBeGreaterThan(0);
    expect(promises).toMatchObject([{ title: 'up', hasFailed: false }]);
    expect(status.partitions[1]).toMatchObject({ instance: null, services: [], promises: [] });

    node.sicken('slappart0', true);
    await node.run(['promise']);
    expect(first(await read()).promises).toMatchObject([{ hasFailed: true, message: 'sick' }]);
    node.sicken('slappart0', false);
    await node.run(['promise']);
    expect(first(await read()).promises).toMatchObject([{ hasFailed: false, message: '' }]);
    const history = await readPromiseHistory(sources, 'slappart0');
    // Runs of one second may come to share their number.
    expect(history['up']?.some(({ hasFailed, message }) => hasFailed && /sick/.test(message))).toBe(
      true,
    );
  }, 60_000);

  it('gives the logs of the partition, and no other file', async () => {
    const names = await listLogs(sources, 'slappart0');
    expect(names).toEqual(expect.arrayContaining(['instance', 'service:broken', 'promise:up']));
    const log = await readLog(sources, 'slappart0', 'service:broken');
    expect(log).toEqual({ lines: ['no such host'], isCut: false, problem: '' });
    expect((await readLog(sources, 'slappart0', 'instance'))?.lines.length).toBeGreaterThan(0);
    expect(await readLog(sources, 'slappart0', '../slappart1/secret')).toBeUndefined();
    const shadow = node.site.path('slappart0', '.slapgrid/promise/log/shadow.log');
    symlinkSync('/etc/shadow', shadow);
    expect(await listLogs(sources, 'slappart0')).toContain('promise:shadow');
    expect(await readLog(sources, 'slappart0', 'promise:shadow')).toMatchObject({
      lines: [],
      problem: expect.stringContaining('link'),
    });
  });

  it('tells what was collected, and what a folder holds', async () => {
    const file = node.site.path('slappart0', 'file');
    writeFileSync(file, Buffer.alloc(1024 * 1024));
    chownSync(file, partitionUid(0), partitionUid(0));
    expect((await node.runPlain('collect')).status).toBe(0);
    const fresh = openStatusSources(sources.settings);
    const status = await readNodeStatus(fresh);
    fresh.close();
    expect(status.consumption).toEqual({ isAvailable: true, reason: '', source: 'database' });
    const { consumption } = first(status);
    expect(consumption?.processes).toBeGreaterThan(0);
    expect(consumption?.rssBytes).toBeGreaterThan(0);
    expect(consumption?.diskBytes).toBeGreaterThan(1024 * 1024);
    expect(await readSeries(sources, 'slappart0')).toMatchObject({
      resolution: 'minute',
      timesMs: [expect.any(Number)],
      values: { processes: [consumption?.processes] },
    });
  });

  it('takes what partitions use from the daemon of the collector while it runs', async () => {
    const words = ['node', 'collect', '--daemon', '--cfg', node.configuration];
    const daemon = spawn(join(packageRoot(), 'bin', 'slapos'), words, { stdio: 'ignore' });
    const ended = once(daemon, 'exit');
    try {
      const status = await until(
        async () => {
          const found = await read();
          return found.consumption.source === 'daemon' ? found : undefined;
        },
        'the daemon',
        60_000,
      );
      expect(first(status).consumption).toMatchObject({
        processes: expect.any(Number),
        diskBytes: expect.any(Number),
      });
      expect(status.partitions[1]?.consumption).toMatchObject({ processes: 0 });
      const series = await readSeries(sources, 'slappart0', Date.now() - 60_000);
      expect(series?.resolution).toBe('sample');
    } finally {
      daemon.kill('SIGTERM');
      await ended;
    }
    expect((await read()).consumption.source).toBe('database');
  }, 90_000);

  it('ends as without --format json', async () => {
    expect((await showJson()).status).toBe(3);
    const one = await showJson('slappart0:broken', 'nobody:');
    expect(one.status).toBe(3);
    expect(one.stderr).toContain('nobody: ERROR (no such group)');
    expect(one.model.partitions.map(({ services }) => services.map(({ name }) => name))).toEqual([
      ['broken'],
    ]);
    expect((await showJson('nobody:')).status).toBe(4);
    await node.stopSupervisor();
    const { model, status, stderr } = await showJson();
    expect(status).toBe(7);
    expect(model.supervisor.isAvailable).toBe(false);
    expect(stderr).toContain('The supervisor does not run');
    expect(first(model).promises).toHaveLength(1);
    expect(first(await read()).services).toEqual([]);
  }, 60_000);
});
