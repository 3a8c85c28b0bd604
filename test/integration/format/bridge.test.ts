/** `create_bridge`, and an IPv6 prefix that comes through a tunnel, on a real kernel. */
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import { DUMP, node } from '../../support/format-scenario.ts';
import { succeedInFreshNamespace } from '../../support/fresh-namespace.ts';
import { requires } from '../../support/requires.ts';

beforeAll(() => {
  execFileSync('node', [join(import.meta.dirname, '../../../scripts/build.mjs')]);
});

/** What a tunnel daemon makes at each start. */
const TUNNEL = `
  ip tuntap add tun0 mode tun
  ip link set tun0 up
  ip address add 2001:db8:aaaa::1/48 dev tun0 nodad
`;
const REBOOT = `
  for device in $(ip -o link show group 20905 | cut -d: -f2) br0 tun0; do ip link delete $device; done
  ip -6 route flush table local proto 83
`;

requires(
  'root',
  'netns',
  'tun',
)('a bridge of our own', () => {
  const settings = { ipv6_interface: 'tun0', create_bridge: 'true' };

  it('is made with one MAC for good, up, with the taps in it, and made again after a reboot', async () => {
    const output = await succeedInFreshNamespace(`
      ${TUNNEL} ${node({ ...settings, tap_mode: 'bridged' })}
      slapos node format -n | grep -E 'create bridge|set link br0'
      test ! -e /sys/class/net/br0
      slapos -q node format --now
      (${DUMP}) > /srv/first
      cat /sys/class/net/br0/address > /srv/mac
      ip link add v0 type veth peer name v1
      ip link set v0 address 00:00:00:00:00:01 master br0
      cmp /srv/mac /sys/class/net/br0/address
      slapos node format --check
      ip link delete v0
      ${REBOOT} ${TUNNEL}
      slapos -q node format --now
      slapos node format --check
      (${DUMP}) | cmp - /srv/first
      cmp /srv/mac /sys/class/net/br0/address
      ip -o link show master br0 | wc -l
      ip -o link show br0 | grep -o 'UP' | head -n 1
      ip link set br0 down
      slapos -q node format --now
      ip -o link show br0 | grep -o ',UP' | head -n 1
    `);
    expect(output).toMatch(/^create bridge br0 mac 02(:[0-9a-f]{2}){5}\n.*set link br0 up\n/s);
    expect(output.match(/Nothing to do\./g)).toHaveLength(2);
    expect(output).toMatch(/\n3\nUP\n,UP\n$/);
  });

  it('does not let IPv4 drift to the tunnel when a reboot comes between', async () => {
    const output = await succeedInFreshNamespace(`
      ${TUNNEL} ${node({ ...settings, create_tun: 'true' })}
      slapos -q node format --now
      (${DUMP}) > /srv/first
      for round in 1 2; do
        ${REBOOT} ${TUNNEL}
        slapos -q node format --now
        slapos node format --check
        (${DUMP}) | cmp - /srv/first
      done
      ip -o -4 address show dev tun0 | wc -l
      ip -o -4 address show dev br0 | wc -l
      ip -o -6 address show dev tun0 scope global | wc -l
    `);
    expect(output).toMatch(/^(Nothing to do\.\n){2}0\n3\n4\n$/);
  });

  it('is completed after a kill at any moment', async () => {
    const scenario = (kill: string) => `
      ${TUNNEL} ${node({ ...settings, tap_mode: 'bridged' })} ${kill}
      slapos -q node format --now
      slapos node format --check
      ip -o link show br0 | grep -o ',UP'
      ${DUMP}`;
    const whole = await succeedInFreshNamespace(scenario(''));
    for (const delay of ['0.07', '0.1', '0.13', '0.16']) {
      const kill = `
        "$SLAPOS_PACKAGE/bin/slapos" -q node format --now & pid=$!
        sleep ${delay}; kill -9 $pid || true; wait $pid || true`;
      expect(await succeedInFreshNamespace(scenario(kill)), delay).toBe(whole);
    }
  });
});
