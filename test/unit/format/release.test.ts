import { describe, expect, it } from 'vitest';
import { prepare } from '../../../src/format/format.ts';
import { LINK_GROUP_RELEASED, type NativeLink } from '../../../src/host/network/native-network.ts';
import { CrashError, FakeHost } from '../../support/fake-host.ts';
import { formatInput, formatOptions, plannedKinds, runFormat } from '../../support/format-run.ts';
import { refusingPorts } from '../../support/refusing-ports.ts';

const SETTINGS = { create_tun: 'true', instance_storage_home: '/mnt' };
const RELEASE = { release_partitions: true };

function newHost(): FakeHost {
  const host = new FakeHost();
  host.addLink('br0', { kind: 'bridge' });
  host.addAddress('br0', '2001:db8:aaaa::1', 48);
  for (const path of ['/mnt', '/mnt/data1'])
    host.folders.set(path, { mode: 0o755, uid: 0, gid: 0 });
  return host;
}

function inputFor(host: FakeHost, amount: number, commandLine = {}) {
  const options = formatOptions({ ...SETTINGS, partition_amount: String(amount) }, commandLine);
  return formatInput(host, options);
}

/** Ids follow who came first, and so do the numbers of tuns and the state's history. */
function comparable(host: FakeHost): string {
  host.fileTable.delete('/opt/slapos/slapos.xml.zip');
  return JSON.stringify(host.snapshot(), null, 1);
}

