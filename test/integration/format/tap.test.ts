/** The tap of a partition is its user's, and nobody else's. */
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import { bridge, node } from '../../support/format-scenario.ts';
import { succeedInFreshNamespace } from '../../support/fresh-namespace.ts';
import { requires } from '../../support/requires.ts';

beforeAll(() => {
  execFileSync('node', [join(import.meta.dirname, '../../../scripts/build.mjs')]);
});

requires(
  'root',
  'netns',
  'tun',
)('a tap', () => {
  it('carries pings between the host and a process of its user; another user gets EPERM', async () => {
    const output = await succeedInFreshNamespace(`
      ${bridge('2001:db8:aaaa::1/48', false)} ${node({})}
      chmod 755 /srv; chmod 666 /dev/net/tun
      python=/usr/bin/python3; [ -x $python ] || python=python3
      cp "$SLAPOS_PACKAGE"/test/support/*.py /srv
      slapos -q node format --now
      as() { setpriv --reuid $1 --regid $1 --init-groups "\${@:2}"; }
      guest="$python /srv/tap-guest.py slaptap0 2001:db8:aaaa:8001::1"
      as slapuser1 $guest || echo "status $?"
      mkfifo /srv/input; as slapuser0 $guest < /srv/input > /srv/guest &
      exec 9> /srv/input; until grep -q open /srv/guest; do sleep 0.05; done
      $python /srv/ping6.py 2001:db8:aaaa:8001::1
      exec 9>&-; wait %2
      slapos node format -n
    `);
    expect(output).toBe('EPERM\nstatus 3\nanswer from 2001:db8:aaaa:8001::1\nNothing to do.\n');
  });
});
