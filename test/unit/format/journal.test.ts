/** A first run that was cut off does not hold the node to a configuration that was wrong. */
import { describe, expect, it } from 'vitest';
import { prepare } from '../../../src/format/format.ts';
import { CrashError, FakeHost } from '../../support/fake-host.ts';
import { formatInput, formatOptions, plannedKinds, runFormat } from '../../support/format-run.ts';

function bridgeHost(): FakeHost {
  const host = new FakeHost();
  host.addLink('br0', { kind: 'bridge' });
  host.addAddress('br0', '2001:db8:aaaa::1', 48);
  return host;
}

const inputFor = (host: FakeHost, changes: Readonly<Record<string, string>> = {}) =>
  formatInput(host, formatOptions({ create_tun: 'true', ...changes }));

/** A machine on which the first run died after so many changes. */
async function cutOff(point: number, changes: Readonly<Record<string, string>>) {
  const host = bridgeHost();
  host.crashAfter = point;
  await runFormat(inputFor(host, changes)).catch((error) =>
    expect(error).toBeInstanceOf(CrashError),
  );
  host.crashAfter = undefined;
  return host;
}

describe('a first run that was cut off', () => {
  it('leaves nothing of partitions that are not wanted any more', async () => {
    const fresh = bridgeHost();
    await runFormat(inputFor(fresh, { partition_amount: '2' }));
    for (let point = 0; point < 60; point += 1) {
      const host = await cutOff(point, { partition_amount: '5' });
      const { computer } = await runFormat(inputFor(host, { partition_amount: '2' }));
      expect(computer.partitions).toHaveLength(2);
      expect(JSON.stringify(host.snapshot()), `killed after ${point}`).not.toMatch(
        /slap(part|user|tap|tun)[2-4]|aaaa:[48c]00[345]|aaaa::[456]"/,
      );
      expect(await plannedKinds(inputFor(host, { partition_amount: '2' }))).toEqual([]);
    }
  });

  it('does not decide on roots and the software user', async () => {
    const wrong = { instance_root: '/wrong', software_root: '/bad', software_user: 'wrong' };
    const host = await cutOff(12, wrong);
    const { computer } = await runFormat(inputFor(host));
    expect(computer).toMatchObject({
      instanceRoot: '/srv/slapgrid',
      softwareRoot: '/opt/slapgrid',
      softwareUser: 'slapsoft',
    });
    expect(host.users.get('slapuser0')?.home).toBe('/srv/slapgrid/slappart0');
    expect(await plannedKinds(inputFor(host))).toEqual([]);
  });

  it.each([
    ['a user name that is a number', { user_base_name: '' }],
    ['a user name that is too long', { user_base_name: 'u'.repeat(32) }],
    ['a software user with a colon', { software_user: 'a:b' }],
    ['a folder name that is too long', { partition_base_name: 'p'.repeat(255) }],
    ['a folder name with a slash', { partition_base_name: '../p' }],
    ['a device name that is too long', { tap_base_name: 't'.repeat(15) }],
  ])('never held %s, which nothing could make', async (_, changes) => {
    const host = bridgeHost();
    await expect(prepare(inputFor(host, changes))).rejects.toMatchObject({
      code: 'SLAPOS_ERR_PLAN_CONFLICT',
      message: expect.stringContaining('cannot name a'),
    });
  });
});
