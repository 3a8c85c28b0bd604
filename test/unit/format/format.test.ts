import { describe, expect, it } from 'vitest';
import { parseDialect } from '../../../src/config/dialect.ts';
import { apply } from '../../../src/format/apply.ts';
import { parseDefinition } from '../../../src/format/definition.ts';
import { prepare } from '../../../src/format/format.ts';
import { CrashError, FakeHost } from '../../support/fake-host.ts';
import { formatInput, formatOptions, plannedKinds, runFormat } from '../../support/format-run.ts';

const OTHER_PREFIX = '2001:db8:bbbb::1';

function bridgeHost(): FakeHost {
  const host = new FakeHost();
  host.addLink('br0', { kind: 'bridge' });
  host.addAddress('br0', '2001:db8:aaaa::1', 48);
  return host;
}

function everything() {
  return formatOptions({ create_tun: 'true', computer_json: '/opt/slapos/slapos.json' });
}

describe('a first run', () => {
  it('gives the addresses of the formulas', async () => {
    const { computer } = await runFormat(formatInput(bridgeHost(), everything()));
    const [first] = computer.partitions;
    expect(computer.address).toBe('2001:db8:aaaa::1');
    expect(first?.addresses[1]).toEqual({
      address: '2001:db8:aaaa::2',
      netmask: 'ffff:ffff:ffff::',
    });
    expect(first?.ipv6Range?.network).toBe('2001:db8:aaaa:4001::/64');
    expect(first?.tap.ipv6Gateway).toBe('2001:db8:aaaa:8001::1');
    expect(first?.tun?.ipv6Network).toBe('2001:db8:aaaa:c001::1/64');
    expect(first?.tun?.ipv4Network).toBe('172.16.0.1/255.252.0.0');
  });

  it('makes users that nobody can log in as, in the block kept for them', async () => {
    const host = bridgeHost();
    await runFormat(formatInput(host, everything()));
    expect(host.users.get('slapuser2')).toMatchObject({
      uid: 20003,
      home: '/srv/slapgrid/slappart2',
    });
    expect(host.passwords.get('slapuser2')).toBe('!');
    expect(host.groups.get('slapsoft')?.members).toEqual(['slapuser0', 'slapuser1', 'slapuser2']);
  });

  it('leaves nothing to do', async () => {
    const host = bridgeHost();
    await runFormat(formatInput(host, everything()));
    expect(await plannedKinds(formatInput(host, everything()))).toEqual([]);
  });

  it('gives every partition the same addresses again when its state file is removed', async () => {
    const host = bridgeHost();
    await runFormat(formatInput(host, everything()));
    const before = host.fileTable.get('/opt/slapos/slapos.xml');
    host.fileTable.delete('/opt/slapos/slapos.xml');
    await runFormat(formatInput(host, everything()));
    expect(host.fileTable.get('/opt/slapos/slapos.xml')).toEqual(before);
  });
});

describe('a run that was killed', () => {
  it('is completed by the next one, wherever it was killed', async () => {
    const whole = bridgeHost();
    await runFormat(formatInput(whole, everything()));
    for (let point = 0; point < whole.changes; point += 1) {
      const host = bridgeHost();
      host.crashAfter = point;
      await expect(runFormat(formatInput(host, everything()))).rejects.toThrow(CrashError);
      host.crashAfter = undefined;
      const { warnings } = await runFormat(formatInput(host, everything()));
      expect(warnings).toEqual([]);
      expect(host.snapshot(), `killed after ${point} changes`).toEqual(whole.snapshot());
    }
  });

  it('is completed when it was giving addresses of a new prefix', async () => {
    const renumbered = async (point: number | undefined) => {
      const host = bridgeHost();
      await runFormat(formatInput(host, everything()));
      host.removeAddress('2001:db8:aaaa::1');
      host.addAddress('br0', OTHER_PREFIX, 48);
      const before = host.changes;
      host.crashAfter = point === undefined ? undefined : before + point;
      if (point !== undefined) {
        await expect(runFormat(formatInput(host, everything()))).rejects.toThrow(CrashError);
        host.crashAfter = undefined;
      }
      await runFormat(formatInput(host, everything()));
      return { host, changes: host.changes - before };
    };
    const whole = await renumbered(undefined);
    const withoutHistory = (host: FakeHost) => {
      host.fileTable.delete('/opt/slapos/slapos.xml.zip');
      return host.snapshot();
    };
    const expected = withoutHistory(whole.host);
    for (let point = 0; point < whole.changes; point += 7) {
      const { host } = await renumbered(point);
      expect(withoutHistory(host), `killed after ${point} changes`).toEqual(expected);
    }
  });
});

