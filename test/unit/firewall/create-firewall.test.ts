import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { FirewallSettings } from '../../../src/config/firewall-settings.ts';
import { createFirewall } from '../../../src/firewall/create-firewall.ts';
import type { GridContext, ManagedPartition } from '../../../src/grid/context.ts';
import { createQueue } from '../../../src/grid/queue.ts';
import { openOwnedFolder } from '../../../src/host/folder/owned-folder.ts';
import type { SlapPartition } from '../../../src/slap/master.ts';
import { createFakeFirewall } from '../../support/fake-firewall.ts';
import { createFakeMaster } from '../../support/fake-master.ts';
import { slapPartition } from '../../support/slap-partition.ts';

const SETTINGS: FirewallSettings = {
  command: ['/bin/true', '--zone dir'],
  reloadCommand: ['/bin/true', 'reload'],
  authorizedSources: ['10.2.0.1'],
  programs: [],
};
const FILE = '.slapos-firewalld-rules';
const accept = (source: string, address: string) =>
  ['INPUT', 'FORWARD'].map(
    (chain) => `ipv4 filter ${chain} 0 -s ${source} -d ${address} -j ACCEPT`,
  );
const reject = (address: string) =>
  ['INPUT', 'FORWARD'].flatMap((chain) => [
    `ipv4 filter ${chain} 1000 -d ${address} -j REJECT`,
    `ipv4 filter ${chain} 900 -d ${address} -m state --state ESTABLISHED,RELATED -j REJECT`,
  ]);
const stored = (rule: string) => `--permanent --direct --add-rule ${rule}`;

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'firewall-'));
});
afterEach(() => rmSync(root, { recursive: true }));

function scene() {
  const fake = createFakeFirewall();
  const master = createFakeMaster();
  const warnings: string[] = [];
  const log = { debug() {}, info() {}, warning: (text: string) => void warnings.push(text) };
  const context = {
    master,
    options: { computerId: 'COMP-1', instanceRoot: root },
    host: { run: fake.run, openFolder: openOwnedFolder },
    env: { PATH: '/usr/bin:/bin' },
    log,
  } as unknown as GridContext;
  const partition = (
    addresses: readonly string[],
    changes: Partial<SlapPartition> = {},
    id = 'p1',
  ) => {
    mkdirSync(join(root, id), { recursive: true });
    const parameters = { full_ip_list: addresses.map((address) => ['route_tap', address]) };
    const wish = slapPartition({ partitionId: id, parameters: parameters as never, ...changes });
    return {
      id,
      wish,
      log,
      folder: openOwnedFolder(join(root, id)),
    } as unknown as ManagedPartition;
  };
  // Each pass has a firewall of its own.
  const apply = (
    addresses: readonly string[],
    changes?: Partial<SlapPartition>,
    id?: string,
    settings: Partial<FirewallSettings> = {},
  ) =>
    createFirewall({ ...SETTINGS, ...settings }, createQueue()).apply(
      context,
      partition(addresses, changes, id),
    );
  const remove = (...given: Parameters<typeof partition>) =>
    createFirewall(SETTINGS, createQueue()).remove(context, partition(...given));
  const reloads = () => fake.commands.filter((text) => text === '/bin/true reload').length;
  const file = (id = 'p1') => JSON.parse(readFileSync(join(root, id, FILE), 'utf8')) as string[];
  return { fake, master, warnings, apply, remove, reloads, file };
}

it.each([true, false])(
  'adds the rules, reloads once, then asks only (list: %s)',
  async (canList) => {
    const { apply, fake, file, master, reloads } = scene();
    fake.canList = canList;
    await apply(['10.0.0.1']);
    const wanted = [...accept('10.2.0.1', '10.0.0.1'), ...reject('10.0.0.1')].sort();
    expect([...fake.rules].sort()).toEqual(wanted);
    expect(file().sort()).toEqual(wanted.map(stored).sort());
    expect(master.calls).toEqual(['getHostingSubscriptionIpList p1']);
    expect(reloads()).toBe(1);
    expect(fake.commands[1]).toContain('/bin/true --zone dir --permanent --direct --');
    fake.commands.length = 0;
    await apply(['10.0.0.1']);
    expect(reloads()).toBe(0);
    expect(fake.commands).toHaveLength(canList ? 1 : 1 + wanted.length);
    expect(fake.commands.filter((text) => /--(add|remove)/.test(text))).toEqual([]);
  },
);

it('keeps the rules of both addresses over passes', async () => {
  const { apply, fake, reloads } = scene();
  await apply(['10.0.0.1', '10.0.0.3']);
  await apply(['10.0.0.1', '10.0.0.3']);
  expect([...fake.rules].sort()).toEqual(
    ['10.0.0.1', '10.0.0.3'].flatMap((own) => [...accept('10.2.0.1', own), ...reject(own)]).sort(),
  );
  expect(reloads()).toBe(1);
});

it('removes rules of a source that went away, and of an address that the partition had', async () => {
  const { apply, fake } = scene();
  await apply(['10.0.0.1'], { filter: { fw_authorized_sources: '10.7.0.1' } });
  await apply(['10.0.0.1']);
  expect([...fake.rules].filter((rule) => rule.includes('10.7.0.1'))).toEqual([]);
  await apply(['10.0.0.4']);
  expect([...fake.rules].filter((rule) => rule.includes('-d 10.0.0.1 '))).toEqual([]);
});

it('removes everything of a destroyed partition', async () => {
  const { apply, fake, file, reloads, remove } = scene();
  fake.rules.add('ipv4 filter INPUT 0 -p icmp -j ACCEPT');
  await apply(['10.0.0.1']);
  await remove(['10.0.0.1']);
  expect([...fake.rules]).toEqual(['ipv4 filter INPUT 0 -p icmp -j ACCEPT']);
  expect(file()).toEqual([]);
  expect(reloads()).toBe(2);
  await remove(['10.0.0.1']);
  expect(reloads()).toBe(2);
});

