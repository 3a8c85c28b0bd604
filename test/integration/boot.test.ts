/** `slapos node boot` as a unit starts it, before the network is there. */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { RealNode } from '../support/real-node.ts';
import { requires } from '../support/requires.ts';

const FOLDER = '/srv/boot-node';

function ip(...words: readonly string[]): void {
  const { status, stderr } = spawnSync('ip', words, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`ip ${words.join(' ')}: ${stderr}`);
}

requires('root', 'netns')('a boot', () => {
  let node: RealNode;
  beforeAll(async () => {
    const slapformat = { interface_name: 'boot0', partition_amount: 2 };
    node = new RealNode({ folder: FOLDER, port: 5381, slapformat });
    await node.startProxy('ours');
  });
  afterAll(async () => {
    await node.stopProxy();
    ip('link', 'del', 'boot0');
    rmSync(FOLDER, { recursive: true });
  });

  const plug = (prefix: string) => {
    ip('link', 'add', 'boot0', 'type', 'veth', 'peer', 'name', 'boot1');
    ip('link', 'set', 'boot0', 'up');
    ip('link', 'set', 'boot1', 'up');
    ip('addr', 'add', `${prefix}1/64`, 'dev', 'boot0');
  };
  const listAddresses = () =>
    spawnSync('ip', ['-6', 'addr', 'show', 'dev', 'boot0'], { encoding: 'utf8' }).stdout;

  it('waits for interface and address, and formats in the prefix that came', async () => {
    plug('2001:db8:a::');
    await node.ours('node', 'format', '--now', '--cfg', node.config);
    expect(listAddresses()).toContain('2001:db8:a::2/64');
    ip('link', 'del', 'boot0');
    const timestamp = join(node.instanceRoot, 'slappart1', '.timestamp');
    writeFileSync(timestamp, '1');
    const boot = node.run('ours', 'node', 'boot', '--cfg', node.config);
    plug('2001:db8:b::');
    const { status, stdout, stderr } = await boot;
    expect(stderr).toContain('[BOOT] IPv6 address 2001:db8:b::1 is there.');
    expect(stdout).toContain("Bang with message 'Reboot'");
    expect(status).toBe(0);
    expect(listAddresses()).toContain('2001:db8:b::2/64');
    expect(listAddresses()).not.toContain('2001:db8:a::');
    expect(existsSync(timestamp)).toBe(false);
  }, 60_000);

  it('ends at once for a configuration that no waiting mends', async () => {
    const wrong = join(FOLDER, 'wrong.cfg');
    writeFileSync(wrong, '[slapos]\ninstance_root = /srv/boot-node\n');
    const { status, stderr } = await node.run('ours', 'node', 'boot', '--cfg', wrong);
    expect([status, stderr]).toEqual([1, expect.stringContaining('master_url')]);
  });

  it('ends with the reason where fewer partitions are configured than there are', async () => {
    const fewer = join(FOLDER, 'fewer.cfg');
    const text = readFileSync(node.config, 'utf8');
    writeFileSync(fewer, text.replace(/^partition_amount *= *2$/m, 'partition_amount = 1'));
    const { status, stderr } = await node.run('ours', 'node', 'boot', '--cfg', fewer);
    expect([status, stderr]).toEqual([1, expect.stringContaining('partition_amount is 1 but')]);
    expect(stderr).toContain('[SLAPOS_ERR_PLAN_SHRINK]');
  }, 60_000);
});
