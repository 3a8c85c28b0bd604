import { execFileSync } from 'node:child_process';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { createHost } from '../../src/host/create-host.ts';
import {
  LINK_GROUP_SLAPOS,
  type NetlinkOperation,
  RTPROT_SLAPOS,
} from '../../src/host/network/native-network.ts';
import { requires } from '../support/requires.ts';

const { network } = createHost();

function ip(...args: string[]): string {
  return execFileSync('ip', args, { encoding: 'utf8' });
}

async function applyAll(operations: readonly NetlinkOperation[]): Promise<void> {
  const failed = (await network.apply(operations)).filter((result) => result.error !== undefined);
  expect(failed.map((result) => result.error?.message)).toEqual([]);
}

const errorsOf = async (operations: readonly NetlinkOperation[]) =>
  (await network.apply(operations)).map((result) => result.error?.message);

const bridge = (dev: string): NetlinkOperation[] => [
  { op: 'linkAdd', dev, kind: 'bridge', mac: '02:00:00:00:00:07' },
  { op: 'linkSet', dev, isUp: true, group: LINK_GROUP_SLAPOS },
];
const address = (dev: string, text: string, prefixLength: number): NetlinkOperation => ({
  op: 'addrAdd',
  dev,
  address: text,
  prefixLength,
  isNodad: true,
});

