/** Users that a real name service gives: each source that this machine has (nsswitch.conf(5)). */
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { bridge, node } from '../../support/format-scenario.ts';
import { runInFreshNamespace, succeedInFreshNamespace } from '../../support/fresh-namespace.ts';
import { requires } from '../../support/requires.ts';

beforeAll(() => {
  execFileSync('node', [join(import.meta.dirname, '../../../scripts/build.mjs')]);
});

/** Shell that makes `outside NAME ID HOME` add a user with its group. */
const SOURCES = {
  extrausers: `
    mount -t tmpfs extrausers /var/lib
    mkdir /var/lib/extrausers
    outside() {
      echo "$1:x:$2:$2::$3:/bin/bash" >> /var/lib/extrausers/passwd
      echo "$1:x:$2:" >> /var/lib/extrausers/group
    }`,
  systemd: `
    mkdir -p /etc/userdb
    outside() {
      echo '{"userName":"'$1'","uid":'$2',"gid":'$2',"homeDirectory":"'$3'"}' > /etc/userdb/$1.user
      echo '{"groupName":"'$1'","gid":'$2'}' > /etc/userdb/$1.group
      ln -s $1.user /etc/userdb/$2.user
      ln -s $1.group /etc/userdb/$2.group
      touch /etc/userdb/$1:$1.membership
    }`,
};

const modules = execFileSync('/sbin/ldconfig', ['-p'], { encoding: 'utf8' });

for (const [source, setUp] of Object.entries(SOURCES)) {
  const isThere = modules.includes(`libnss_${source}.so.2`);
  const title = `users from ${source}${isThere ? '' : ` (skipped: no libnss-${source} here)`}`;
  describe.skipIf(!isThere)(title, () => {
    requires(
      'root',
      'netns',
      'tun',
    )('node format', () => {
      it('uses them as they are, and gives no id of theirs', async () => {
        const output = await succeedInFreshNamespace(`
          ${setUp}
          sed -i -E 's/^(passwd|group):.*/\\1: files ${source}/' /etc/nsswitch.conf
          outside slapuser1 31001 /home/ldap1
          outside someone 20001 /home/someone
          getent passwd slapuser1 > /dev/null
          ${bridge('2001:db8:aaaa::1/48', false)} ${node({})}
          slapos -q node format --now 2>&1 | grep -o 'Left as.*'
          slapos node format --check 2> /dev/null
          grep -h slap /etc/passwd /etc/group
          stat -c '%n %u %g' /srv/slapgrid/*
          ip -d link show slaptap1 | grep -o 'user [a-z0-9]*'
          kill $!
        `);
        expect(output).toBe(
          [
            'Left as the name service has them: user slapuser1 (home /home/ldap1), group slapsoft (without slapuser1).',
            'Nothing to do.',
            'slapsoft:x:20000:20000::/srv/software:/bin/sh',
            'slapuser0:x:20002:20002::/srv/slapgrid/slappart0:/bin/sh',
            'slapuser2:x:20003:20003::/srv/slapgrid/slappart2:/bin/sh',
            'slapsoft:x:20000:slapuser0,slapuser2',
            'slapuser0:x:20002:',
            'slapuser2:x:20003:',
            '/srv/slapgrid/slappart0 20002 20002',
            '/srv/slapgrid/slappart1 31001 31001',
            '/srv/slapgrid/slappart2 20003 20003',
            'user slapuser1',
            '',
          ].join('\n'),
        );
      });
    });
  });
}

requires('root', 'netns')('a name service that hangs', () => {
  it('ends the run with 1 in bounded time, with nothing written', async () => {
    const start = performance.now();
    const { status, stdout } = await runInFreshNamespace(`
      ${bridge('2001:db8:aaaa::1/48', false)} ${node({})}
      sed -i -E 's/^(passwd|group):.*/\\1: files test/' /etc/nsswitch.conf
      mkdir /srv/bin
      printf '#!/bin/sh\\nexec sleep 600\\n' > /srv/bin/getent
      chmod +x /srv/bin/getent
      PATH=/srv/bin:$PATH slapos node format --now > /srv/said 2>&1 || echo "status $?"
      grep -o 'the name service.*' /srv/said
      ls /srv/slapos
      grep -c slap /etc/passwd || true
      kill $!
    `);
    expect(status).toBe(0);
    expect(stdout).toMatch(
      /^status 1\nthe name service does not answer.*\nslapos\.xml\.lock\n0\n$/,
    );
    expect(performance.now() - start).toBeLessThan(40_000);
  }, 60_000);
});
