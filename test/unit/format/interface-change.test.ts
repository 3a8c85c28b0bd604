/** Partitions follow when `interface_name` or `ipv6_interface` names another interface. */
import { describe, expect, it } from 'vitest';
import { FakeHost } from '../../support/fake-host.ts';
import { formatInput, formatOptions, plannedKinds, runFormat } from '../../support/format-run.ts';

function bridgeHost(): FakeHost {
  const host = new FakeHost();
  host.addLink('br0', { kind: 'bridge' });
  host.addAddress('br0', '2001:db8:aaaa::1', 48);
  return host;
}

describe('another interface', () => {
  const addressesOn = (host: FakeHost, name: string) => {
    const index = host.links.find((link) => link.name === name)?.ifindex;
    return host.addressList
      .filter(({ ifindex }) => ifindex === index)
      .map(({ address, prefixLength }) => `${address}/${prefixLength}`)
      .sort();
  };
  const PARTITIONS = /^10\.0\.|^2001:db8:aaaa::[234]\//;

  it('gets all addresses of partitions, and the former one keeps none', async () => {
    const host = bridgeHost();
    host.addLink('br1', { kind: 'bridge' });
    const settings = { tap_mode: 'bridged' };
    const before = await runFormat(formatInput(host, formatOptions(settings)));
    const own = addressesOn(host, 'br0').filter((address) => PARTITIONS.test(address));
    // The operator moves the prefix of the host.
    host.removeAddress('2001:db8:aaaa::1');
    host.addAddress('br1', '2001:db8:aaaa::1', 48);
    const options = formatOptions({ ...settings, interface_name: 'br1' });
    const after = await runFormat(formatInput(host, options));
    expect(after.warnings).toEqual([]);
    expect(after.computer.partitions).toEqual(before.computer.partitions);
    expect(addressesOn(host, 'br0')).toEqual([]);
    expect(addressesOn(host, 'br1').filter((address) => PARTITIONS.test(address))).toEqual(own);
    const bridge = host.links.find(({ name }) => name === 'br1')?.ifindex;
    expect(host.links.find(({ name }) => name === 'slaptap0')?.master).toBe(bridge);
    expect(await plannedKinds(formatInput(host, options))).toEqual([]);
  });

  it('loses the addresses of released partitions in the same run', async () => {
    const host = bridgeHost();
    host.addLink('eth1');
    await runFormat(formatInput(host, formatOptions()));
    const shrunk = formatOptions(
      { interface_name: 'eth1', ipv6_interface: 'br0', partition_amount: '1' },
      { release_partitions: true },
    );
    await runFormat(formatInput(host, shrunk));
    expect(addressesOn(host, 'br0')).toEqual(['2001:db8:aaaa::1/48', '2001:db8:aaaa::2/48']);
    expect(addressesOn(host, 'eth1')).toHaveLength(1);
  });

  it('takes a tap out of the former bridge when it is routed from now on', async () => {
    const host = bridgeHost();
    host.addLink('br1', { kind: 'bridge' });
    await runFormat(formatInput(host, formatOptions({ tap_mode: 'bridged' })));
    const routed = formatOptions({
      interface_name: 'br1',
      ipv6_interface: 'br0',
      tap_mode: 'routed',
    });
    await runFormat(formatInput(host, routed));
    expect(host.links.find(({ name }) => name === 'slaptap0')?.master).toBe(0);
    expect(await plannedKinds(formatInput(host, routed))).toEqual([]);
  });
});
