/** `slapos node format --release-partitions` on a real kernel and real account files. */
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import { bridge, DUMP, node } from '../../support/format-scenario.ts';
import { succeedInFreshNamespace } from '../../support/fresh-namespace.ts';
import { requires } from '../../support/requires.ts';

beforeAll(() => {
  execFileSync('node', [join(import.meta.dirname, '../../../scripts/build.mjs')]);
});

requires(
  'root',
  'netns',
  'tun',
)('releasing partitions', () => {
  const scenario = `
    mkdir -p /srv/storage/data0
    ${bridge('2001:db8:aaaa::1/48', false)} ${node({
      partition_amount: 6,
      create_tun: 'true',
      instance_storage_home: '/srv/storage',
    })}
    slapos -q node format --now
    sed -i 's/^partition_amount = 6/partition_amount = 2/' /srv/slapos.cfg
  `;

  it('shows it first, refuses what holds data, deletes the rest, and is done', async () => {
    const output = await succeedInFreshNamespace(`
      ${scenario}
      (${DUMP}) > /srv/before
      slapos node format --now 2>&1 | grep -o 'add --release-partitions' | head -n 1
      echo data > /srv/storage/data0/slappart4/precious
      slapos node format --now --release-partitions 2>&1 | grep -o 'slappart4 (.*precious)'
      rm /srv/storage/data0/slappart4/precious
      slapos node format -n --release-partitions
      (${DUMP}) | cmp - /srv/before
      slapos -q node format --now --release-partitions
      slapos node format --check
      (${DUMP})
      find /srv/storage
    `);
    expect(output).toContain('add --release-partitions\n');
    expect(output).toContain('slappart4 (/srv/storage/data0/slappart4: precious)');
    const [plan = '', after = ''] = output.split('Nothing to do.\n');
    expect(plan).toContain('release slappart5, slappart4, slappart3, slappart2: free');
    expect(plan).toContain('delete tap slaptap5\n');
    expect(plan).toContain('delete user slapuser2\n');
    expect(after).toContain('slapsoft:x:20000:slapuser0,slapuser1\n');
    expect(after).not.toMatch(/slap(?:part|user|tap|tun)[2-5]/);
    expect(after).not.toMatch(/aaaa::[4-7]\/|aaaa:400[3-6]/);
  });

  it('is completed after a kill at any moment', async () => {
    const end = `
      slapos -q node format --now --release-partitions
      slapos node format --check > /dev/null
      ${DUMP}`;
    const whole = await succeedInFreshNamespace(scenario + end);
    for (const delay of ['0.05', '0.08', '0.11', '0.14', '0.2']) {
      const kill = `
        "$SLAPOS_PACKAGE/bin/slapos" -q node format --now --release-partitions & pid=$!
        sleep ${delay}; kill -9 $pid || true; wait $pid || true`;
      expect(await succeedInFreshNamespace(scenario + kill + end), delay).toBe(whole);
    }
  });
});
