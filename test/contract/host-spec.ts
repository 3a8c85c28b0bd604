/** What format relies on of a Host, the real one and the one in memory: one text for both. */
import { expect, it } from 'vitest';
import type { Host } from '../../src/host/host.ts';

export interface HostUnderTest {
  readonly host: Host;
  /** A bridge that is up and has no address. */
  readonly bridge: string;
  /** A folder to work in. */
  readonly folder: string;
  /** Folder of the account files. */
  readonly etc: string;
}

const NOTHING = {
  addGroups: [],
  addUsers: [],
  changeUsers: [],
  lockUsers: [],
  addMembers: [],
  removeUsers: [],
  removeGroups: [],
};

export function describeHost(make: () => Promise<HostUnderTest>): void {
  it('refuses an address that is there, and one operation does not stop the next', async () => {
    const { host, bridge: dev } = await make();
    const add = { op: 'addrAdd' as const, dev, address: '2001:db8:5::1', prefixLength: 64 };
    const other = { ...add, address: '2001:db8:5::2' };
    const results = await host.network.apply([add, add, other]);
    expect(results.map(({ error }) => error === undefined)).toEqual([true, false, true]);
    const { links, addresses } = await host.network.dump();
    const index = links.find(({ name }) => name === dev)?.ifindex;
    const found = addresses
      .filter(({ ifindex, address }) => ifindex === index && address.startsWith('2001:db8:5:'))
      .map(({ address, prefixLength }) => `${address}/${prefixLength}`);
    expect(found.sort()).toEqual(['2001:db8:5::1/64', '2001:db8:5::2/64']);
    const del = { ...add, op: 'addrDel' as const };
    const removed = await host.network.apply([del, del, { ...other, op: 'addrDel' }]);
    expect(removed.map(({ error }) => error === undefined)).toEqual([true, false, true]);
  });

  it('takes an IPv4 address once for each length', async () => {
    const { host, bridge: dev } = await make();
    const add = { op: 'addrAdd' as const, dev, address: '172.16.0.1', prefixLength: 14 };
    const longer = { ...add, prefixLength: 15 };
    const results = await host.network.apply([add, longer, longer]);
    expect(results.map(({ error }) => error === undefined)).toEqual([true, true, false]);
    await host.network.apply([add, longer].map((one) => ({ ...one, op: 'addrDel' as const })));
  });

  it('makes devices with an owner, sets them up, in a group, in and out of a bridge', async () => {
    const { host, bridge } = await make();
    const device = { name: 'cttap0', mode: 'tap' as const, ownerUid: 4242 };
    const linkOf = async (name: string) =>
      (await host.network.dump()).links.find((link) => link.name === name);
    expect((await host.taps.create([device]))[0]?.error).toBeUndefined();
    expect(await linkOf('cttap0')).toMatchObject({
      kind: 'tun',
      tunMode: 'tap',
      tunOwner: 4242,
      isTunPersistent: true,
      master: 0,
    });
    const up = { op: 'linkSet' as const, dev: 'cttap0', isUp: true, group: 77, master: bridge };
    expect((await host.network.apply([up]))[0]?.error).toBeUndefined();
    const port = await linkOf('cttap0');
    expect(port).toMatchObject({ group: 77, master: (await linkOf(bridge))?.ifindex });
    expect((port?.flags ?? 0) & 1).toBe(1);
    await host.network.apply([{ op: 'linkSet', dev: 'cttap0', master: '' }]);
    expect((await linkOf('cttap0'))?.master).toBe(0);
    await host.taps.create([{ ...device, ownerUid: 4243 }]);
    expect((await linkOf('cttap0'))?.tunOwner).toBe(4243);
  });

  it('adds a route once, under our number, and removes it once', async () => {
    const { host, bridge: dev } = await make();
    const route = {
      op: 'routeAdd' as const,
      dev,
      family: 6 as const,
      destination: '2001:db8:6::',
      prefixLength: 64,
      gateway: '',
    };
    const results = await host.network.apply([route, route]);
    expect(results.map(({ error }) => error === undefined)).toEqual([true, false]);
    const { routes } = await host.network.dump();
    expect(routes.find(({ destination }) => destination === '2001:db8:6::')).toMatchObject({
      family: 6,
      prefixLength: 64,
      gateway: '',
      table: 254,
      type: 1,
      protocol: 83,
    });
    const del = { ...route, op: 'routeDel' as const };
    const removed = await host.network.apply([del, del]);
    expect(removed.map(({ error }) => error === undefined)).toEqual([true, false]);
  });

  it('gives an address and a route all that they have, and tells it again', async () => {
    const { host, bridge: dev } = await make();
    const address = {
      op: 'addrAdd' as const,
      dev,
      address: '192.0.2.2',
      prefixLength: 24,
      scope: 200,
      broadcast: '192.0.2.255',
      label: `${dev}:x`,
      metric: 50,
    };
    const route = {
      op: 'routeAppend' as const,
      dev,
      family: 4 as const,
      destination: '10.9.0.0',
      prefixLength: 16,
      gateway: '203.0.113.1',
      flags: 4,
      preferredSource: '192.0.2.2',
      metric: 70,
      table: 77,
      protocol: 4,
      tos: 8,
    };
    const results = await host.network.apply([address, route, route]);
    expect(results.map(({ error }) => error === undefined)).toEqual([true, true, false]);
    expect(results[2]?.error?.errno).toBe(17);
    const { addresses, routes } = await host.network.dump();
    const { op: _address, dev: _on, ...addressFacts } = address;
    expect(addresses.find((one) => one.address === '192.0.2.2')).toMatchObject(addressFacts);
    const { op: _route, dev: _over, flags, ...routeFacts } = route;
    const found = routes.find(({ table }) => table === 77);
    expect(found).toMatchObject(routeFacts);
    expect((found?.flags ?? 0) & flags).toBe(flags);
    const del = { op: 'routeDel' as const, dev, ...routeFacts };
    await host.network.apply([del, { ...address, op: 'addrDel' }]);
    expect((await host.network.dump()).routes.some(({ table }) => table === 77)).toBe(false);
  });

  it('appends a route beside one over another device, and deletes only the one named', async () => {
    const { host, bridge } = await make();
    const route = {
      op: 'routeAppend' as const,
      family: 4 as const,
      destination: '10.10.0.0',
      prefixLength: 16,
      metric: 5,
    };
    const over = (dev: string) => ({ ...route, dev });
    const results = await host.network.apply([over(bridge), over('lo'), over('lo')]);
    expect(results.map(({ error }) => error === undefined)).toEqual([true, true, false]);
    const left = async () => {
      const { links, routes } = await host.network.dump();
      const found = routes.filter(({ destination }) => destination === '10.10.0.0');
      return found.map((one) => links.find(({ ifindex }) => ifindex === one.ifindex)?.name);
    };
    await host.network.apply([{ ...over(bridge), op: 'routeDel' }]);
    expect(await left()).toEqual(['lo']);
    await host.network.apply([{ ...over('lo'), op: 'routeDel' }]);
    expect(await left()).toEqual([]);
  });

  it('deletes a link with all that it carries and lets its ports go', async () => {
    const { host } = await make();
    const dev = 'ctbr1';
    await host.taps.create([{ name: 'cttap1', mode: 'tap', ownerUid: 4242 }]);
    await host.network.apply([
      { op: 'linkAdd', dev, kind: 'bridge', mac: '02:00:00:00:00:c1' },
      { op: 'linkSet', dev, isUp: true },
      { op: 'linkSet', dev: 'cttap1', master: dev },
      { op: 'addrAdd', dev, address: '192.0.2.9', prefixLength: 32 },
      { op: 'routeAdd', dev, family: 4, destination: '10.11.0.0', prefixLength: 16 },
    ]);
    const results = await host.network.apply([
      { op: 'linkDel', dev },
      { op: 'linkDel', dev },
    ]);
    expect(results.map(({ error }) => error === undefined)).toEqual([true, false]);
    expect(results[1]?.error?.errno).toBe(19);
    const { links, addresses, routes } = await host.network.dump();
    expect(links.find(({ name }) => name === 'cttap1')?.master).toBe(0);
    expect(links.some(({ name }) => name === dev)).toBe(false);
    expect(addresses.some(({ address }) => address === '192.0.2.9')).toBe(false);
    expect(routes.some(({ destination }) => destination === '10.11.0.0')).toBe(false);
  });

  it('tells which neighbours do not answer in time', async () => {
    const { host, bridge } = await make();
    const silent = ['192.0.2.99', '2001:db8:5::99'];
    expect(await host.network.awaitNeighbours(bridge, silent, 100)).toEqual(silent);
    expect(await host.network.awaitNeighbours(bridge, [], 100)).toEqual([]);
  });

  it('makes users with groups, locked, and changes only what it is told', async () => {
    const { host, etc } = await make();
    await host.accounts.apply({
      ...NOTHING,
      etc,
      addGroups: [{ name: 'ctuser', gid: 31000 }],
      addUsers: [
        { name: 'ctuser', uid: 31000, gid: 31000, gecos: '', home: '/a', shell: '/bin/sh' },
      ],
      lockUsers: ['ctuser'],
      addMembers: [{ group: 'daemon', user: 'ctuser' }],
    });
    await host.accounts.apply({
      ...NOTHING,
      etc,
      changeUsers: [{ name: 'ctuser', home: '/b' }],
    });
    const { users, groups, shadow } = await host.accounts.read(etc);
    expect(users.find(({ name }) => name === 'ctuser')).toMatchObject({
      uid: 31000,
      gid: 31000,
      home: '/b',
      shell: '/bin/sh',
    });
    expect(groups.find(({ name }) => name === 'ctuser')?.gid).toBe(31000);
    expect(groups.find(({ name }) => name === 'daemon')?.members).toContain('ctuser');
    expect(shadow?.find(({ name }) => name === 'ctuser')?.password).toMatch(/^!/);
  });

  it('asks the name service for nobody, and knows nothing of names that nobody has', async () => {
    const { host } = await make();
    const nothing = { users: [], groups: [] };
    expect(await host.accounts.lookUp(nothing)).toEqual(nothing);
    const unknown = { users: ['ct-nobody-has-it', 3_999_999], groups: ['ct-nobody-has-it'] };
    expect(await host.accounts.lookUp(unknown)).toEqual(nothing);
  });

  it('reads what is missing as undefined, and needs the folder of what it writes', async () => {
    const { host, folder } = await make();
    const { files } = host;
    expect(await files.readText(`${folder}/missing`)).toBeUndefined();
    expect(await files.stat(`${folder}/missing`)).toBeUndefined();
    expect(await files.list(`${folder}/missing`)).toBeUndefined();
    const write = files.write(`${folder}/missing/file`, 'text', { mode: 0o644 });
    await expect(write).rejects.toMatchObject({ code: 'SLAPOS_ERR_FILE' });
    const without = files.mkdir(`${folder}/missing/deep`, { mode: 0o750 });
    await expect(without).rejects.toMatchObject({ code: 'SLAPOS_ERR_FILE' });
    await files.mkdir(`${folder}/made/deep`, { mode: 0o750, isRecursive: true });
    await files.mkdir(`${folder}/made/deep`, { mode: 0o700 });
    expect(await files.stat(`${folder}/made/deep`)).toMatchObject({
      kind: 'directory',
      mode: 0o750,
    });
    await files.write(`${folder}/made/file`, 'text', { mode: 0o640 });
    expect(await files.readText(`${folder}/made/file`)).toBe('text');
    expect(await files.stat(`${folder}/made/file`)).toMatchObject({ kind: 'file', mode: 0o640 });
    expect(await files.list(`${folder}/made`)).toEqual(['deep', 'file']);
    await files.remove(`${folder}/made/file`);
    await files.remove(`${folder}/made/file`);
    expect(await files.list(`${folder}/made`)).toEqual(['deep']);
  });

  it('makes folders in one go, each for itself', async () => {
    const { host, folder } = await make();
    const { files } = host;
    await files.mkdir(`${folder}/old`, { mode: 0o755 });
    const results = await files.makeFolders([
      { path: `${folder}/old`, mode: 0o750, uid: 31001, gid: 31002 },
      { path: `${folder}/missing/deep`, mode: 0o750 },
      { path: `${folder}/fresh`, mode: 0o700, uid: 31001, gid: 31002 },
    ]);
    expect(results.map(({ error }) => error?.code)).toEqual([
      undefined,
      'SLAPOS_ERR_FILE',
      undefined,
    ]);
    const found = await files.statAll([`${folder}/old`, `${folder}/fresh`]);
    expect(found).toMatchObject([
      { kind: 'directory', mode: 0o750, uid: 31001, gid: 31002 },
      { kind: 'directory', mode: 0o700, uid: 31001, gid: 31002 },
    ]);
  });

  it('sets a kernel parameter, and knows when there is none', async () => {
    const { host } = await make();
    await host.sysctl.write('net.ipv6.ip_nonlocal_bind', '1');
    expect(await host.sysctl.read('net.ipv6.ip_nonlocal_bind')).toBe('1');
    expect(await host.sysctl.read('net.ipv6.no_such_parameter')).toBeUndefined();
  });
}
