/** The rows of "Edge cases worth a test" (spec/format.md) that need the command line and a Master. */
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import { bridge, node } from '../../support/format-scenario.ts';
import { succeedInFreshNamespace } from '../../support/fresh-namespace.ts';
import { requires } from '../../support/requires.ts';

beforeAll(() => {
  execFileSync('node', [join(import.meta.dirname, '../../../scripts/build.mjs')]);
});

const TRY = 'try() { local status=0; "$@" > /srv/said 2>&1 || status=$?; echo "status $status"; }';

requires(
  'root',
  'netns',
  'tun',
)('node format', () => {
  it('no config file; non-root; --alter_user maybe: 1; 5; 2', async () => {
    const output = await succeedInFreshNamespace(`
      ${bridge('2001:db8:aaaa::1/48', false)} ${node({})} ${TRY}
      chmod 755 /srv
      try slapos node format --now --cfg /srv/missing.cfg
      try setpriv --reuid 65534 --regid 65534 --clear-groups $SLAPOS_PACKAGE/bin/slapos node format --now
      try slapos node format --now --alter_user maybe
    `);
    expect(output).toBe('status 1\nstatus 5\nstatus 2\n');
  });

  it("follows a link of root for a folder of its own, nobody else's", async () => {
    const output = await succeedInFreshNamespace(`
      ${bridge('2001:db8:aaaa::1/48', false)} ${node({})} ${TRY}
      mkdir -p /srv/disk/instances /srv/disk/software
      ln -s /srv/disk/instances /srv/slapgrid; ln -s disk/software /srv/software
      try slapos node format --now
      stat -c '%n %F %U %a' /srv/slapgrid /srv/disk/software /srv/disk/instances/slappart0
      try slapos node format --now --check
      ln -sfn /srv/none /srv/slapgrid
      try slapos node format --now
      grep -o '/srv/slapgrid is a link.*there' /srv/said
      ln -sfn /srv/disk/instances /srv/slapgrid
      chown -h nobody /srv/slapgrid
      try slapos node format --now
      grep -o '/srv/slapgrid exists.*folder' /srv/said
      kill $(jobs -p)
    `);
    expect(output).toBe(
      [
        'status 0',
        '/srv/slapgrid symbolic link root 777',
        '/srv/disk/software directory slapsoft 755',
        '/srv/disk/instances/slappart0 directory slapuser0 750',
        'status 0',
        'status 1',
        '/srv/slapgrid is a link to what is not there',
        'status 1',
        '/srv/slapgrid exists and is not a folder',
        '',
      ].join('\n'),
    );
  });

  it('master refuses / 404 / 500: exit 2, slapos.xml and .slapos-resource written', async () => {
    const output = await succeedInFreshNamespace(`
      ${bridge('2001:db8:aaaa::1/48', false)} ${node({})} ${TRY}
      for answer in 404 500; do
        node -e 'require("node:http").createServer((_, answer) => {
          answer.statusCode = Number(process.argv[1]); answer.end();
        }).listen(Number(process.argv[2]), "127.0.0.1", () => console.log("ready"))' \\
          $answer 6$answer > /srv/$answer &
        until grep -q ready /srv/$answer; do sleep 0.02; done
      done
      for port in 6404 6500 6999; do
        sed -i "s#^master_url.*#master_url = http://127.0.0.1:$port/#" /srv/slapos.cfg
        rm -f /srv/slapos/slapos.xml /srv/slapgrid/slappart0/.slapos-resource
        try slapos node format --now
        ls /srv/slapos/slapos.xml /srv/slapgrid/slappart0/.slapos-resource
      done
      kill $(jobs -p)
    `);
    const once = 'status 2\n/srv/slapgrid/slappart0/.slapos-resource\n/srv/slapos/slapos.xml\n';
    expect(output).toBe(once.repeat(3));
  });
});
