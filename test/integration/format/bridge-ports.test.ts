/** `bridge_ports` on a real kernel: an uplink, and a gateway at the other end of it. */
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import { node } from '../../support/format-scenario.ts';
import { runInFreshNamespace, succeedInFreshNamespace } from '../../support/fresh-namespace.ts';
import { requires } from '../../support/requires.ts';

beforeAll(() => {
  execFileSync('node', [join(import.meta.dirname, '../../../scripts/build.mjs')]);
});

/** The gateway has a server on its loopback, behind the default routes, on both families. */
const UPLINK = `
  mount -t tmpfs run /run
  ip netns add gw
  gw() { ip netns exec gw "$@"; }
  ip link add eth0 address 02:00:00:00:00:e0 type veth peer name g0 netns gw
  gw ip link set lo up
  gw ip link set g0 up
  gw ip address add 192.0.2.1/24 dev g0
  gw ip address add 2001:db8:1::ff/64 dev g0 nodad
  gw ip address add fe80::ff/64 dev g0 nodad
  gw ip route add 2001:db8:2::/64 dev g0
  gw ip address add 198.51.100.9/32 dev lo
  gw ip address add 2001:db8:99::9/128 dev lo
  gw python3 -m http.server --bind :: 8000 > /dev/null 2>&1 &
  ip link set eth0 up
  ip address add 192.0.2.2/24 broadcast 192.0.2.255 dev eth0
  ip address add 192.0.2.3/24 label eth0:web dev eth0
  ip address add 192.0.2.77/25 valid_lft 3600 preferred_lft 1800 dev eth0
  ip address add 198.18.0.1 peer 198.18.0.2/32 dev eth0
  ip address add 2001:db8:1::99/64 dev eth0 nodad
  ip address add 2001:db8:2::99/64 dev eth0 nodad noprefixroute
  ip route add default via 192.0.2.1 src 192.0.2.2 metric 100 mtu 1400
  ip route add default via 192.0.2.9 metric 900
  ip route add 10.9.0.0/16 via 192.0.2.1 table 77 proto static
  ip route add 10.10.0.0/16 via 203.0.113.7 dev eth0 onlink
  ip route add 10.11.0.0/16 dev lo src 192.0.2.3
  ip route add blackhole 10.12.0.0/16
  ip -6 route add 2001:db8:2::/64 dev eth0 metric 100
  ip -6 route add 2001:db8:7::/48 via fe80::ff dev eth0 expires 900
  ip -6 route add default via 2001:db8:1::ff dev eth0 metric 512 pref high
  timeout 20 bash -c 'until (echo > /dev/tcp/198.51.100.9/8000) 2> /dev/null; do sleep 0.05; done'
  timeout 20 bash -c 'until ip -6 address show dev eth0 scope link | grep -q fe80 &&
    ! ip -6 address show dev eth0 tentative | grep -q fe80; do sleep 0.05; done'
  reach() {
    for target in 198.51.100.9 2001:db8:99::9; do
      timeout 5 bash -c "exec 3<>/dev/tcp/$target/8000; printf 'GET / HTTP/1.0\\r\\n\\r\\n' >&3; head -n 1 <&3" |
        tr -d '\\r'
    done
  }
`;

/** Addresses and routes, without what a move may change: lifetimes count down, DAD is over. */
const NETWORK = `
  network() {
    ip -o address show scope global | sed -E 's/^[0-9]+: //; s/\\\\.*//; s/ (nodad|secondary)//g; s/ +/ /g'
    ip -o link show type veth | grep -oE 'eth0.*master [a-z0-9]+' || true
    ip route show table all | grep -v 'table local' | sed -E 's/ expires [0-9]+sec//; s/ linkdown//; s/ dead//'
    ip -6 route show table all | grep -v 'table local' | sed -E 's/ expires [0-9]+sec//; s/ linkdown//; s/ dead//'
  }
  snapshot() { network | sed 's/ *$//' | sort; }
`;

const SETTINGS = {
  create_bridge: 'true',
  bridge_ports: 'eth0',
  create_tap: 'false',
  partition_amount: 2,
};
const START_WITH_DAD = `${UPLINK} ${NETWORK} ${node(SETTINGS)}`;
/** Devices that are made from here on use an IPv6 address at once: a second less for each. */
const START = `sysctl -qw net.ipv6.conf.default.accept_dad=0; ${START_WITH_DAD}`;

