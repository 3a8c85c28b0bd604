/** Each exit status of `slapos node instance`, by the real command line (spec/grid.md 1 and 7). */
import { spawn } from 'node:child_process';
import { appendFileSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { packageRoot } from '../../../src/host/package/package-files.ts';
import { InstanceNode } from '../../support/instance-node.ts';
import { requires } from '../../support/requires.ts';
import { until } from '../../support/supervisor-run.ts';

const RELEASE = 'https://host/software.cfg';

requires('root', 'netns')('the exit status of slapos node instance', () => {
  let node: InstanceNode;
  let clock = 0;

  beforeAll(async () => {
    node = new InstanceNode({ partitions: 2, releases: [RELEASE] });
    await node.open();
  });
  afterAll(() => node.close());

  /** A pass in which everything is processed. */
  const pass = (...words: readonly string[]) => {
    clock += 1;
    for (const id of node.ids) {
      node.master.wishes.set(id, { state: 'started', release: RELEASE, timestamp: String(clock) });
    }
    return node.run(['instance', ...words]);
  };

  it('is 0 when everything is as the Master wants it', async () => {
    const { status, stderr } = await pass();
    expect([status, stderr]).toEqual([0, expect.stringContaining('Finished computer partitions.')]);
    expect((await node.running()).size).toBe(2);
  });

  it('is 1 when a partition failed, with the others done', async () => {
    node.plan('slappart0', { fails: true });
    const { status, stderr } = await pass();
    node.plan('slappart0', {});
    expect(status).toBe(1);
    expect(stderr).toContain('Error while processing the following partitions:');
    expect(node.site.exists('slappart1', '.timestamp')).toBe(true);
  });

  it('is 1 for a computer that the Master does not know, and not offline', async () => {
    node.master.fault = ({ name }) => (name.endsWith('ComputerInformation') ? '404' : undefined);
    const { status } = await pass();
    node.master.fault = () => undefined;
    expect(status).toBe(1);
    expect(node.master.calls.map(({ name }) => name)).toEqual([
      'getFullComputerInformation',
      'getComputerInformation',
    ]);
  });

  it('is 1 for an unknown partition, and nothing is processed', async () => {
    const { status, stderr } = await pass('--only', 'slappart0,nope');
    expect(status).toBe(1);
    expect(stderr).toContain('Unknown partition: nope');
    expect(node.master.calls.map(({ name }) => name)).toEqual(['getFullComputerInformation']);
  });

  it('is 2 when only a promise failed', async () => {
    node.sicken('slappart1', true);
    const { status, stderr } = await pass();
    node.sicken('slappart1', false);
    expect(status).toBe(2);
    expect(stderr).toContain('Error with promises for the following partitions:');
    expect(node.master.errorsOf('slappart1')).toEqual(["Promise 'up' failed with output: sick"]);
  });

  it('is 3 without the Master, with the services started', async () => {
    const before = await node.running();
    await node.client.call('supervisor.stopProcessGroup', 'slappart0');
    node.master.fault = () => '503';
    const { status } = await node.run(['instance']);
    node.master.fault = () => undefined;
    expect(status).toBe(3);
    expect(node.master.calls.map(({ name }) => name)).toEqual(['getFullComputerInformation']);
    expect([...(await node.running()).keys()].sort()).toEqual([...before.keys()].sort());
    const kept = node.site.path('var/slapos-master-answer.json');
    expect(statSync(kept).mode & 0o777).toBe(0o600);
    expect(readFileSync(kept, 'utf8')).not.toContain('secret');
  });

  it('is 3 when the Master is lost on the way, with the services started', async () => {
    await node.client.call('supervisor.stopProcessGroup', 'slappart1');
    node.master.fault = ({ name }) => (name.startsWith('getComputerPart') ? '503' : undefined);
    const { status } = await pass();
    node.master.fault = () => undefined;
    expect(status).toBe(3);
    expect((await node.running()).size).toBe(2);
  });

  it('is 5 for another user than root', async () => {
    const program = join(packageRoot(), 'bin', 'slapos');
    const words = ['node', 'instance', '--cfg', node.configuration, '--now'];
    const child = spawn(program, words, { uid: 70_001, gid: 70_001 });
    let text = '';
    child.stderr.setEncoding('utf8').on('data', (piece: string) => (text += piece));
    const status = await new Promise((resolve) => child.on('close', resolve));
    expect([status, text]).toEqual([5, expect.stringContaining('root')]);
  });

  it('is 10 while another one runs, which is left alone', async () => {
    node.plan('slappart0', { script: 'sleep 2\n' });
    const first = pass();
    const pidfile = join(node.site.root, 'slapos.pid');
    await until(() => statSync(pidfile, { throwIfNoEntry: false }), 'the pid file');
    const { status, stderr } = await node.run(['promise']);
    expect([status, stderr]).toEqual([10, expect.stringContaining('holds the pid file')]);
    expect((await first).status).toBe(0);
    expect(statSync(pidfile, { throwIfNoEntry: false })).toBeUndefined();
    node.plan('slappart0', {});
  });

  it('is 0 after a pid file of a run that was killed', async () => {
    const pidfile = join(node.site.root, 'slapos.pid');
    const other = spawn('/bin/sleep', ['100']);
    for (const text of ['', 'no pid', String(other.pid), '99999999']) {
      writeFileSync(pidfile, text);
      expect((await pass()).status).toBe(0);
      expect(statSync(pidfile, { throwIfNoEntry: false })).toBeUndefined();
    }
    other.kill();
  });

  it('is 1 for a setting that makes no sense, before anything is asked', async () => {
    const text = readFileSync(node.configuration, 'utf8');
    appendFileSync(node.configuration, 'maximum_periodicity = often\n');
    const { status, stderr } = await pass();
    writeFileSync(node.configuration, text);
    expect([status, stderr]).toEqual([1, expect.stringContaining('often')]);
    expect(node.master.calls).toEqual([]);
  });

  it('is 1 when a root is missing', async () => {
    const { status, stderr } = await pass('--software-root', `${node.site.root}/none`);
    expect([status, stderr]).toEqual([1, expect.stringContaining('/none does not exist.')]);
    rmSync(`${node.site.root}/none`, { recursive: true, force: true });
  });
});