requires('root', 'netns')('changes of the network', () => {
  afterEach(async () => {
    await network.apply([{ op: 'linkDelGroup', group: LINK_GROUP_SLAPOS }]);
    execFileSync('ip', ['-6', 'route', 'flush', 'proto', String(RTPROT_SLAPOS), 'table', 'all']);
  });

  it('create a bridge and use it in the same batch', async () => {
    await applyAll([
      ...bridge('slapbr0'),
      address('slapbr0', '10.7.0.1', 24),
      address('slapbr0', '2001:db8:aaaa::1', 48),
    ]);
    const [link] = JSON.parse(ip('-j', '-d', 'address', 'show', 'dev', 'slapbr0'));
    expect(link).toMatchObject({ address: '02:00:00:00:00:07', linkinfo: { info_kind: 'bridge' } });
    expect(link.flags).toContain('UP');
    const addresses = link.addr_info.map((info: Record<string, unknown>) => [
      `${info['local']}/${info['prefixlen']}`,
      info['scope'],
    ]);
    expect(addresses).toContainEqual(['10.7.0.1/24', 'global']);
    expect(addresses).toContainEqual(['2001:db8:aaaa::1/48', 'global']);
  });

  it('are what a dump and `ip -j` both show', async () => {
    await applyAll([
      ...bridge('slapbr0'),
      address('slapbr0', '10.7.0.1', 24),
      address('slapbr0', '2001:db8:aaaa::1', 48),
    ]);
    const { links, addresses } = await network.dump();
    const theirs = JSON.parse(ip('-j', '-d', 'address', 'show')) as Array<Record<string, unknown>>;
    expect(links.map((link) => [link.ifindex, link.name, link.mtu, link.mac])).toEqual(
      theirs.map((link) => [link['ifindex'], link['ifname'], link['mtu'], link['address']]),
    );
    const ours = addresses.map((one) => `${one.ifindex} ${one.address}/${one.prefixLength}`).sort();
    const expected = theirs.flatMap((link) =>
      (link['addr_info'] as Array<Record<string, unknown>>).map(
        (info) => `${link['ifindex']} ${info['local']}/${info['prefixlen']}`,
      ),
    );
    expect(ours).toEqual(expected.sort());
  });

  it('add, replace and delete routes of every table under our protocol number', async () => {
    await applyAll([...bridge('slapbr0'), address('slapbr0', '2001:db8:aaaa::1', 48)]);
    const gateway = '2001:db8:aaaa::7';
    const via: NetlinkOperation = {
      op: 'routeAdd',
      dev: 'slapbr0',
      family: 6,
      destination: '2001:db8:bbbb::',
      prefixLength: 64,
      gateway,
    };
    const local: NetlinkOperation = {
      op: 'routeAdd',
      dev: 'lo',
      family: 6,
      destination: '2001:db8:aaaa:4001::',
      prefixLength: 64,
      table: 255,
      type: 2,
    };
    await applyAll([
      via,
      local,
      { ...via, op: 'routeReplace', metric: 1024, gateway: '2001:db8:aaaa::8' },
    ]);
    const ours = (await network.dump()).routes.filter((route) => route.protocol === RTPROT_SLAPOS);
    expect(ours).toHaveLength(2);
    expect(ours).toContainEqual(
      expect.objectContaining({
        destination: '2001:db8:bbbb::',
        gateway: '2001:db8:aaaa::8',
        table: 254,
        type: 1,
      }),
    );
    expect(ip('-6', 'route', 'show', 'table', 'local')).toContain(
      'local 2001:db8:aaaa:4001::/64 dev lo proto 83',
    );
    await applyAll([
      { ...via, op: 'routeDel', gateway: '2001:db8:aaaa::8' },
      { ...local, op: 'routeDel' },
    ]);
    const left = (await network.dump({ links: false, addresses: false })).routes;
    expect(left.filter((route) => route.protocol === RTPROT_SLAPOS)).toEqual([]);
  });

  it('handle IPv4 routes, direct, through a gateway and by default', async () => {
    await applyAll([
      ...bridge('slapbr0'),
      address('slapbr0', '10.7.0.1', 24),
      { op: 'routeAdd', dev: 'slapbr0', family: 4, destination: '10.8.0.2', prefixLength: 32 },
      {
        op: 'routeAdd',
        dev: 'slapbr0',
        family: 4,
        destination: '',
        prefixLength: 0,
        gateway: '10.7.0.254',
      },
    ]);
    const routes = ip('route', 'show');
    expect(routes).toContain('10.8.0.2 dev slapbr0 proto 83 scope link');
    expect(routes).toContain('default via 10.7.0.254 dev slapbr0 proto 83');
    const base = { op: 'routeDel', dev: 'slapbr0', family: 4 } as const;
    await applyAll([
      { ...base, destination: '10.8.0.2', prefixLength: 32 },
      { ...base, destination: '', prefixLength: 0 },
    ]);
    expect(ip('route', 'show')).not.toContain('proto 83');
  });

  it('that fail are told one by one and do not stop the others', async () => {
    await applyAll([...bridge('slapbr0'), address('slapbr0', '10.7.0.1', 24)]);
    expect(
      await errorsOf([
        address('slapbr0', '10.7.0.2', 24),
        address('slapbr0', '10.7.0.1', 24),
        address('nosuch0', '10.7.0.3', 24),
        address('slapbr0', 'ten.seven', 24),
        address('slapbr0', '10.7.0.4', 24),
        { op: 'linkSet', dev: 'slapbr0', master: 'nosuch0' },
      ]),
    ).toEqual([
      undefined,
      expect.stringMatching(/^Cannot add address 10.7.0.1\/24 on slapbr0: EEXIST/),
      'Cannot add address 10.7.0.3/24 on nosuch0: ENODEV.',
      'Cannot add address ten.seven/24 on slapbr0: EINVAL.',
      undefined,
      'Cannot change link slapbr0: ENODEV.',
    ]);
    expect(ip('address', 'show', 'dev', 'slapbr0')).toContain('10.7.0.4/24');
  });

  it('put each failure on its own operation, over many datagrams', async () => {
    await applyAll(bridge('slapbr0'));
    const many = Array.from({ length: 3000 }, (_, i) =>
      address('slapbr0', `10.9.${i >> 8}.${i & 255}`, 32),
    );
    await applyAll(many.filter((_, i) => i % 7 === 0));
    const errors = await errorsOf(many);
    expect(errors.findIndex((error, i) => (error !== undefined) !== (i % 7 === 0))).toBe(-1);
    const everyone = await network.apply(many);
    expect(everyone.every((result) => result.error?.errno === 17)).toBe(true);
  });

  it('delete links alone and by group, and names of new links are looked up anew', async () => {
    await applyAll([
      ...bridge('slapbr0'),
      { op: 'linkDel', dev: 'slapbr0' },
      ...bridge('slapbr0'),
      address('slapbr0', '10.7.0.1', 24),
      ...bridge('slapbr1'),
      { op: 'linkDelGroup', group: LINK_GROUP_SLAPOS },
    ]);
    const { links } = await network.dump({ addresses: false, routes: false });
    expect(links.map((link) => link.name).filter((name) => name.startsWith('slapbr'))).toEqual([]);
    expect(await errorsOf([{ op: 'linkDelGroup', group: 0 }])).toEqual([
      expect.stringContaining('EINVAL'),
    ]);
  });

  it('do not disturb dumps that run at the same time', async () => {
    const churn = Array.from({ length: 40 }, () => [
      ...bridge('slapbr0'),
      address('slapbr0', '2001:db8:aaaa::1', 48),
      { op: 'linkDel', dev: 'slapbr0' } as const,
    ]).flat();
    const changing = network.apply(churn);
    const dumps = await Promise.all(Array.from({ length: 60 }, () => network.dump()));
    expect((await changing).every((result) => result.error === undefined)).toBe(true);
    expect(dumps.every(({ links }) => links.some((link) => link.name === 'lo'))).toBe(true);
  });
});

