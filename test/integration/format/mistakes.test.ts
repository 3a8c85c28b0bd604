/** What an operator meets when something is wrong: in the configuration, or with the machine. */
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import { bridge, DUMP, node } from '../../support/format-scenario.ts';
import { succeedInFreshNamespace } from '../../support/fresh-namespace.ts';
import { requires } from '../../support/requires.ts';

beforeAll(() => {
  execFileSync('node', [join(import.meta.dirname, '../../../scripts/build.mjs')]);
});

/** Prints the error and the status of a run. */
const TRY = `
  try() {
    local status=0
    "$@" > /srv/said 2>&1 || status=$?
    grep -oE 'ERROR .*' /srv/said | head -n 1 || true
    echo "status $status"
  }`;

/** Sets a key of [slapformat], or takes it away, runs format, and puts the configuration back. */
const WITH = `
  with() {
    cp /srv/slapos.cfg /srv/right.cfg
    sed -i "/^$1 =/d" /srv/slapos.cfg
    [ $# -lt 2 ] || sed -i "s#^.slapformat.#&\\n$1 = $2#" /srv/slapos.cfg
    try slapos node format --now
    cp /srv/right.cfg /srv/slapos.cfg
  }`;

requires(
  'root',
  'netns',
  'tun',
)('node format', () => {
  it('refuses what spec/format.md 3 refuses, with nothing touched', async () => {
    const output = await succeedInFreshNamespace(`
      ${bridge('2001:db8:aaaa::1/48', false)} ${node({})} ${TRY} ${WITH}
      with log_file /srv/missing/format.log
      with no_bridge false
      with create_tun yes
      with computer_id
      with computer_xml
      with key_file /srv/missing.key
      with cert_file ''
      with master_ca_file /srv/missing.ca
      with ipv6_prefixshift 3
      with partition_amount -1
      with manager_list 'cpuset nosuch'
      with user_base_name ''
      with interface_name nosuch
      with tap_gateway_interface br0
      ls /srv; ip -o link show type tun | wc -l; grep -c slap /etc/passwd || true
      kill $!
    `);
    const lines = output.split('\n');
    const errors = lines.filter((line) => line.startsWith('ERROR'));
    expect(errors.map((line) => line.replace(/^ERROR /, ''))).toEqual([
      expect.stringContaining('/srv/missing/format.log'),
      expect.stringContaining("'no_bridge' was removed"),
      expect.stringContaining('yes is neither True nor False'),
      expect.stringContaining("'computer_id' is not defined"),
      expect.stringContaining("'computer_xml' is not defined"),
      expect.stringContaining("'/srv/missing.key' does not exist"),
      expect.stringContaining("File '' does not exist. (cert_file)"),
      expect.stringContaining("'/srv/missing.ca' does not exist"),
      expect.stringContaining('2^3 is less than 4 × 3'),
      expect.stringContaining("'-1' is not a number"),
      expect.stringContaining('nosuch'),
      expect.stringContaining("'0' cannot name a user"),
      expect.stringContaining('Interface nosuch does not exist'),
      expect.stringContaining('tap_gateway_interface br0 has no IPv4'),
    ]);
    expect(lines.filter((line) => line.startsWith('status'))).toEqual(errors.map(() => 'status 1'));
    expect(output).not.toMatch(/^(slapgrid|software)$/m);
    expect(output).toMatch(/\n0\n0\n$/);
  });

  it('ends with 1 on a full disk, a read-only /etc or too few rights, then completes it', async () => {
    const scenario = (trouble: string) => `
      ${bridge('2001:db8:aaaa::1/48', false)} ${node({ partition_amount: 12 })} ${TRY}
      mkdir /srv/slapos /srv/slapgrid
      mount -t tmpfs state /srv/slapos; mount -t tmpfs homes /srv/slapgrid
      chmod 755 /srv/slapos /srv/slapgrid
      ${trouble}
      slapos -q node format --now
      slapos node format --check > /dev/null
      echo "# end"; (${DUMP}) | grep -v '^# folders'
      kill $!
    `;
    const end = (output: string) => output.split('# end\n')[1];
    const whole = await succeedInFreshNamespace(scenario(''));
    const troubles: ReadonlyArray<readonly [string, RegExp]> = [
      [
        `mount -o remount,size=16k /srv/slapos; try slapos node format --now
         ls /srv/slapos; mount -o remount,size=1m /srv/slapos`,
        /^ERROR .*slapos\.xml\.pending: ENOSPC.*Free some disk space.*\nstatus 1\nslapos\.xml\.lock\n/,
      ],
      [
        `mount -o remount,nr_inodes=8 /srv/slapgrid; try slapos node format --now
         mount -o remount,nr_inodes=1000 /srv/slapgrid`,
        /^ERROR .*ENOSPC.*\nstatus 1\n/,
      ],
      [
        `mount -o remount,ro,bind /etc; try slapos node format --now
         mount -o remount,rw,bind /etc`,
        /^ERROR .*EROFS.*must be writable.*\nstatus 1\n/,
      ],
      [
        `try setpriv --bounding-set -net_admin $SLAPOS_PACKAGE/bin/slapos node format --now`,
        /^ERROR .*EPERM.*No partition is usable.*CAP_NET_ADMIN.*\nstatus 1\n/,
      ],
    ];
    for (const [trouble, said] of troubles) {
      const output = await succeedInFreshNamespace(scenario(trouble));
      expect(output).toMatch(said);
      expect(end(output), trouble).toBe(end(whole));
    }
  });
});
