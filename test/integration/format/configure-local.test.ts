/** `slapos configure local` on a fresh machine: a Master, a supervisor, formatted partitions. */
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import { bridge } from '../../support/format-scenario.ts';
import { succeedInFreshNamespace } from '../../support/fresh-namespace.ts';
import { requires } from '../../support/requires.ts';

beforeAll(() => {
  execFileSync('node', [join(import.meta.dirname, '../../../scripts/build.mjs')]);
});

const OPTIONS = [
  '--interface-name br0',
  '--partition-number 2',
  '--slapos-software-root /srv/software',
  '--slapos-buildout-directory /srv/home',
  '--slapos-configuration-directory /srv/etc',
].join(' ');

requires(
  'root',
  'netns',
  'tun',
)('configure local', () => {
  it('makes a node of its own that answers', async () => {
    const output = await succeedInFreshNamespace(`
      ${bridge('2001:db8:aaaa::1/48', false)} echo 0 > /proc/sys/net/ipv6/conf/br0/accept_dad
      export HOME=/srv/user; mkdir $HOME
      slapos() { "$SLAPOS_PACKAGE/bin/slapos" "$@"; }
      slapos -q configure local ${OPTIONS}
      readlink $HOME/.slapos/slapos-client.cfg
      slapos proxy show --cfg /srv/etc/slapos-proxy.cfg --computers
      slapos node format --cfg /srv/etc/slapos.cfg -n
      stat -c '%a %n' /srv/home/log /srv/slapgrid/etc/supervisord.conf.d/slapproxy.conf
      slapos configure local ${OPTIONS} 2>&1 || echo "status $?"
      kill $(cat /srv/slapgrid/var/run/supervisord.pid)
    `);
    expect(output).toContain('/srv/etc/slapos.cfg\n');
    expect(output).toMatch(/local_computer 2001:db8:aaaa::1 ffff:ffff:ffff::/);
    expect(output).toContain('Nothing to do.\n');
    expect(output).toContain('700 /srv/home/log\n');
    expect(output).toContain('600 /srv/slapgrid/etc/supervisord.conf.d/slapproxy.conf\n');
    expect(output).toMatch(
      /A SlapOS configuration already exists: \/srv\/etc\/slapos.cfg.*\nstatus 1\n/,
    );
  });

  it('can be repeated after it failed', async () => {
    const output = await succeedInFreshNamespace(`
      export HOME=/srv/user; mkdir $HOME
      slapos() { "$SLAPOS_PACKAGE/bin/slapos" "$@"; }
      mkdir /srv/home; echo in the way > /srv/home/log
      slapos configure local ${OPTIONS} 2>&1 || echo "status $?"
      test ! -e /srv/etc/slapos.cfg
      rm /srv/home/log
      slapos configure local ${OPTIONS} 2>&1
      kill $(cat /srv/slapgrid/var/run/supervisord.pid)
    `);
    expect(output).toMatch(/\/srv\/home\/log.*\nstatus 1\n/);
    expect(output).toContain('Interface br0 does not exist.');
    expect(output).toContain('The partitions are not ready');
  });
});
