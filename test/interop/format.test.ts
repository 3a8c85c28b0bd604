/** Upstream and we take turns on one node: what one made, the other keeps as it is. */
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { bridge, node } from '../support/format-scenario.ts';
import { succeedInFreshNamespace } from '../support/fresh-namespace.ts';
import { findPeerPython } from '../support/peer-python.ts';
import { missingFacilities } from '../support/requires.ts';

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
});
