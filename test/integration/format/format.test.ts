/** `slapos node format` on a real kernel: `ip`, `getent` and `stat` say what it did. */

import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import { bridge, DUMP, node } from '../../support/format-scenario.ts';
import { runInFreshNamespace, succeedInFreshNamespace } from '../../support/fresh-namespace.ts';
import { requires } from '../../support/requires.ts';

const PREFIX = '2001:db8:aaaa::1/48';
const KILLS = 10;

beforeAll(() => {
  execFileSync('node', [join(import.meta.dirname, '../../../scripts/build.mjs')]);
});

requires(
  'root',
  'netns',
  'tun',
)('node format', () => {
  it('makes users, folders, devices, addresses and routes, and tells the Master', async () => {
    const output = await succeedInFreshNamespace(`
      ${bridge(PREFIX, true)} ${node({})}
      slapos node format --now
      ${DUMP}
      echo "# posted"; grep -c loadComputerConfigurationFromXML /srv/master.log
    `);
    expect(output).toContain('slapuser0:x:20001:20001::/srv/slapgrid/slappart0:/bin/sh\n');
    expect(output).toContain('slapsoft:x:20000:slapuser0,slapuser1,slapuser2\n');
    expect(output).toContain('slapuser2:!\n');
    expect(output).toMatch(/br0 inet 10\.0\.\d+\.\d+\/32/);
    expect(output).toContain('br0 inet6 2001:db8:aaaa::4/48');
    expect(output).not.toContain('tentative');
    expect(output).toContain('slaptap1 inet6 2001:db8:aaaa:8002:ffff:ffff:ffff:ffff/64');
    expect(output).toContain('2001:db8:aaaa:8003::/64 via 2001:db8:aaaa:8003::1 dev slaptap2');
    expect(output).toContain('local 2001:db8:aaaa:4001::/64 dev lo');
    expect(output).toContain('slaptap0\tuser slapuser0');
    expect(output).toContain('/srv/slapgrid/slappart0 750 slapuser0 slapuser0\n');
    expect(output).toContain('/srv/slapgrid/slappart0/.slapos-resource 644 root root\n');
    expect(output).toContain('/srv/software 755 slapsoft slapsoft\n');
    expect(output).toMatch(/# sysctl\n1\n# posted\n1\n/);
  });

  it('has nothing to do the second time, with 100 partitions', async () => {
    const output = await succeedInFreshNamespace(`
      ${bridge(PREFIX, true)} ${node({ partition_amount: 100 })}
      run() { local start=$(date +%s%N); slapos -q node format --now; local end=$(date +%s%N)
              echo "$1 $(( (end - start) / 1000000 )) ms"; }
      files() { find /srv/slapgrid /srv/slapos -type f ! -name '*.lock' -printf '%p %T@ %i\\n' | sort; }
      run first
      (${DUMP}) > /srv/first; files > /srv/first-files
      slapos node format --dry_run
      run second
      (${DUMP}) > /srv/second; files > /srv/second-files
      cmp /srv/first /srv/second; cmp /srv/first-files /srv/second-files
      ip -o link show type tun | wc -l
    `);
    const times = output.split('\n').filter((line) => line.endsWith(' ms'));
    process.stdout.write(`100 partitions: ${times.join(', ')}\n`);
    expect(output).toContain('Nothing to do.\n');
    expect(output).toMatch(/\n100\n$/);
  });

  it('gives addresses and routes back after a reboot', async () => {
    await succeedInFreshNamespace(`
      ${bridge(PREFIX, false)} ${node({ create_tun: 'true' })}
      slapos -q node format --now
      (${DUMP}) > /srv/before
      for device in slaptap0 slaptap1 slaptap2 slaptun0 slaptun1 slaptun2 br0; do
        ip link delete $device
      done
      ip -6 route flush table local proto 83
      ${bridge(PREFIX, false)}
      slapos -q node format --now
      (${DUMP}) > /srv/after
      diff /srv/before /srv/after
    `);
  });

  it('converges when it was killed at any moment', async () => {
    // Without duplicate address detection the whole run fits into the moments tried.
    const scenario = (kill: string) => `
      ${bridge(PREFIX, false)} echo 0 > /proc/sys/net/ipv6/conf/br0/accept_dad
      ${node({ partition_amount: 40, create_tun: 'true' })}
      ${kill}
      slapos -q node format --now
      slapos node format -n | grep -qx 'Nothing to do.'
      ${DUMP}
    `;
    const whole = await succeedInFreshNamespace(scenario(''));
    for (let round = 0; round < KILLS; round += 1) {
      const delaySeconds = (0.05 + 0.4 * ((round + Math.random()) / KILLS)).toFixed(3);
      const killed = await succeedInFreshNamespace(
        scenario(`
          "$SLAPOS_PACKAGE/bin/slapos" -q node format --now & pid=$!
          sleep ${delaySeconds}; kill -9 $pid || true; wait $pid || true`),
      );
      expect(killed, `killed after ${delaySeconds} s`).toBe(whole);
    }
  }, 180_000);

  it('follows the host to another prefix', async () => {
    const output = await succeedInFreshNamespace(`
      ${bridge(PREFIX, false)} ${node({ create_tun: 'true' })}
      slapos -q node format --now
      ip address delete ${PREFIX} dev br0
      ip address add 2001:db8:bbbb::1/48 dev br0
      slapos -q node format --now || true
      slapos node format -n
      ${DUMP}
      cat /srv/slapos/slapos.xml
    `);
    expect(output).toContain('Nothing to do.\n');
    expect(output).not.toContain('2001:db8:aaaa');
    expect(output).toContain('br0 inet6 2001:db8:bbbb::2/48');
  });

  it('tells by --check whether a change of prefix is pending, and follows it after a reboot', async () => {
    const reboot = `
      for device in $(ip -o link show group 20905 | cut -d: -f2) br0; do ip link delete $device; done
      ip -6 route flush table local proto 83
      ${bridge('2001:db8:bbbb::1/48', false)}`;
    const output = await succeedInFreshNamespace(`
      ${bridge(PREFIX, false)} ${node({ create_tun: 'true' })}
      check() { slapos node format --check "$@" || echo "status $?"; }
      check | tail -n 1
      test ! -e /srv/slapos
      slapos -q node format --now
      ip -o -4 address show dev br0 | awk '{print $4}' | sort > /srv/ipv4
      setpriv --reuid 20001 --clear-groups sleep 300 & service=$!
      check
      ${reboot}
      check | head -n 1
      check --format json | grep -c '"kind": "address"'
      slapos -q node format --now
      check
      ip -o -4 address show dev br0 | awk '{print $4}' | sort | cmp - /srv/ipv4
      kill -0 $service && echo service lives
      ${DUMP}
      cat /srv/slapos/slapos.xml
      kill $service
    `);
    expect(output).toContain('status 6\nNothing to do.\n');
    expect(output).toContain(
      'renumber 3 partitions, slappart0 to slappart2, from 2001:db8:aaaa::/48 to 2001:db8:bbbb::/48',
    );
    expect(output).toMatch(/\n15\n.*Nothing to do\.\nservice lives\n/s);
    expect(output.replace(/^renumber .*$/gm, '')).not.toContain('2001:db8:aaaa');
  });

  it('gives another address when a machine on the link has the regular one', async () => {
    const output = await succeedInFreshNamespace(`
      ${bridge(PREFIX, true)} ${node({})}
      unshare --net sleep 60 & neighbour=$!
      until [ "$(readlink /proc/$neighbour/ns/net)" != "$(readlink /proc/self/ns/net)" ]; do
        sleep 0.02
      done
      ip link set v1 netns $neighbour
      nsenter --net=/proc/$neighbour/ns/net sh -c \
        'ip link set v1 up; ip address add 2001:db8:aaaa::3/48 dev v1 nodad'
      sleep 0.5
      slapos node format --now 2>&1
      slapos node format -n
      ip -o -6 address show dev br0 scope global | awk '{print $4, $6}'
      kill $neighbour
    `);
    expect(output).toContain('2001:db8:aaaa::3 on br0 is used by another machine (dadfailed)');
    expect(output).toContain('Nothing to do.\n');
    expect(output).not.toContain('2001:db8:aaaa::3/48');
    expect(output.match(/^2001:db8:aaaa::\S+\/48 global$/gm)).toHaveLength(4);
  });

  it('does not follow a link that a partition puts in its way', async () => {
    await succeedInFreshNamespace(`
      ${bridge(PREFIX, false)} ${node({})}
      slapos -q node format --now
      echo precious > /srv/precious
      cd /srv/slapgrid/slappart0
      cp .slapos-resource /srv/expected
      rm .slapos-resource; ln -s /srv/precious .slapos-resource; chown -h slapuser0 .slapos-resource
      rm /srv/slapgrid/slappart1/.slapos-resource
      mkdir -p /srv/slapgrid/slappart1/.slapos-resource/deep
      slapos -q node format --now
      test "$(cat /srv/precious)" = precious
      test ! -L .slapos-resource && cmp .slapos-resource /srv/expected
      test -f /srv/slapgrid/slappart1/.slapos-resource
    `);
  });

  it('refuses a second run while one is active', async () => {
    const { stdout } = await runInFreshNamespace(`
      ${bridge(PREFIX, true)} ${node({})}
      slapos -q node format --now & first=$!
      sleep 0.7
      slapos node format --now 2>&1 || echo "status $?"
      wait $first; echo "first $?"
    `);
    expect(stdout).toMatch(/Another slapos node format is running \(pid \d+\)/);
    expect(stdout).toContain('status 10\nfirst 0\n');
  });

  it('says in one line what is wrong', async () => {
    const { stdout } = await runInFreshNamespace(`
      ip link add br0 type bridge; ip link set br0 up
      ${node({})}
      try() { "$@" 2>&1 || echo "status $?"; }
      try slapos node format --now
      ip address add 2001:db8::1/112 dev br0 nodad
      try slapos node format --now
      chmod 755 /srv
      try setpriv --reuid 65534 --regid 65534 --clear-groups $SLAPOS_PACKAGE/bin/slapos node format --now
      test ! -e /srv/slapgrid && echo untouched
    `);
    expect(stdout).toMatch(/Interface br0 has no .*IPv6 address.*\nstatus 1\n/s);
    expect(stdout).toMatch(/prefix 2001:db8::1\/112 is too small.*\nstatus 1\n/s);
    expect(stdout).toMatch(/must be run as root.*\nstatus 5\n/s);
    expect(stdout).toMatch(/untouched\n$/);
  });

  it('works for an ordinary user with a definition file', async () => {
    const output = await succeedInFreshNamespace(`
      chmod 755 /srv; mkdir -m 777 /srv/open
      cat > /srv/open/definition <<'DEFINITION'
[computer]
address = ::1/ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff
[partition_0]
address = 127.0.0.1/255.255.255.255 ::1/ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff
user = nobody
network_interface =
pathname = slappart0
DEFINITION
      ${node({
        partition_amount: 1,
        computer_xml: '/srv/open/slapos.xml',
        alter_user: 'false',
        alter_network: 'false',
        create_tap: 'false',
        input_definition_file: '/srv/open/definition',
      })}
      sed -i 's#/srv/software#/srv/open/software#; s#/srv/slapgrid#/srv/open/slapgrid#;
              s#^computer_id#root_check = false\\n&#' /srv/slapos.cfg
      as() { setpriv --reuid 65534 --regid 65534 --clear-groups "$@"; }
      as $SLAPOS_PACKAGE/bin/slapos -q node format --now
      as $SLAPOS_PACKAGE/bin/slapos node format -n
      find /srv/open -printf '%p %u %m\\n' | sort
    `);
    expect(output).toContain('Nothing to do.\n');
    expect(output).toContain('/srv/open/slapgrid/slappart0 nobody 750\n');
    expect(output).toContain('/srv/open/slapos.xml nobody 644\n');
  });
});
