/** What cannot be a port of the bridge is named before anything is changed. */
import { describe, expect, it } from 'vitest';
import { prepare } from '../../../src/format/format.ts';
import type { FakeHost } from '../../support/fake-host.ts';
import { formatInput } from '../../support/format-run.ts';
import { uplinkOptions as options, uplinkHost } from '../../support/uplink-host.ts';

describe('a port that cannot join', () => {
  const refusals: ReadonlyArray<readonly [string, RegExp, (host: FakeHost) => void]> = [
    ['eth9', /^bridge_ports = eth9: there is no such interface\.$/, () => {}],
    ['lo', /^bridge_ports = lo: the loopback cannot be in a bridge\.$/, () => {}],
    ['br0', /^bridge_ports = br0: a bridge is no port of itself\.$/, () => {}],
    ['wg0', /^bridge_ports = wg0: it is no Ethernet interface\.$/, () => {}],
    ['tun7', /it is no Ethernet/, (host) => host.addLink('tun7', { tunMode: 'tun' })],
    ['br1', /it is a bridge itself/, (host) => host.addLink('br1', { kind: 'bridge' })],
    [
      'wlan0',
      /^bridge_ports = wlan0: a wireless interface cannot be in a bridge\.$/,
      (host) => {
        host.addLink('wlan0');
        host.fileTable.set('/sys/class/net/wlan0/phy80211', { content: '', mode: 0o444 });
      },
    ],
    [
      'eth2',
      /^bridge_ports = eth2: it belongs to bond0 already\.$/,
      (host) => {
        host.addLink('bond0', { kind: 'bond', ifindex: 70 });
        host.addLink('eth2', { master: 70 });
      },
    ],
    ...(['multipath', 'nexthop', 'encapsulation', 'source'] as const).map(
      (obstacle) =>
        [
          'eth0',
          /^bridge_ports = eth0: its route 10\.7\.0\.0\/16 of table 9 .* cannot be moved\.$/,
          (host: FakeHost) =>
            host.addRoute('eth0', {
              destination: '10.7.0.0',
              prefixLength: 16,
              table: 9,
              obstacle,
            }),
        ] as const,
    ),
  ];

  it.each(refusals)('%s %s', async (name, message, change) => {
    const host = uplinkHost();
    change(host);
    const before = JSON.stringify(host.snapshot());
    const run = prepare(formatInput(host, options({ bridge_ports: `eth1 ${name}` })));
    await expect(run).rejects.toMatchObject({
      code: 'SLAPOS_ERR_PLAN_CONFLICT',
      exitCode: 1,
      message: expect.stringMatching(message),
      context: { key: 'bridge_ports', value: name, device: name },
    });
    expect(JSON.stringify(host.snapshot())).toBe(before);
  });

  it('is refused in the configuration when that contradicts itself', () => {
    const refuse = (changes: Record<string, string>) => () => options(changes);
    expect(refuse({ create_bridge: 'false' })).toThrow(
      /^bridge_ports = eth0 does nothing without create_bridge \(/,
    );
    for (const key of ['ipv6_interface', 'tap_gateway_interface']) {
      expect(refuse({ [key]: 'eth0' })).toThrow(
        `${key} = eth0 is in bridge_ports and gives its addresses to the bridge`,
      );
    }
    expect(options({ bridge_ports: 'eth0, eth1 eth0' }).bridgePorts).toEqual(['eth0', 'eth1']);
  });
});