describe('releasing partitions', () => {
  it('takes away everything of the last ones and nothing else', async () => {
    const host = newHost();
    await runFormat(inputFor(host, 4));
    await runFormat(inputFor(host, 2, RELEASE));
    const text = comparable(host);
    for (const gone of ['slappart2', 'slapuser3', 'slaptap2', 'slaptun3', 'aaaa:4003', 'aaaa::4']) {
      expect(text, gone).not.toContain(gone);
    }
    for (const kept of ['slappart1', 'slapuser1', 'slaptap1', 'slaptun1', 'aaaa:4002', 'aaaa::3']) {
      expect(text, kept).toContain(kept);
    }
    expect(await plannedKinds(inputFor(host, 2))).toEqual([]);
  });

  it('is completed by the next run, wherever it was killed', async () => {
    const released = async (point: number | undefined) => {
      const host = newHost();
      await runFormat(inputFor(host, 3));
      const before = host.changes;
      if (point !== undefined) {
        host.crashAfter = before + point;
        await expect(runFormat(inputFor(host, 1, RELEASE))).rejects.toThrow(CrashError);
        host.crashAfter = undefined;
      }
      await runFormat(inputFor(host, 1, RELEASE));
      return { text: comparable(host), changes: host.changes - before };
    };
    const whole = await released(undefined);
    for (let point = 0; point < whole.changes; point += 1) {
      expect((await released(point)).text, `killed after ${point}`).toBe(whole.text);
    }
  });

  it.each([
    ['a file in the home', '/srv/slapgrid/slappart3/buildout.cfg', 'buildout.cfg'],
    ['data in the external storage', '/mnt/data1/slappart3/db', 'db'],
  ])('refuses %s and touches nothing', async (_, path, name) => {
    const host = newHost();
    await runFormat(inputFor(host, 4));
    host.fileTable.set(path, { content: 'data', mode: 0o600 });
    const before = JSON.stringify(host.snapshot());
    await expect(runFormat(inputFor(host, 2, RELEASE))).rejects.toMatchObject({
      code: 'SLAPOS_ERR_PLAN_SHRINK',
      message: expect.stringMatching(new RegExp(`slappart3 \\(.*: ${name}\\)`)),
    });
    expect(JSON.stringify(host.snapshot())).toBe(before);
  });

  it('leaves a user that lives elsewhere', async () => {
    const host = newHost();
    await runFormat(inputFor(host, 2));
    const user = host.users.get('slapuser1');
    if (user !== undefined) host.users.set('slapuser1', { ...user, home: '/home/somebody' });
    await runFormat(inputFor(host, 1, RELEASE));
    expect(host.users.has('slapuser1')).toBe(true);
    expect(host.groups.has('slapuser1')).toBe(true);
  });

  it('is told in the plan, last partition first', async () => {
    const host = newHost();
    await runFormat(inputFor(host, 3));
    const { notes, steps } = await prepare(inputFor(host, 1, RELEASE));
    expect(notes).toEqual(['release slappart2, slappart1: free, from the end']);
    expect(steps.flatMap((step) => (step.kind === 'deviceDelete' ? [step.name] : []))).toEqual([
      'slaptap2',
      'slaptun2',
      'slaptap1',
      'slaptun1',
    ]);
  });

  it('does nothing when there is nothing to release', async () => {
    const host = newHost();
    await runFormat(inputFor(host, 2));
    expect(await plannedKinds(inputFor(host, 2, RELEASE))).toEqual([]);
  });

  it('may come with a change of prefix', async () => {
    const host = newHost();
    await runFormat(inputFor(host, 3));
    host.removeAddress('2001:db8:aaaa::1');
    host.addAddress('br0', '2001:db8:bbbb::1', 48);
    await runFormat(inputFor(host, 1, RELEASE));
    expect(comparable(host)).not.toMatch(/db8:aaaa|slaptap[12]/);
    expect(await plannedKinds(inputFor(host, 1))).toEqual([]);
  });

  it('takes away what a killed change of prefix left of them, in either prefix', async () => {
    for (let point = 0; point < 40; point += 1) {
      const host = newHost();
      await runFormat(inputFor(host, 3));
      host.removeAddress('2001:db8:aaaa::1');
      host.addAddress('br0', '2001:db8:bbbb::1', 48);
      host.crashAfter = host.changes + point;
      await runFormat(inputFor(host, 3)).catch((error) => expect(error).toBeInstanceOf(CrashError));
      host.crashAfter = undefined;
      await runFormat(inputFor(host, 1, RELEASE));
      const text = comparable(host);
      expect(text, `killed after ${point}`).not.toMatch(/db8:aaaa|slapt..[12]|db8:bbbb::[34]"/);
    }
  });

  it('takes away the range of one whose ranges were switched off', async () => {
    const host = newHost();
    await runFormat(inputFor(host, 2));
    const options = (amount: string) =>
      formatOptions(
        { ...SETTINGS, partition_has_ipv6_range: 'false', partition_amount: amount },
        RELEASE,
      );
    await runFormat(formatInput(host, options('2')));
    await runFormat(formatInput(host, options('1')));
    const ranges = host.routeList.filter(({ table }) => table === 255);
    expect(ranges.map(({ destination }) => destination)).toEqual(['2001:db8:aaaa:4001::']);
  });

  it('that was killed is called off when the partitions are wanted again', async () => {
    const whole = newHost();
    await runFormat(inputFor(whole, 3));
    const expected = comparable(whole);
    for (let point = 0; point < 25; point += 1) {
      const host = newHost();
      await runFormat(inputFor(host, 3));
      host.crashAfter = host.changes + point;
      await runFormat(inputFor(host, 1, RELEASE)).catch((error) =>
        expect(error).toBeInstanceOf(CrashError),
      );
      host.crashAfter = undefined;
      await runFormat(inputFor(host, 3, RELEASE));
      expect(comparable(host), `killed after ${point}`).toBe(expected);
    }
  });

  it('that was killed on the way to deleting devices costs no other device later', async () => {
    const host = newHost();
    await runFormat(inputFor(host, 3));
    const at = host.links.findIndex(({ name }) => name === 'slaptap0');
    host.links[at] = { ...(host.links[at] as NativeLink), group: LINK_GROUP_RELEASED };
    await runFormat(inputFor(host, 2, RELEASE));
    const names = host.links.map(({ name }) => name);
    expect(names).toEqual(expect.arrayContaining(['slaptap0', 'slaptun0', 'slaptap1', 'slaptun1']));
    expect(names).not.toContain('slaptap2');
    expect(await plannedKinds(inputFor(host, 2))).toEqual([]);
  });

  it('that was refused on the way, then wanted in part, takes no device that stays', async () => {
    for (let refuseAt = 0; refuseAt < 60; refuseAt += 1) {
      const host = newHost();
      await runFormat(inputFor(host, 4));
      const input = inputFor(host, 0, RELEASE);
      await runFormat({ ...input, ports: refusingPorts(input.ports, refuseAt).ports }).catch(
        (error) => expect(error).toMatchObject({ exitCode: 1 }),
      );
      const [first] = host.links.filter(({ name }) => name === 'slaptap0');
      await runFormat(inputFor(host, 1, RELEASE));
      const index = host.links.find(({ name }) => name === 'slaptap0')?.ifindex;
      if (first !== undefined) expect(index, `refused ${refuseAt}`).toBe(first.ifindex);
      expect(await plannedKinds(inputFor(host, 1))).toEqual([]);
    }
  });
});