/** Everything that was on the uplink, now on the bridge. */
const ON_BRIDGE = `
  snapshot | grep -vE '10\\.0\\.[0-9]+\\.[0-9]+/32|2001:db8:1::[23]/64|2001:db8:1:0:|fe80::/64|eth0.*master' |
    sed 's/br0/eth0/g' | sort > /srv/moved
  grep -v 'fe80::/64' /srv/before | diff - /srv/moved
`;

/** Dies while it waits for the gateway. */
const KILLED = `
  ${START}
  snapshot > /srv/before
  gw ip link set g0 arp off
  "$SLAPOS_PACKAGE/bin/slapos" -q node format --now & pid=$!
  timeout 10 sh -c 'until ip -o -4 address show dev br0 2> /dev/null | grep -q 192.0.2.2; do :; done'
  kill -9 $pid; wait $pid 2> /dev/null || true
  stat -c '%a %U' /srv/slapos/slapos.xml.bridge
  slapos node format -n | grep -c 'wait for 192.0.2.1'
`;

/** Paths that come into being on the way: kills at the moment when they do. */
const MOMENTS = [
  '/srv/slapos/slapos.xml.bridge',
  '/sys/class/net/br0',
  '/sys/class/net/br0/brif/eth0',
  '/srv/slapgrid/slappart1',
];

