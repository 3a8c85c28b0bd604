/** Upstream and we take turns on one node: what one made, the other keeps as it is. */
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { missingFacilities } from '../support/facilities.ts';
import { bridge, node } from '../support/format-scenario.ts';
import { succeedInFreshNamespace } from '../support/fresh-namespace.ts';
import { findPeerPython } from '../support/peer-python.ts';

const peer = findPeerPython('slapos.format');
const python = 'python' in peer ? peer.python : '';
const isRoot = process.getuid?.() === 0 && missingFacilities(['tun']).length === 0;
const reason = 'reason' in peer ? peer.reason : isRoot ? '' : 'needs root and /dev/net/tun';
const title = `format after upstream${reason === '' ? '' : ` (skipped: ${reason})`}`;

/** Upstream waits 2 s for each address; the kernel clears the tentative flag here within ms. */
const UPSTREAM = `
  cat > /srv/upstream.py <<'PYTHON'
import sys, time
time.sleep = lambda seconds, wait=time.sleep: wait(min(seconds, 0.1))
from slapos.cli.entry import main
sys.argv[0] = 'slapos'
sys.exit(main())
PYTHON
  upstream() { ${python} /srv/upstream.py "$@" > /srv/upstream.log 2>&1 ||
               { cat /srv/upstream.log; false; }; }
`;

describe.skipIf(reason !== '')(title, () => {
  beforeAll(() => {
    execFileSync('node', [join(import.meta.dirname, '../../scripts/build.mjs')]);
  });

  it.each([
    ['taps and tuns', { create_tun: 'true' }],
    ['a gateway for taps', { tap_gateway_interface: 'br0' }],
    ['no taps', { create_tap: 'false', partition_has_ipv6_range: 'false' }],
    ['a smaller shift', { ipv6_prefixshift: '8', create_tap: 'false' }],
  ])('with %s changes nothing but the version', async (_name, settings) => {
    const output = await succeedInFreshNamespace(`
      ${bridge('2001:db8:aaaa::1/48', false)}
      ip address add 192.0.2.1/24 dev br0
      echo 0 > /proc/sys/net/ipv6/conf/br0/accept_dad
      ${node({
        partition_amount: 2,
        computer_json: '/srv/slapos/slapos.json',
        partition_base_name: 'slappart',
        user_base_name: 'slapuser',
        tap_base_name: 'slaptap',
        ...settings,
      })}
      ${UPSTREAM}
      mkdir /srv/slapos
      upstream node format --now
      cp -a /srv/slapos /srv/before; cp /srv/slapgrid/slappart1/.slapos-resource /srv/resource
      ip -o address show scope global | sort > /srv/addresses
      slapos node format -n | grep -v slapos_version
      slapos -q node format --now
      diff /srv/before/slapos.xml /srv/slapos/slapos.xml || true
      diff /srv/before/slapos.json /srv/slapos/slapos.json || true
      cmp /srv/resource /srv/slapgrid/slappart1/.slapos-resource
      ip -o address show scope global | sort | diff /srv/addresses -
      upstream node format --now
      cmp /srv/before/slapos.xml /srv/slapos/slapos.xml
      ip -o address show scope global | sort | diff /srv/addresses -
    `);
    const plan = output.split('\n').filter((line) => !/^[<>\-\d]/.test(line) && line !== '');
    expect(plan.map((line) => line.replace(/ \(\d+ bytes\)/, ''))).toEqual([
      'write /srv/slapos/slapos.json',
      'add the former state to /srv/slapos/slapos.xml.zip',
      'write /srv/slapos/slapos.xml',
    ]);
    const changed = output.split('\n').filter((line) => /^[<>]/.test(line));
    expect(changed).toHaveLength(4);
    for (const line of changed) expect(line).toMatch(/\d+\.\d+\.\d+/);
  });

  it('loads our state, keeps all of it, adds a partition that we keep, and so on', async () => {
    const lines = (name: string) => `
      (ip -o address show scope global; ip -6 route show table all; ip -4 route) |
        grep -vE 'fe80::|multicast|anycast' |
        sed 's/ linkdown//; s/ pref medium//; s/ proto 83//; s/ proto boot//' | sort > /srv/${name}`;
    const output = await succeedInFreshNamespace(`
      ${bridge('2001:db8:aaaa::1/48', false)}
      echo 0 > /proc/sys/net/ipv6/conf/br0/accept_dad
      ${node({
        partition_amount: 2,
        create_tun: 'true',
        partition_base_name: 'slappart',
        user_base_name: 'slapuser',
        tap_base_name: 'slaptap',
      })}
      ${UPSTREAM}
      slapos -q node format --now
      cp /srv/slapos/slapos.xml /srv/ours.xml; cp /srv/slapgrid/slappart1/.slapos-resource /srv/resource
      ${lines('ours')}
      upstream node format --now
      ${lines('theirs')}
      echo "# network"; diff /srv/ours /srv/theirs
      echo "# xml"; diff /srv/ours.xml /srv/slapos/slapos.xml || true
      cmp /srv/resource /srv/slapgrid/slappart1/.slapos-resource
      # Upstream would give the third tun the address of the second (spec/format.md 14, Tun).
      sed -i 's/^partition_amount = 2/partition_amount = 3/; s/^create_tun.*//' /srv/slapos.cfg
      upstream node format --now
      ${lines('grown')}
      cp /srv/slapos/slapos.xml /srv/theirs.xml; cp /srv/slapgrid/slappart2/.slapos-resource /srv/resource
      echo "# plan"; slapos node format -n
      slapos -q node format --now
      slapos node format --check > /dev/null
      ${lines('kept')}
      diff /srv/grown /srv/kept; cmp /srv/resource /srv/slapgrid/slappart2/.slapos-resource
      echo "# xml"; diff /srv/theirs.xml /srv/slapos/slapos.xml || true
      kill $!
    `);
    const [, network, changed, plan = '', again] = output.split(/^# \w+\n/m);
    expect(network).toBe('');
    for (const difference of [changed, again]) {
      for (const line of difference?.match(/^[<>].*/gm) ?? []) {
        expect(line).toMatch(/<string>\d+\.\d+\.\d+.*<|<string\/>/);
      }
    }
    expect(plan.replaceAll(/ \(\d+ bytes\)/g, '')).toBe(
      'add the former state to /srv/slapos/slapos.xml.zip\nwrite /srv/slapos/slapos.xml\n2 steps.\n',
    );
  });
});