requires('root', 'netns')('the wait for duplicate address detection', () => {
  afterEach(() => {
    ip('link', 'del', 'slapveth0');
  });

  function connectPair(): void {
    ip('link', 'add', 'slapveth0', 'type', 'veth', 'peer', 'name', 'slapveth1');
    ip('link', 'set', 'slapveth1', 'up');
    ip('link', 'set', 'slapveth0', 'up');
  }
  const tentative = (text: string): NetlinkOperation => ({
    op: 'addrAdd',
    dev: 'slapveth0',
    address: text,
    prefixLength: 64,
  });

  it('ends when the kernel says so, for all addresses together', async () => {
    connectPair();
    const texts = Array.from({ length: 50 }, (_, i) => `2001:db8:7::${(i + 2).toString(16)}`);
    await applyAll(texts.map(tentative));
    const start = performance.now();
    const waiting = texts.map((text) => ({ dev: 'slapveth0', address: text }));
    expect(await network.awaitDad(waiting, 10_000)).toEqual([]);
    expect(performance.now() - start).toBeLessThan(5000);
    expect(ip('-6', 'address', 'show', 'tentative')).not.toContain('2001:db8:7:');
  });

  it('names addresses that somebody else has, that are missing and that stay tentative', async () => {
    connectPair();
    await applyAll([{ ...address('slapveth1', '2001:db8:7::dead', 64) }]);
    await applyAll([tentative('2001:db8:7::dead')]);
    const waiting = ['2001:db8:7:0::dead', '2001:db8:7::beef'].map((text) => ({
      dev: 'slapveth0',
      address: text,
    }));
    const results = await network.awaitDad(waiting, 5000);
    expect(results.map((result) => result.state)).toEqual(['dadfailed', 'missing']);
    expect(results[0]?.address).toBe('2001:db8:7:0::dead');
  });

  it('ends at the time limit', async () => {
    connectPair();
    await applyAll([tentative('2001:db8:7::2')]);
    const start = performance.now();
    const results = await network.awaitDad([{ dev: 'slapveth0', address: '2001:db8:7::2' }], 200);
    expect(results.map((result) => result.state)).toEqual(['tentative']);
    expect(performance.now() - start).toBeGreaterThanOrEqual(195);
  });

  it('refuses what is no IPv6 address', async () => {
    connectPair();
    const waiting = network.awaitDad([{ dev: 'slapveth0', address: '10.0.0.1' }], 100);
    await expect(waiting).rejects.toMatchObject({ code: 'SLAPOS_ERR_NETLINK', errno: 22 });
  });
});

