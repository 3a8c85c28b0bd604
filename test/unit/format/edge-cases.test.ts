/**
 * One test for each row of "Edge cases worth a test" in spec/format.md, named by the row. Where we
 * differ from upstream on purpose the title says so. Rows that need the command line and a Master
 * are in test/integration/format/edge-cases.test.ts.
 */
import { expect, it } from 'vitest';
import { FakeHost } from '../../support/fake-host.ts';
import { formatInput, formatOptions, plannedKinds, runFormat } from '../../support/format-run.ts';

const XML = '/opt/slapos/slapos.xml';

type Address = readonly [device: string, address: string, prefixLength: number];

function hostWith(...addresses: readonly Address[]): FakeHost {
  const host = new FakeHost();
  host.addLink('br0', { kind: 'bridge' });
  host.addLink('eth1');
  for (const [device, address, prefixLength] of addresses) {
    host.addAddress(device, address, prefixLength);
  }
  return host;
}

const usual = () => hostWith(['br0', '2001:db8:aaaa::1', 48]);

function format(host: FakeHost, changes: Readonly<Record<string, string>> = {}) {
  return runFormat(formatInput(host, formatOptions(changes)));
}

const noRanges = {
  create_tap: 'false',
  partition_has_ipv6_range: 'false',
};

it('amount 5, shift 4: exit 1; amount 4 passes, but not the last tun', async () => {
  const shift = { ipv6_prefixshift: '4' };
  expect(() => formatOptions({ ...shift, partition_amount: '5' })).toThrow(
    '2^4 is less than 4 × 5',
  );
  await format(usual(), { ...shift, partition_amount: '4' });
  const tuns = format(usual(), { ...shift, partition_amount: '4', create_tun: 'true' });
  await expect(tuns).rejects.toMatchObject({ code: 'SLAPOS_ERR_PLAN_ADDRESS', exitCode: 1 });
});

it('a root that is a link to what is not there: 1; with the link, for which a boot waits', async () => {
  const host = usual();
  const { statAll } = host.files;
  host.files.statAll = async (paths) => {
    const link = {
      kind: 'link',
      mode: 0o777,
      uid: 0,
      gid: 0,
      sizeBytes: 9,
      modifiedMs: 0,
    } as const;
    const found = await statAll(paths);
    return paths.map((path, index) => (path === '/srv/slapgrid' ? link : found[index]));
  };
  await expect(format(host)).rejects.toMatchObject({
    message: '/srv/slapgrid is a link to what is not there.',
    context: { link: '/srv/slapgrid' },
  });
});

it('create_tap = yes: 1; = TRUE: accepted; no_bridge = false: 1', () => {
  expect(() => formatOptions({ create_tap: 'yes' })).toThrow('neither True nor False');
  expect(formatOptions({ create_tap: 'TRUE' }).hasTaps).toBe(true);
  expect(() => formatOptions({ no_bridge: 'false' })).toThrow("The option 'no_bridge' was removed");
});

it('2 partitions stored, amount 1: exit 1, slapos.xml untouched', async () => {
  const host = usual();
  await format(host, { partition_amount: '2' });
  const before = host.snapshot();
  await expect(format(host, { partition_amount: '1' })).rejects.toMatchObject({ exitCode: 1 });
  expect(host.snapshot()).toEqual(before);
});

it('address ::2 on another interface: WARNING, ::<1..fde8>; with shift 7 too (ours)', async () => {
  for (const shift of ['16', '7']) {
    const host = hostWith(['br0', '2001:db8::1', 64], ['eth1', '2001:db8::2', 64]);
    const { computer, warnings } = await format(host, { ipv6_prefixshift: shift });
    expect(warnings.join()).toContain('2001:db8::2 is taken');
    const given = computer.partitions[0]?.addresses[1]?.address ?? '';
    const last = Number.parseInt(/^2001:db8::([0-9a-f]+)$/.exec(given)?.[1] ?? '', 16);
    expect(last).toBeGreaterThan(2);
    expect(last).toBeLessThanOrEqual(0xfde8);
  }
});

it('base ::2/64, partition 0: another address than the host (ours)', async () => {
  const host = hostWith(['br0', '2001:db8:aaaa:1::2', 64]);
  const { computer } = await format(host);
  expect(computer.address).toBe('2001:db8:aaaa:1::2');
  expect(computer.partitions[0]?.addresses[1]?.address).not.toBe('2001:db8:aaaa:1::2');
});

it('host addresses of several prefixes: the shortest prefix, then the smallest', async () => {
  const host = hostWith(
    ['br0', 'fd00::5', 64],
    ['br0', '2001:db8:eeee::1', 64],
    ['br0', '2001:db8:ffff::1', 64],
    ['br0', '2001:db8:aaaa:1::9', 80],
  );
  expect((await format(host)).computer.address).toBe('2001:db8:eeee::1');
});

it('interface with only fe80::, or without IPv6: exit 1 both', async () => {
  for (const host of [hostWith(['br0', 'fe80::1', 64]), hostWith()]) {
    await expect(format(host)).rejects.toMatchObject({
      code: 'SLAPOS_ERR_PLAN_ADDRESS',
      exitCode: 1,
    });
    expect(host.fileTable.has(XML)).toBe(false);
  }
});

