import { describe, expect, it } from 'vitest';
import type { NativeAddon } from '../../../src/host/native.ts';
import { createNetwork, describeOperation } from '../../../src/host/netlink.ts';
import type { NetlinkOperation } from '../../../src/host/network/native-network.ts';
import { sysctlPath } from '../../../src/host/network/sysctl.ts';
import { createTaps } from '../../../src/host/tuntap.ts';

const outcome = (code: string, errno: number, extack = '') => ({
  code,
  errno,
  syscall: 'test',
  detail: 'detail',
  extack,
});

const address: NetlinkOperation = {
  op: 'addrAdd',
  dev: 'br0',
  address: '10.0.0.1',
  prefixLength: 32,
};

function networkWith(part: Partial<NativeAddon>) {
  return createNetwork(() => part as NativeAddon);
}

describe('the network adapter', () => {
  it('gives one result for each operation, in order', async () => {
    const network = networkWith({
      netlinkApply: async () => [null, outcome('EEXIST', 17, 'Address already assigned')],
    });
    const link: NetlinkOperation = { op: 'linkSet', dev: 'br0', isUp: true };
    const [first, second] = await network.apply([link, address]);
    expect(first).toEqual({ operation: link, error: undefined });
    expect(second?.operation).toBe(address);
    expect(second?.error).toMatchObject({
      code: 'SLAPOS_ERR_NETLINK',
      errno: 17,
      extack: 'Address already assigned',
      message: 'Cannot add address 10.0.0.1/32 on br0: EEXIST, Address already assigned.',
    });
  });

  it('says what to do about a full bridge', async () => {
    const network = networkWith({ netlinkApply: async () => [outcome('EXFULL', 54)] });
    const [result] = await network.apply([{ op: 'linkSet', dev: 'slaptap0', master: 'br0' }]);
    expect(result?.error?.hint).toMatch(/1023 ports/);
  });

  it('asks for neighbours only when there are any', async () => {
    const asked: unknown[] = [];
    const network = networkWith({
      netlinkAwaitNeighbours: async (question) => {
        asked.push(question);
        return ['192.0.2.1'];
      },
    });
    expect(await network.awaitNeighbours('br0', [], 100)).toEqual([]);
    expect(await network.awaitNeighbours('br0', ['192.0.2.1'], 100)).toEqual(['192.0.2.1']);
    expect(asked).toEqual([{ dev: 'br0', addresses: ['192.0.2.1'], timeoutMs: 100 }]);
  });

  it('turns a rejected call into one error and lets bugs through', async () => {
    const refused = Object.assign(new Error('x'), outcome('EPERM', 1));
    const broken = networkWith({ netlinkDump: () => Promise.reject(refused) });
    await expect(broken.dump()).rejects.toMatchObject({
      code: 'SLAPOS_ERR_NETLINK',
      message: 'Cannot read the network: EPERM.',
      cause: refused,
    });
    const bug = networkWith({ netlinkDump: () => Promise.reject(new TypeError('bug')) });
    await expect(bug.dump()).rejects.toBeInstanceOf(TypeError);
  });

  it('does not load the addon for nothing', async () => {
    const network = createNetwork(() => {
      throw new Error('loaded');
    });
    expect(await network.apply([])).toEqual([]);
    expect(await network.awaitDad([], 1000)).toEqual([]);
  });

  it('describes every kind of operation', () => {
    const base = { dev: 'tap0', family: 6, prefixLength: 64 } as const;
    expect(
      [
        { op: 'linkDelGroup', group: 7 } as const,
        { op: 'linkDel', dev: 'tap0' } as const,
        { ...base, op: 'routeAdd', destination: '2001:db8::', gateway: '2001:db8::1' } as const,
        { ...base, op: 'routeDel', destination: '', prefixLength: 0 } as const,
      ].map(describeOperation),
    ).toEqual([
      'links of group 7',
      'link tap0',
      'route 2001:db8::/64 via 2001:db8::1 on tap0',
      'route default on tap0',
    ]);
  });
});

describe('the tap adapter', () => {
  it('names device and reason', async () => {
    const taps = createTaps(() => ({
      tuntapCreate: async () => [outcome('EBUSY', 16)],
      tuntapDelete: async () => [null],
    }));
    const tap = { name: 'slaptap0', mode: 'tap', ownerUid: 1000 } as const;
    const [created] = await taps.create([tap]);
    expect(created?.error).toMatchObject({
      code: 'SLAPOS_ERR_TUNTAP',
      message: 'Cannot create tap slaptap0: EBUSY.',
    });
    expect(await taps.delete([tap])).toEqual([{ operation: tap, error: undefined }]);
  });
});

describe('names of kernel parameters', () => {
  it('become paths, with / for a dot inside a component', () => {
    expect(sysctlPath('net.ipv6.ip_nonlocal_bind', '/proc/sys')).toBe(
      '/proc/sys/net/ipv6/ip_nonlocal_bind',
    );
    expect(sysctlPath('net.ipv4.conf.eth0/7.forwarding', '/proc/sys')).toBe(
      '/proc/sys/net/ipv4/conf/eth0.7/forwarding',
    );
  });

  it('cannot leave /proc/sys', () => {
    for (const name of ['', 'a..b', '//.x', 'net.//']) {
      expect(() => sysctlPath(name, '/proc/sys')).toThrow(/is not the name of a kernel parameter/);
    }
  });
});
