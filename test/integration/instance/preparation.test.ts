/** What each pass makes of the supervisor before its work (spec/grid.md 6 and 7.1). */
import { existsSync, readdirSync, rmSync, statSync } from 'node:fs';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { ProcessInfo } from '../../../src/supervisor/client.ts';
import { InstanceNode } from '../../support/instance-node.ts';
import { requires } from '../../support/requires.ts';

const RELEASE = 'https://host/software.cfg';
const FIREWALL =
  '[firewall]\nfirewall_executable = /bin/sleep 1000\nfirewall_cmd = /bin/true\nlog_file = /dev/null\n';

requires('root', 'netns')('before its work', () => {
  let node: InstanceNode;

  beforeEach(async () => {
    node = new InstanceNode({ partitions: 1, releases: [RELEASE], settings: FIREWALL });
    await node.open();
    node.master.wishes.set('slappart0', { state: 'stopped', release: RELEASE, timestamp: '1' });
  });
  afterEach(() => node.close());

  const folder = () => node.site.path('etc', 'supervisord.conf.d');
  const states = async () => {
    const all = await node.client.call<ProcessInfo[]>('supervisor.getAllProcessInfo');
    return all.map(({ name, statename }) => `${name} ${statename}`);
  };

  it.each(['instance', 'report'])('node %s has supervisor and firewall started', async (verb) => {
    expect(await node.run([verb])).toMatchObject({ status: 0 });
    expect(readdirSync(folder())).toContain('firewall.conf');
    expect(await states()).toContain('firewall RUNNING');
  });

  it('node report starts no supervisor where that is forbidden', async () => {
    await node.close();
    const settings = `forbid_supervisord_automatic_launch = true\n${FIREWALL}`;
    node = new InstanceNode({ partitions: 1, releases: [RELEASE], settings });
    await node.open();
    expect(await node.run(['report'])).toMatchObject({ status: 0 });
    expect(readdirSync(folder())).toEqual(['firewall.conf']);
    expect(existsSync(node.site.path('sv.sock'))).toBe(false);
  });

  it('node promise makes nothing but its lock', async () => {
    for (const name of ['etc', 'var']) rmSync(node.site.path(name), { recursive: true });
    expect(await node.run(['promise'])).toMatchObject({ status: 0 });
    const made = readdirSync(node.site.instanceRoot, { recursive: true });
    expect(made.sort()).toEqual([
      'slappart0',
      'var',
      'var/run',
      'var/run/slapos-partition-slappart0.lock',
    ]);
    expect(statSync(node.site.path('var/run')).mode & 0o777).toBe(0o700);
  });
});