it('/112 with taps or ranges: exit 1; without: ok', async () => {
  const narrow = () => hostWith(['br0', '2001:db8:1:2:3:4:5:1', 112]);
  const taps = format(narrow(), { partition_has_ipv6_range: 'false' });
  await expect(taps).rejects.toMatchObject({ exitCode: 1 });
  await expect(format(narrow(), { create_tap: 'false' })).rejects.toMatchObject({ exitCode: 1 });
  const { computer } = await format(narrow(), noRanges);
  expect(computer.partitions[0]?.addresses[1]?.address).toBe('2001:db8:1:2:3:4:5:2');
});

it('run 2 and run 3 unchanged: nothing written, no zip without a change (ours)', async () => {
  const host = usual();
  await format(host);
  expect(await plannedKinds(formatInput(host, formatOptions()))).toEqual([]);
  await format(host);
  expect(host.fileTable.has(`${XML}.zip`)).toBe(false);
});

it('instance_root changed with existing XML: ignored, old root used', async () => {
  const host = usual();
  await format(host);
  const { computer } = await format(host, { instance_root: '/elsewhere' });
  expect(computer.instanceRoot).toBe('/srv/slapgrid');
  expect(host.folders.has('/elsewhere')).toBe(false);
});

it('address_list with 1 entry in XML: exit 1', async () => {
  const host = usual();
  await format(host, { partition_amount: '1' });
  const file = host.fileTable.get(XML) as { content: string };
  const second = /<dictionary id="i8">[\s\S]*?<\/dictionary>\s*(?=<\/list>)/;
  expect(file.content).toMatch(second);
  file.content = file.content.replace(second, '');
  await expect(format(host, { partition_amount: '1' })).rejects.toMatchObject({
    code: 'SLAPOS_ERR_PLAN_ADDRESS',
    exitCode: 1,
  });
});

it('alter_network = False on the first run: no addresses; a later full run fills them', async () => {
  const host = usual();
  const { computer } = await format(host, { alter_network: 'false' });
  expect(computer.partitions[0]).toMatchObject({ addresses: [], ipv6Range: null });
  expect(computer.partitions[0]?.tap.name).toBe('slaptap0');
  const full = (await format(host)).computer.partitions[0];
  expect(full?.addresses).toHaveLength(2);
  expect(full?.ipv6Range?.network).toBe('2001:db8:aaaa:4001::/64');
});

it('tap_ipv6, ranges true to false: fields emptied; addresses and routes stay', async () => {
  const host = usual();
  await format(host, { tap_mode: 'routed' });
  const [addresses, routes] = [[...host.addressList], [...host.routeList]];
  const off = { tap_mode: 'routed', tap_ipv6: 'false', partition_has_ipv6_range: 'false' };
  const [first] = (await format(host, off)).computer.partitions;
  expect(first?.tap).toMatchObject({ ipv6Address: '', ipv6Gateway: '', ipv6Network: '' });
  expect(first?.ipv6Range).toBeNull();
  expect([host.addressList, host.routeList]).toEqual([addresses, routes]);
});

it('tap with another owner: WARNING, continues', async () => {
  const host = usual();
  host.addLink('slaptap0', { kind: 'tun', tunMode: 'tap', tunOwner: 4242 });
  const { warnings } = await format(host);
  expect(warnings.join()).toContain('slaptap0 belongs to uid 4242');
  expect(host.links.find(({ name }) => name === 'slaptap0')?.tunOwner).toBe(4242);
});

it('prefix A to B, IPv4 kept: address, range, tun and tap all follow (ours)', async () => {
  const host = usual();
  const before = (await format(host, { create_tun: 'true' })).computer;
  host.removeAddress('2001:db8:aaaa::1');
  host.addAddress('br0', '2001:db8:bbbb::1', 48);
  const { computer } = await format(host, { create_tun: 'true' });
  expect(JSON.stringify(computer)).not.toContain('2001:db8:aaaa');
  expect(computer.partitions[0]?.addresses[0]).toEqual(before.partitions[0]?.addresses[0]);
});

it('.slapos-resource chmod 0600, same content: left 0600', async () => {
  const host = usual();
  await format(host);
  const file = host.fileTable.get('/srv/slapgrid/slappart0/.slapos-resource') as { mode: number };
  file.mode = 0o600;
  await format(host);
  expect(host.fileTable.get('/srv/slapgrid/slappart0/.slapos-resource')?.mode).toBe(0o600);
});

it('ipv4_local_network = 10.9.9.9/32, 2 partitions: a clear error (ours)', async () => {
  const small = format(usual(), { ipv4_local_network: '10.9.9.9/32', partition_amount: '2' });
  await expect(small).rejects.toMatchObject({
    code: 'SLAPOS_ERR_PLAN_ADDRESS',
    message: 'ipv4_local_network 10.9.9.9/32 has no free address for slappart1.',
  });
});