requires('root', 'netns')('the wait for neighbours', () => {
  const PEER = ['netns', 'exec', 'slapgw'];

  beforeAll(() => {
    execFileSync('mount', ['-t', 'tmpfs', 'run', '/run']);
    ip('netns', 'add', 'slapgw');
  });
  beforeEach(() => {
    ip('link', 'add', 'slapup', 'type', 'veth', 'peer', 'name', 'slappeer', 'netns', 'slapgw');
    ip('link', 'set', 'slapup', 'up');
    ip(...PEER, 'ip', 'link', 'set', 'slappeer', 'up');
    ip(...PEER, 'ip', 'address', 'add', '192.0.2.1/24', 'dev', 'slappeer');
    ip(...PEER, 'ip', 'address', 'add', '2001:db8:7::1/64', 'dev', 'slappeer', 'nodad');
    ip('address', 'add', '192.0.2.2/24', 'dev', 'slapup');
    ip('address', 'add', 'fe80::2/64', 'dev', 'slapup', 'nodad');
    ip('address', 'add', '2001:db8:7::2/64', 'dev', 'slapup', 'nodad');
  });
  afterEach(() => {
    ip('link', 'del', 'slapup');
  });
  afterAll(() => {
    ip('netns', 'del', 'slapgw');
    execFileSync('umount', ['-l', '/run']);
  });

  it('ends when all have answered, whatever was known of them', async () => {
    ip('neigh', 'add', '192.0.2.1', 'dev', 'slapup', 'lladdr', '02:00:00:00:00:01', 'nud', 'stale');
    const start = performance.now();
    const both = ['192.0.2.1', '2001:db8:7:0::1'];
    expect(await network.awaitNeighbours('slapup', both, 10_000)).toEqual([]);
    expect(performance.now() - start).toBeLessThan(5000);
    expect(ip('neigh', 'show', '192.0.2.1', 'dev', 'slapup')).toMatch(/ REACHABLE/);
    expect(ip('neigh', 'show', '192.0.2.1', 'dev', 'slapup')).not.toMatch(/02:00:00:00:00:01/);
    expect(await network.awaitNeighbours('slapup', both, 10_000)).toEqual([]);
  });

  it('goes on asking when the kernel has given up, for as long as it may', async () => {
    ip(...PEER, 'ip', 'address', 'del', '192.0.2.1/24', 'dev', 'slappeer');
    const late = setTimeout(() => {
      ip(...PEER, 'ip', 'address', 'add', '192.0.2.1/24', 'dev', 'slappeer');
    }, 3500);
    expect(await network.awaitNeighbours('slapup', ['192.0.2.1'], 8000)).toEqual([]);
    clearTimeout(late);
  });

  // A question of the neighbour's own does that: then the kernel believes, and asks 5 s later.
  it('asks at once when the kernel has only heard of the neighbour meanwhile', async () => {
    for (const address of ['192.0.2.1/24', '2001:db8:7::1/64']) {
      const neighbour = address.replace(/\/.*/, '');
      ip(...PEER, 'ip', 'address', 'del', address, 'dev', 'slappeer');
      const mac = ['lladdr', '02:00:00:00:00:01'];
      setTimeout(() => {
        ip('neigh', 'replace', neighbour, 'dev', 'slapup', ...mac, 'nud', 'stale');
        const flags = address.includes(':') ? ['nodad'] : [];
        ip(...PEER, 'ip', 'address', 'add', address, 'dev', 'slappeer', ...flags);
      }, 300);
      expect(await network.awaitNeighbours('slapup', [neighbour], 3500)).toEqual([]);
    }
  });

  it('asks again when the device gets another address and the kernel forgets', async () => {
    ip(...PEER, 'ip', 'address', 'del', '192.0.2.1/24', 'dev', 'slappeer');
    setTimeout(() => {
      ip('link', 'set', 'slapup', 'address', '02:00:00:00:00:77');
      ip(...PEER, 'ip', 'address', 'add', '192.0.2.1/24', 'dev', 'slappeer');
    }, 300);
    expect(await network.awaitNeighbours('slapup', ['192.0.2.1'], 8000)).toEqual([]);
  });

  it('names those that stay silent when the time is over, and believes what is permanent', async () => {
    ip('neigh', 'add', '192.0.2.8', 'dev', 'slapup', 'lladdr', '02:00:00:00:00:08');
    const asked = ['192.0.2.8', '192.0.2.9', '2001:db8:7::1', '2001:db8:7::9'];
    const start = performance.now();
    expect(await network.awaitNeighbours('slapup', asked, 1000)).toEqual([
      '192.0.2.9',
      '2001:db8:7::9',
    ]);
    expect(performance.now() - start).toBeGreaterThanOrEqual(990);
    expect(ip('neigh', 'show', '192.0.2.8', 'dev', 'slapup')).toMatch(/ PERMANENT/);
  });

  it('refuses a device that is not there and what is no address', async () => {
    await expect(network.awaitNeighbours('nosuchdev', ['192.0.2.1'], 100)).rejects.toMatchObject({
      code: 'SLAPOS_ERR_NETLINK',
      errno: 19,
    });
    await expect(network.awaitNeighbours('slapup', ['gateway'], 100)).rejects.toMatchObject({
      code: 'SLAPOS_ERR_NETLINK',
      errno: 22,
    });
  });
});