it('asks nothing of the firewall for a partition without rules', async () => {
  const { apply, fake, remove } = scene();
  await apply([]);
  await remove([]);
  expect(fake.commands).toEqual([]);
});

it('never removes a rule about an address of somebody else that a partition lists', async () => {
  const { apply, fake, remove } = scene();
  const foreign = [...accept('10.3.0.1', '10.0.0.8'), 'ipv4 filter INPUT 0 -j ACCEPT'];
  const own = accept('10.6.0.1', '10.0.0.1');
  for (const rule of [...foreign, ...own]) fake.rules.add(rule);
  mkdirSync(join(root, 'p1'));
  writeFileSync(join(root, 'p1', FILE), JSON.stringify([...foreign, ...own].map(stored)));
  await apply(['10.0.0.1']);
  for (const rule of foreign) expect([...fake.rules]).toContain(rule);
  for (const rule of own) expect([...fake.rules]).not.toContain(rule);
  await remove(['10.0.0.1']);
  expect([...fake.rules]).toEqual(foreign);
});

it.each([
  ['no JSON', '[', /is ignored/],
  ['an object', '{}', /it is no list/],
  ['a huge file', '['.padEnd(300_000, ' '), /is ignored/],
])('goes on when the stored list is %s', async (_, text, warning) => {
  const { apply, fake, file, warnings } = scene();
  mkdirSync(join(root, 'p1'));
  writeFileSync(join(root, 'p1', FILE), text);
  await apply(['10.0.0.1']);
  expect(warnings.join('\n')).toMatch(warning);
  expect(fake.rules.size).toBe(6);
  expect(file()).toHaveLength(6);
});

it('replaces a link that stands where the list belongs, and follows none', async () => {
  const { apply, warnings } = scene();
  const victim = join(root, 'victim');
  writeFileSync(victim, '["precious"]');
  mkdirSync(join(root, 'p1'));
  symlinkSync(victim, join(root, 'p1', FILE));
  await apply(['10.0.0.1']);
  expect(readFileSync(victim, 'utf8')).toBe('["precious"]');
  expect(warnings.join('\n')).toContain('is ignored');
});

it('refuses a source with a shell command in it', async () => {
  const { apply, fake, warnings } = scene();
  await apply(['10.0.0.1'], { filter: { fw_authorized_sources: '10.0.0.1/8;id' } });
  expect(warnings).toEqual([
    '"10.0.0.1/8;id" is no IPv4 address or network: no rule is made for it.',
  ]);
  expect(fake.commands.filter((text) => text.includes('id'))).toEqual([]);
});

it('reloads in the next pass when the reload failed', async () => {
  const { apply, fake, reloads } = scene();
  fake.refusals.set('reload', 'no bus');
  await expect(apply(['10.0.0.1'])).rejects.toMatchObject({ code: 'SLAPOS_ERR_FIREWALL' });
  fake.refusals.clear();
  await apply(['10.0.0.1']);
  expect(reloads()).toBe(2);
});

it.each([
  ['--add-rule', 'Error: COMMAND_FAILED', /--add-rule .*COMMAND_FAILED/],
  ['--get-all-rules', 'FirewallD is not running', undefined],
])('tells what is refused: %s', async (part, output, message) => {
  const { apply, fake } = scene();
  fake.refusals.set(part, output);
  const pass = apply(['10.0.0.1']);
  if (message === undefined) await expect(pass).resolves.toBeUndefined();
  else await expect(pass).rejects.toThrow(message);
});

it('finds our own slapos for the reload where PATH has none, and no other program', async () => {
  const { apply, fake } = scene();
  const reloadCommand = ['slapos', 'node', 'restart', 'firewall'] as const;
  await apply(['10.0.0.1'], {}, 'p1', { reloadCommand });
  const [program, script, ...words] = fake.commands.at(-1)?.split(' ') ?? [];
  expect([program, ...words]).toEqual([process.execPath, 'node', 'restart', 'firewall']);
  expect(existsSync(script ?? '')).toBe(true);
  const missing = { command: ['no-such-firewall'] as const };
  await expect(apply(['10.0.0.2'], {}, 'p2', missing)).rejects.toThrow(
    'There is no program no-such-firewall.',
  );
});

it('reloads once for partitions that change at the same time', async () => {
  const { fake, master } = scene();
  const log = { debug() {}, info() {}, warning() {} };
  const context = {
    master,
    options: { computerId: 'COMP-1', instanceRoot: root },
    host: { run: fake.run, openFolder: openOwnedFolder },
    env: {},
    log,
  } as unknown as GridContext;
  const firewall = createFirewall(SETTINGS, createQueue());
  const partitions = Array.from({ length: 20 }, (_, index) => {
    const id = `q${index}`;
    mkdirSync(join(root, id));
    const parameters = { ip_list: [['route_tap', `10.0.1.${index}`]] };
    const wish = slapPartition({ partitionId: id, parameters: parameters as never });
    return {
      id,
      wish,
      log,
      folder: openOwnedFolder(join(root, id)),
    } as unknown as ManagedPartition;
  });
  await Promise.all(partitions.map((partition) => firewall.apply(context, partition)));
  expect(fake.rules.size).toBe(20 * 6);
  expect(fake.commands.filter((text) => text.includes('--get-all-rules'))).toHaveLength(1);
  expect(fake.commands.filter((text) => text === '/bin/true reload').length).toBeLessThan(10);
});