/** Each scenario has a machine of its own, so several run at a time: mostly they wait. */
requires('root', 'netns')('an uplink in bridge_ports', () => {
  it.concurrent('moves with addresses and routes of all kinds; connections live on', async () => {
    const output = await succeedInFreshNamespace(`
      ${START_WITH_DAD}
      snapshot > /srv/before
      ip -o -6 address show dev eth0 scope global | grep -o '2001[^ ]*' > /srv/order
      exec 5<>/dev/tcp/198.51.100.9/8000
      exec 6<>/dev/tcp/2001:db8:99::9/8000
      slapos -q node format --now
      for fd in 5 6; do
        printf 'GET / HTTP/1.0\\r\\n\\r\\n' >&$fd
        timeout 5 head -n 1 <&$fd | tr -d '\\r'
      done
      reach
      slapos node format --check
      ${ON_BRIDGE}
      cat /sys/class/net/br0/address
      ip -o -4 address show label 'br0:web' | grep -o 'br0:web'
      ip -o -4 address show dev br0 dynamic | grep -c 192.0.2.77
      ip route show default metric 100
      ip -6 route show default | grep -o 'pref high'
      ip -o -6 address show dev eth0 scope global | wc -l
      ip -o -4 address show dev eth0 | wc -l
      ip -o -6 address show dev br0 | grep -o '2001[^ ]*99/64' | cmp - /srv/order
      ls /srv/slapos
    `);
    expect(output).toBe(
      `${'HTTP/1.0 200 OK\n'.repeat(4)}Nothing to do.\n02:00:00:00:00:e0\nbr0:web\n1\n` +
        'default via 192.0.2.1 dev br0 src 192.0.2.2 mtu 1400 \npref high\n0\n0\n' +
        'slapos.xml\nslapos.xml.lock\n',
    );
  });

  it.concurrent.each(['gw ip link set g0 down', 'gw ip link set g0 arp off'])(
    'keeps everything when the gateway is silent, and says so in one line: %s',
    async (silence) => {
      const { status, stdout, stderr } = await runInFreshNamespace(`
        ${START}
        ${silence}
        sleep 0.2
        snapshot > /srv/before
        slapos -q node format --now || echo "exit $?"
        snapshot | diff /srv/before - && echo same
        test ! -e /sys/class/net/br0 && test ! -e /srv/slapos/slapos.xml.bridge && echo clean
        gw ip link set g0 up arp on
        gw ip address replace 2001:db8:1::ff/64 dev g0 nodad
        slapos -q node format --now
        slapos node format --check
      `);
      expect(stderr.split('\n').filter((line) => line.includes('ERROR'))).toEqual([
        expect.stringMatching(
          /The default gateways? .*192\.0\.2\.1.* not answer through br0 within 5 s; eth0 has everything back\./,
        ),
      ]);
      expect(stdout).toBe('exit 1\nsame\nclean\nNothing to do.\n');
      expect(status).toBe(0);
    },
  );

  it.concurrent('completes in the next run what was killed while it waited for the gateway', async () => {
    const output = await succeedInFreshNamespace(`
      ${KILLED}
      gw ip link set g0 arp on
      slapos -q node format --now
      reach
      slapos node format --check
      ${ON_BRIDGE}
      test ! -e /srv/slapos/slapos.xml.bridge
    `);
    expect(output).toBe(`600 root\n1\n${'HTTP/1.0 200 OK\n'.repeat(2)}Nothing to do.\n`);
  });

  it.concurrent('undoes in the next run what was killed when the gateway stays silent', async () => {
    const { stdout } = await runInFreshNamespace(`
      ${KILLED}
      slapos -q node format --now || echo "exit $?"
      snapshot | diff /srv/before - && echo same
      test ! -e /sys/class/net/br0 && test ! -e /srv/slapos/slapos.xml.bridge && echo clean
    `);
    expect(stdout).toBe('600 root\n1\nexit 1\nsame\nclean\n');
  });

  it.concurrent('undoes in the next run what was killed when nobody wants it any more', async () => {
    const output = await succeedInFreshNamespace(`
      ${KILLED}
      gw ip link set g0 arp on
      sed -i '/bridge/d; s/br0/eth0/' /srv/slapos.cfg
      slapos node format -n | head -n 2
      slapos -q node format --now
      reach
      test ! -e /sys/class/net/br0
      slapos node format --check
    `);
    expect(output).toMatch(
      /^600 root\n1\nundo the move .*\nset link eth0 nomaster\n(HTTP\/1\.0 200 OK\n){2}Nothing to do\.\n$/,
    );
  });

  it.concurrent.each(MOMENTS)(
    'converges after a kill at %s, and the host is reachable then',
    async (path) => {
      const output = await succeedInFreshNamespace(`
      ${START}
      snapshot > /srv/before
      "$SLAPOS_PACKAGE/bin/slapos" -q node format --now & pid=$!
      while [ ! -e ${path} ] && kill -0 $pid; do :; done
      kill -9 $pid && echo killed; wait $pid 2> /dev/null || true
      slapos -q node format --now
      reach
      slapos node format --check
      ${ON_BRIDGE}
    `);
      // A journal that is gone again before the shell saw it is that of a run which went well.
      const end = `${'HTTP/1.0 200 OK\n'.repeat(2)}Nothing to do.\n`;
      const isBrief = path.endsWith('.bridge');
      expect(isBrief ? output.replace(/^killed\n/, '') : output).toBe(
        isBrief ? end : `killed\n${end}`,
      );
    },
  );

  it.concurrent('gives what a DHCP client put back on the port to the bridge again', async () => {
    const output = await succeedInFreshNamespace(`
      ${START}
      slapos -q node format --now
      snapshot > /srv/first
      ip address add 192.0.2.2/24 broadcast 192.0.2.255 dev eth0
      ip route append default via 192.0.2.1 dev eth0 src 192.0.2.2 metric 100 mtu 1400
      ip address add 192.0.2.50/24 dev eth0
      slapos node format --check > /dev/null || echo "exit $?"
      slapos -q node format --now
      reach
      slapos node format --check
      snapshot | diff /srv/first - || true
      ip link set eth0 nomaster
      slapos -q node format --now
      reach
    `);
    expect(output).toBe(
      `exit 6\n${'HTTP/1.0 200 OK\n'.repeat(2)}Nothing to do.\n` +
        `${output.match(/^\d+a\d+\n> br0 inet 192\.0\.2\.50\/24.*\n/m)?.[0] ?? 'no diff'}` +
        `${'HTTP/1.0 200 OK\n'.repeat(2)}`,
    );
  });

  it.concurrent('goes on with router advertisements and privacy addresses, also on a router', async () => {
    const output = await succeedInFreshNamespace(`
      ${START_WITH_DAD}
      sysctl -qw net.ipv6.conf.all.forwarding=1 net.ipv6.conf.eth0.accept_ra=2
      sysctl -qw net.ipv6.conf.default.use_tempaddr=2 net.ipv6.conf.eth0.use_tempaddr=2
      ip -6 address flush dev eth0 scope global
      ip -6 route flush dev eth0 proto boot
      gw ip address add 2001:db8:5:a::1/64 dev g0 nodad
      gw python3 "$SLAPOS_PACKAGE/test/support/router-advert.py" g0 &
      lease() { ip -o -6 address show dev $1 mngtmpaddr | grep -oE 'valid_lft [0-9]+'; }
      timeout 20 bash -c 'until ip -6 route show default | grep -q "proto ra"; do sleep 0.1; done'
      timeout 20 bash -c 'until ip -6 address show dev eth0 temporary -tentative | grep -q 5:a; do sleep 0.1; done'
      slapos -q node format --now
      lease br0 > /srv/lease
      timeout 20 bash -c 'until ip -6 route show default | grep -q "br0 proto ra metric 1024"; do sleep 0.1; done'
      sleep 2.2
      test "$(lease br0 | grep -oE '[0-9]+')" -ge 3598 && echo renewed
      ip -o -6 address show dev br0 temporary | wc -l
      ip -o -6 address show dev eth0 scope global | wc -l
      ip -6 route show dev eth0 | grep -v ^fe80 | wc -l
      reach
      slapos node format --check
    `);
    expect(output).toBe(`renewed\n1\n0\n0\n${'HTTP/1.0 200 OK\n'.repeat(2)}Nothing to do.\n`);
  });

  it.concurrent('takes the partitions along when the node was formatted on the uplink before', async () => {
    const output = await succeedInFreshNamespace(`
      ${START}
      sed -i '/bridge/d; s/br0/eth0/' /srv/slapos.cfg
      slapos -q node format --now
      ip -o address show dev eth0 scope global | wc -l
      sed -i 's/= eth0/= br0/' /srv/slapos.cfg
      printf 'create_bridge = true\nbridge_ports = eth0\n' >> /srv/slapos.cfg
      slapos node format -n | grep -cE '^(add|delete) address 10.0.'
      slapos -q node format --now
      ip -o address show dev eth0 scope global | wc -l
      ip -o address show dev br0 scope global | wc -l
      reach
      slapos node format --check
    `);
    expect(output).toBe(`10\n4\n0\n10\n${'HTTP/1.0 200 OK\n'.repeat(2)}Nothing to do.\n`);
  });

  it.concurrent('waits for the ports of a bridge that runs STP', async () => {
    const output = await succeedInFreshNamespace(`
      ${START}
      ip link add br0 type bridge stp_state 1 forward_delay 200
      slapos -q node format --now
      reach
      slapos node format --check
    `);
    expect(output).toBe(`${'HTTP/1.0 200 OK\n'.repeat(2)}Nothing to do.\n`);
  });

  it.concurrent('refuses what cannot join before anything is changed', async () => {
    const { stdout, stderr } = await runInFreshNamespace(`
      ${START}
      ip link add other type bridge
      ip link add p0 type veth peer name p1
      ip link set p0 master other
      snapshot > /srv/before
      try() {
        sed -i "s/^bridge_ports.*/bridge_ports = $1/" /srv/slapos.cfg
        slapos -q node format --now || echo "exit $?"
      }
      for port in lo br0 other p0 nosuch 'eth0 nosuch'; do try "$port"; done
      ip route add 10.13.0.0/16 nexthop via 192.0.2.1 nexthop via 192.0.2.7
      try eth0
      ip route delete 10.13.0.0/16
      ip nexthop add id 7 via 192.0.2.1 dev eth0
      ip route add 10.14.0.0/16 nhid 7
      try eth0
      ip nexthop delete id 7
      snapshot | diff /srv/before - && echo same
      test ! -e /sys/class/net/br0 && test ! -e /srv/slapgrid && echo untouched
    `);
    expect(stdout).toBe(`${'exit 1\n'.repeat(8)}same\nuntouched\n`);
    const errors = stderr.split('\n').flatMap((line) => line.match(/bridge_ports = .*/) ?? []);
    expect(errors).toEqual([
      expect.stringMatching(/^bridge_ports = lo: the loopback cannot be in a bridge\./),
      expect.stringMatching(/^bridge_ports = br0: a bridge is no port of itself\./),
      expect.stringMatching(/^bridge_ports = other: it is a bridge itself\./),
      expect.stringMatching(/^bridge_ports = p0: it belongs to other already\./),
      expect.stringMatching(/^bridge_ports = nosuch: there is no such interface\./),
      expect.stringMatching(/^bridge_ports = nosuch: there is no such interface\./),
      expect.stringMatching(
        /^bridge_ports = eth0: its route 10\.13\.0\.0\/16 .* several next hops/,
      ),
      expect.stringMatching(/^bridge_ports = eth0: its route 10\.14\.0\.0\/16 .* nexthop object/),
    ]);
  });
});
