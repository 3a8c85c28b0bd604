/** Every call that format makes of the machine is refused once; the next run repairs it all. */
import { describe, expect, it } from 'vitest';
import { isSlaposError, type SlaposError } from '../../../src/errors/slapos-error.ts';
import type { FormatInput } from '../../../src/format/format.ts';
import { FakeHost } from '../../support/fake-host.ts';
import { formatInput, formatOptions, runFormat } from '../../support/format-run.ts';
import { refusingPorts } from '../../support/refusing-ports.ts';

const RESOURCES = [0, 1, 2].map((index) => `/srv/slapgrid/slappart${index}/.slapos-resource`);

function options(changes: Readonly<Record<string, string>> = {}) {
  return formatOptions({
    create_tun: 'true',
    computer_json: '/opt/slapos/slapos.json',
    instance_storage_home: '/srv/storage',
    certificate_repository_path: '/opt/slapos/certificates',
    ...changes,
  });
}

async function bridgeHost(): Promise<FakeHost> {
  const host = new FakeHost();
  host.addLink('br0', { kind: 'bridge' });
  host.addAddress('br0', '2001:db8:aaaa::1', 48);
  await host.files.mkdir('/srv/storage/data0', { mode: 0o755, isRecursive: true });
  return host;
}

/** The machine with a call refused, and what the run then said. */
async function refuse(input: FormatInput, refuseAt?: number) {
  const refusing = refusingPorts(input.ports, refuseAt);
  try {
    await runFormat({ ...input, ports: refusing.ports });
    return { ...refusing, error: undefined };
  } catch (error) {
    if (!isSlaposError(error)) throw error;
    return { ...refusing, error };
  }
}

function usableOf(error: SlaposError | undefined): string[] | undefined {
  return error?.context['usable'] as string[] | undefined;
}

describe('a first run of which one call is refused', () => {
  it('ends with 1, says which partitions are usable, and is repaired by the next', async () => {
    const whole = await bridgeHost();
    const { calls } = await refuse(formatInput(whole, options()));
    const outcomes = new Set<number>();
    for (let at = 0; at < calls(); at += 1) {
      const host = await bridgeHost();
      const { error, refused } = await refuse(formatInput(host, options()), at);
      expect(error?.exitCode, `call ${at}: ${refused()}`).toBe(1);
      const usable = usableOf(error);
      for (const [index, path] of RESOURCES.entries()) {
        if (!usable?.includes(`slappart${index}`)) continue;
        expect(host.fileTable.get(path), `call ${at}: ${refused()}`).toEqual(
          whole.fileTable.get(path),
        );
      }
      if (usable !== undefined) outcomes.add(usable.length);
      const { warnings } = await runFormat(formatInput(host, options()));
      expect(warnings).toEqual([]);
      expect(host.snapshot(), `call ${at}: ${refused()}`).toEqual(whole.snapshot());
    }
    // None where all rests on it, two where one partition fails, three where only a state file does.
    expect([...outcomes].sort()).toEqual([0, 2, 3]);
  });

  it('goes on with the other partitions and names the one that is not usable', async () => {
    const host = await bridgeHost();
    const input = formatInput(host, options());
    const create = host.taps.create;
    const taps = {
      ...host.taps,
      create: (devices: Parameters<typeof create>[0]) =>
        refusingPorts(
          input.ports,
          devices.findIndex(({ name }) => name === 'slaptap1'),
        ).ports.host.taps.create(devices),
    };
    const ports = { ...input.ports, host: { ...portsOf(host), taps } };
    await expect(runFormat({ ...input, ports })).rejects.toMatchObject({
      code: 'SLAPOS_ERR_HOST',
      message: expect.stringMatching(/2 of 3 partitions are usable; not: slappart1\.$/),
      context: { usable: ['slappart0', 'slappart2'], unusable: ['slappart1'] },
    });
    expect(RESOURCES.map((path) => host.fileTable.has(path))).toEqual([true, false, true]);
    expect(host.addressList.some(({ address }) => address === '2001:db8:aaaa::3')).toBe(false);
    expect(host.fileTable.has('/opt/slapos/slapos.xml')).toBe(false);
  });
});

function portsOf({ network, taps, accounts, files, sysctl }: FakeHost) {
  return { network, taps, accounts, files, sysctl };
}

describe('a change of prefix of which one call is refused', () => {
  const moved = async () => {
    const host = await bridgeHost();
    await runFormat(formatInput(host, options()));
    host.removeAddress('2001:db8:aaaa::1');
    host.addAddress('br0', '2001:db8:bbbb::1', 48);
    return host;
  };
  const stateOf = (host: FakeHost) => {
    host.fileTable.delete('/opt/slapos/slapos.xml.zip');
    return host.snapshot();
  };

  it('is completed by the next run', async () => {
    const whole = await moved();
    const { calls } = await refuse(formatInput(whole, options()));
    const expected = stateOf(whole);
    for (let at = 0; at < calls(); at += 1) {
      const host = await moved();
      const { error, refused } = await refuse(formatInput(host, options()), at);
      expect(error?.exitCode, `call ${at}: ${refused()}`).toBe(1);
      await runFormat(formatInput(host, options()));
      expect(stateOf(host), `call ${at}: ${refused()}`).toEqual(expected);
    }
  });
});