describe('a later run', () => {
  it('gives everything back after a reboot', async () => {
    const host = bridgeHost();
    await runFormat(formatInput(host, everything()));
    const before = host.snapshot();
    host.addressList.length = 0;
    host.routeList.length = 0;
    host.links.length = 2;
    host.addAddress('br0', '2001:db8:aaaa::1', 48);
    await runFormat(formatInput(host, everything()));
    expect(host.snapshot()).toEqual(before);
  });

  it('renumbers address, range, tap and tun together when the prefix changed', async () => {
    const host = bridgeHost();
    await runFormat(formatInput(host, everything()));
    host.removeAddress('2001:db8:aaaa::1');
    host.addAddress('br0', OTHER_PREFIX, 48);
    const { computer } = await runFormat(formatInput(host, everything()));
    expect(JSON.stringify(computer)).not.toContain('2001:db8:aaaa');
    expect(JSON.stringify(host.snapshot())).not.toMatch(/"address":"2001:db8:aaaa/);
    expect(host.routeList.some(({ destination }) => destination.startsWith('2001:db8:aaaa'))).toBe(
      false,
    );
    expect(await plannedKinds(formatInput(host, everything()))).toEqual([]);
  });

  it('keeps what partitions have when more are added', async () => {
    const host = bridgeHost();
    const before = await runFormat(formatInput(host, everything()));
    const more = formatOptions({ partition_amount: '4', create_tun: 'true' });
    const after = await runFormat(formatInput(host, more));
    expect(after.computer.partitions.slice(0, 3)).toEqual(before.computer.partitions);
    expect(after.computer.partitions[3]?.tun?.ipv4Address).toBe('172.28.0.1');
  });

  it('refuses fewer partitions than before and touches nothing', async () => {
    const host = bridgeHost();
    await runFormat(formatInput(host, everything()));
    const before = host.snapshot();
    const fewer = formatInput(host, formatOptions({ partition_amount: '2' }));
    await expect(runFormat(fewer)).rejects.toMatchObject({
      code: 'SLAPOS_ERR_PLAN_SHRINK',
      exitCode: 1,
    });
    expect(host.snapshot()).toEqual(before);
  });

  it('adds the former state to the history when the state changes', async () => {
    const host = bridgeHost();
    await runFormat(formatInput(host, everything()));
    expect(host.fileTable.has('/opt/slapos/slapos.xml.zip')).toBe(false);
    await runFormat(formatInput(host, formatOptions({ partition_amount: '4' })));
    expect(host.fileTable.get('/opt/slapos/slapos.xml.zip')?.content).toContain(
      'slapos.xml.20261121-02:08',
    );
  });
});

describe('an address that another machine has', () => {
  it('is given up for another one', async () => {
    const host = bridgeHost();
    host.foreign.add('2001:db8:aaaa::3');
    const { computer, warnings } = await runFormat(formatInput(host, everything()));
    const given = computer.partitions[1]?.addresses[1]?.address ?? '';
    expect(given).toMatch(/^2001:db8:aaaa::[0-9a-f]{1,4}$/);
    expect(given).not.toBe('2001:db8:aaaa::3');
    expect(host.addressList.some(({ address }) => address === '2001:db8:aaaa::3')).toBe(false);
    expect(warnings.join('\n')).toContain('2001:db8:aaaa::3 on br0 is used by another machine');
    expect(await plannedKinds(formatInput(host, everything()))).toEqual([]);
  });
});

describe('switched-off parts', () => {
  it('need no network change at all', async () => {
    const host = bridgeHost();
    const options = formatOptions({ alter_network: 'false' });
    const { computer } = await runFormat(formatInput(host, options));
    expect(computer.partitions[0]).toMatchObject({ addresses: [], ipv6Range: null });
    expect(computer.partitions[0]?.tap.name).toBe('slaptap0');
    expect(host.addressList).toHaveLength(1);
    const { computer: later } = await runFormat(formatInput(host, formatOptions()));
    expect(later.partitions[0]?.addresses).toHaveLength(2);
  });

  it('need existing users when users are not altered', async () => {
    const input = formatInput(bridgeHost(), formatOptions({ alter_user: 'false' }));
    await expect(runFormat(input)).rejects.toMatchObject({ code: 'SLAPOS_ERR_PLAN_CONFLICT' });
  });

  it('bridge taps that would be of no use otherwise', async () => {
    const host = bridgeHost();
    const options = formatOptions({ tap_ipv6: 'false' });
    const { computer } = await runFormat(formatInput(host, options));
    expect(computer.partitions[0]?.tap.ipv6Address).toBe('');
    const bridge = host.links.find(({ name }) => name === 'br0');
    expect(host.links.find(({ name }) => name === 'slaptap0')?.master).toBe(bridge?.ifindex);
    expect(await plannedKinds(formatInput(host, options))).toEqual([]);
  });
});

describe('a definition file', () => {
  const sections = new Map([
    ['computer', new Map([['address', '::1/ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff']])],
    [
      'partition_0',
      new Map([
        ['address', '127.0.0.1/255.255.255.255 ::1/ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff'],
        ['user', 'daemon'],
        ['network_interface', ''],
        ['pathname', 'part0'],
        ['capability_list', '\nfast network\n\n more_disk'],
      ]),
    ],
  ]);

  it('needs no IPv6 on the host', async () => {
    const host = new FakeHost();
    const options = formatOptions({
      alter_user: 'false',
      alter_network: 'false',
      partition_amount: '1',
      interface_name: undefined,
      input_definition_file: '/etc/definition',
    });
    const { computer } = await runFormat(formatInput(host, options, sections));
    expect(computer.interface).toBeNull();
    expect(computer.address).toBe('::1');
    expect(computer.partitions[0]).toMatchObject({
      reference: 'part0',
      capabilities: ['fast network', 'more_disk'],
    });
    expect(host.fileTable.has('/srv/slapgrid/part0/.slapos-resource')).toBe(true);
    expect(await plannedKinds(formatInput(host, options, sections))).toEqual([]);
  });

  it('may name the same device for all partitions unless devices are made', async () => {
    const lo = ['part0', 'part1'].map((pathname, index): [string, ReadonlyMap<string, string>] => {
      const keys = { address: '', user: 'daemon', network_interface: 'lo', pathname };
      return [`partition_${index}`, new Map(Object.entries(keys))];
    });
    const definition = new Map([...sections, ...lo]);
    const settings = { partition_amount: '2', input_definition_file: '/etc/definition' };
    const host = bridgeHost();
    const shared = formatOptions({ ...settings, alter_network: 'false', alter_user: 'false' });
    const { computer } = await runFormat(formatInput(host, shared, definition));
    expect(computer.partitions.map(({ tap }) => tap?.name)).toEqual(['lo', 'lo']);
    await expect(
      prepare(formatInput(host, formatOptions(settings), definition)),
    ).rejects.toMatchObject({ code: 'SLAPOS_ERR_PLAN_CONFLICT' });
  });

  it('is what the output definition file can be used as', async () => {
    const host = bridgeHost();
    const path = '/opt/slapos/definition';
    const options = formatOptions({ output_definition_file: path });
    const { computer } = await runFormat(formatInput(host, options));
    const text = host.fileTable.get(path)?.content ?? '';
    const read = new Map(
      [...parseDialect(text, path).sections].map(([name, { values }]) => [
        name,
        new Map([...values].map(([key, { text }]) => [key, text])),
      ]),
    );
    const stored = parseDefinition(read, 3, path);
    expect(stored.address).toBe(computer.address);
    expect(stored.partitions.map(({ addresses, ipv6Range }) => [addresses, ipv6Range])).toEqual(
      computer.partitions.map(({ addresses, ipv6Range }) => [addresses, ipv6Range]),
    );
    expect(await plannedKinds(formatInput(host, options))).toEqual([]);
  });

  it('must have a section for each partition', async () => {
    const options = formatOptions({
      alter_network: 'false',
      partition_amount: '2',
      input_definition_file: '/etc/definition',
    });
    await expect(prepare(formatInput(new FakeHost(), options, sections))).rejects.toMatchObject({
      code: 'SLAPOS_ERR_STATE_FILE',
      message: 'Section [partition_1] is missing in the definition file /etc/definition.',
    });
  });
});

describe('apply', () => {
  it('stops between batches when it is interrupted', async () => {
    const host = bridgeHost();
    const { steps, computer } = await prepare(formatInput(host, everything()));
    const hooks = {
      onBatch: () => {},
      onAdvance: () => {},
      onWarning: () => {},
      now: () => new Date(),
      signal: AbortSignal.abort(),
    };
    const ports = { host, partitionFiles: host.partitionFiles };
    await expect(apply(steps, computer, ports, hooks)).rejects.toMatchObject({
      code: 'SLAPOS_ERR_CANCELLED',
    });
    expect(host.changes).toBe(0);
  });
});

describe('a change of prefix', () => {
  const renumberedHost = async () => {
    const host = bridgeHost();
    const { computer } = await runFormat(formatInput(host, everything()));
    host.removeAddress('2001:db8:aaaa::1');
    host.addAddress('br0', OTHER_PREFIX, 48);
    return { host, computer };
  };

  it('is told in one line, not once for each address', async () => {
    const { host } = await renumberedHost();
    const { notes, warnings } = await prepare(formatInput(host, everything()));
    expect(warnings).toEqual([]);
    expect(notes).toEqual([
      'renumber 3 partitions, slappart0 to slappart2, from 2001:db8:aaaa::/48 to ' +
        '2001:db8:bbbb::/48: address, range, tap and tun together',
    ]);
  });

  it('leaves nothing of the former prefix in what is recorded of devices that are off', async () => {
    const host = bridgeHost();
    await runFormat(formatInput(host, formatOptions({ create_tun: 'true' })));
    host.removeAddress('2001:db8:aaaa::1');
    host.addAddress('br0', '2001:db8:bbbb::1', 48);
    const off = formatOptions({ create_tun: 'true', create_tap: 'false', tun_ipv6: 'false' });
    const { computer } = await runFormat(formatInput(host, off));
    expect(JSON.stringify(computer)).not.toContain('2001:db8:aaaa');
    expect(computer.partitions[0]?.tun?.ipv4Address).toBe('172.16.0.1');
    expect(await plannedKinds(formatInput(host, off))).toEqual([]);
  });

  it('keeps the IPv4 addresses', async () => {
    const { host, computer } = await renumberedHost();
    const ipv4 = (one: typeof computer) => one.partitions.map(({ addresses }) => addresses[0]);
    const after = await runFormat(formatInput(host, everything()));
    expect(ipv4(after.computer)).toEqual(ipv4(computer));
  });

  it('takes away our own routes of the former prefix that no file records', async () => {
    const { host } = await renumberedHost();
    const lo = host.links[0]?.ifindex as number;
    const stray = { family: 6 as const, gateway: '', table: 255, type: 2, metric: 1024 };
    const network = { destination: '2001:db8:aaaa:4fff::', prefixLength: 64, ifindex: lo };
    host.routeList.push({ ...stray, ...network, protocol: 83 });
    const foreign = { ...stray, ...network, destination: '2001:db8:aaaa:4ffe::', protocol: 3 };
    host.routeList.push(foreign);
    await runFormat(formatInput(host, everything()));
    const left = host.routeList.filter(({ destination }) => destination.startsWith('2001:db8:a'));
    expect(left).toEqual([foreign]);
  });

  it('follows a prefix of another length', async () => {
    const host = bridgeHost();
    await runFormat(formatInput(host, everything()));
    host.removeAddress('2001:db8:aaaa::1');
    host.addAddress('br0', '2001:db8:aaaa::1', 56);
    const { computer } = await runFormat(formatInput(host, everything()));
    expect(computer.partitions[0]?.addresses[1]?.netmask).toBe('ffff:ffff:ffff:ff00::');
    const own = host.addressList.filter(({ address }) => address === '2001:db8:aaaa::2');
    expect(own.map(({ prefixLength }) => prefixLength)).toEqual([56]);
    expect(await plannedKinds(formatInput(host, everything()))).toEqual([]);
  });
});

describe('a bridge of taps', () => {
  const bridged = (amount: number) =>
    formatOptions({ tap_mode: 'bridged', partition_amount: String(amount) });

  it('takes the 1023 ports that the kernel allows', async () => {
    const { steps } = await prepare(formatInput(bridgeHost(), bridged(1023)));
    expect(steps.filter(({ kind }) => kind === 'link')).toHaveLength(1023);
  });

  it('is refused one more, counting ports that are not ours', async () => {
    const host = bridgeHost();
    const bridge = host.links.find(({ name }) => name === 'br0');
    host.addLink('eth0', { master: bridge?.ifindex as number });
    await expect(prepare(formatInput(host, bridged(1023)))).rejects.toMatchObject({
      code: 'SLAPOS_ERR_PLAN_CONFLICT',
      message: 'br0 would have 1024 ports; the kernel allows 1023.',
    });
  });
});
