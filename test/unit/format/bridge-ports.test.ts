/** `bridge_ports`: an uplink gives the bridge all that it carries, or keeps it. */
import { describe, expect, it } from 'vitest';
import { prepare } from '../../../src/format/format.ts';
import { renderPlan } from '../../../src/format/render.ts';
import { CrashError, type FakeHost } from '../../support/fake-host.ts';
import { formatInput, formatOptions, plannedKinds, runFormat } from '../../support/format-run.ts';
import { refusingPorts } from '../../support/refusing-ports.ts';
import { BOOT_ID, uplinkOptions as options, uplinkHost } from '../../support/uplink-host.ts';

const JOURNAL = '/opt/slapos/slapos.xml.bridge';
/** Addresses and routes with their devices; the kernel's own routes are its business. */
function networkOf(host: FakeHost): string[] {
  const name = (ifindex: number) => host.links.find((one) => one.ifindex === ifindex)?.name;
  return [
    ...host.links.map((link) => `${link.name} in ${name(link.master) ?? 'nothing'}`),
    ...host.addressList.map((one) => `${one.address}/${one.prefixLength} on ${name(one.ifindex)}`),
    ...host.routeList
      .filter(({ protocol }) => protocol !== 2)
      .map((one) => {
        const { destination, prefixLength, gateway, ifindex, metric, protocol, table } = one;
        const source = one.preferredSource ?? '';
        const rest = `${metric} ${protocol} ${table} ${source}`;
        return `${destination}/${prefixLength} via ${gateway} on ${name(ifindex)} ${rest}`;
      }),
  ].sort();
}

const hostOwn = (host: FakeHost) => networkOf(host).filter((line) => !line.includes(' 83 255'));

describe('an uplink in bridge_ports', () => {
  it('gives the bridge addresses, routes and its MAC; then there is nothing to do', async () => {
    const host = uplinkHost();
    const input = formatInput(host, options());
    await runFormat(input);
    expect(hostOwn(host)).toEqual(
      expect.arrayContaining([
        'eth0 in br0',
        'eth1 in nothing',
        '192.0.2.2/24 on br0',
        '192.0.2.3/32 on br0',
        '2001:db8:aaaa::1/48 on br0',
        'fe80::e0/64 on br0',
        'fe80::e0/64 on eth0',
        '/0 via 192.0.2.1 on br0 100 3 254 ',
        '10.9.0.0/16 via 192.0.2.9 on br0 0 3 254 ',
        '/0 via 2001:db8:aaaa::ff on br0 1024 4 254 ',
        '10.8.0.0/16 via  on wg0 0 3 254 192.0.2.2',
      ]),
    );
    expect(host.links.find(({ name }) => name === 'br0')?.mac).toBe('02:00:00:00:00:e0');
    expect(host.fileTable.has(JOURNAL)).toBe(false);
    expect(await plannedKinds(input)).toEqual([]);
  });

  it('is planned as the very operations, in one step after the journal', async () => {
    const host = uplinkHost();
    const { steps } = await prepare(formatInput(host, options()));
    const kinds = steps.map(({ kind }) => kind);
    const at = kinds.indexOf('uplinkJournal');
    expect(kinds.slice(at, at + 4)).toEqual([
      'uplinkJournal',
      'bridgeCreate',
      'link',
      'uplinkMove',
    ]);
    const lines = renderPlan(steps).split('\n');
    const first = lines.indexOf('set link eth0 master br0');
    expect(lines.slice(first, first + 18)).toEqual([
      'set link eth0 master br0',
      'add address fe80::e0/64 dev br0',
      'delete route default via 192.0.2.1 dev eth0 metric 100',
      'delete route 10.9.0.0/16 via 192.0.2.9 dev eth0',
      'delete route default via 2001:db8:aaaa::ff dev eth0',
      'delete route 10.8.0.0/16 dev wg0 src 192.0.2.2',
      'delete address 2001:db8:aaaa::1/48 dev eth0',
      'delete address 192.0.2.3/32 dev eth0',
      'delete address 192.0.2.2/24 dev eth0',
      'add address 192.0.2.2/24 dev br0',
      'add address 192.0.2.3/32 dev br0',
      'add address 2001:db8:aaaa::1/48 dev br0',
      'add route 10.8.0.0/16 dev wg0 src 192.0.2.2',
      'add route default via 192.0.2.1 dev br0 metric 100',
      'add route 10.9.0.0/16 via 192.0.2.9 dev br0',
      'add route default via 2001:db8:aaaa::ff dev br0',
      'wait for 192.0.2.1 and 2001:db8:aaaa::ff to answer through br0, else undo all of it',
      `remove ${JOURNAL}`,
    ]);
  });

  it('writes the journal for root only', async () => {
    const host = uplinkHost();
    const modes: number[] = [];
    const write = host.files.write;
    host.files.write = async (path, data, facts) => {
      if (path === JOURNAL) modes.push(facts.mode);
      return write(path, data, facts);
    };
    await runFormat(formatInput(host, options()));
    expect(modes).toEqual([0o600]);
  });

  it('is put back when a gateway does not answer, and nothing is left of the bridge', async () => {
    for (const gateway of ['192.0.2.1', '2001:db8:aaaa::ff']) {
      const host = uplinkHost();
      host.neighbours.delete(gateway);
      const before = networkOf(host);
      const run = runFormat(formatInput(host, options()));
      await expect(run).rejects.toMatchObject({
        code: 'SLAPOS_ERR_GATEWAY_LOST',
        exitCode: 1,
        message: `The default gateway ${gateway} does not answer through br0 within 5 s; eth0 has everything back.`,
      });
      expect(networkOf(host)).toEqual(before);
      expect(host.fileTable.has(JOURNAL)).toBe(false);
      expect(host.fileTable.has('/opt/slapos/slapos.xml')).toBe(false);
    }
  });

  it('asks nobody when no default route leads over it', async () => {
    const host = uplinkHost();
    host.neighbours.clear();
    for (const [at, route] of [...host.routeList.entries()].reverse()) {
      if (route.prefixLength === 0) host.routeList.splice(at, 1);
    }
    await runFormat(formatInput(host, options()));
    expect(networkOf(host)).toContain('192.0.2.2/24 on br0');
  });

  it('gives a bridge that runs STP the time that its ports need', async () => {
    const host = uplinkHost();
    host.addLink('br0', { kind: 'bridge', portDelayMs: 30_000 });
    const { steps } = await prepare(formatInput(host, options()));
    expect(steps.find(({ kind }) => kind === 'uplinkMove')).toMatchObject({ timeoutMs: 35_000 });
  });
});

describe('a host that lives from router advertisements and leases', () => {
  const advertised = { family: 6 as const, gateway: 'fe80::1', metric: 1024, protocol: 9 };
  const leaseHost = (): FakeHost => {
    const host = uplinkHost();
    host.neighbours.add('fe80::1');
    host.routeList.splice(
      0,
      host.routeList.length,
      ...host.routeList.filter((one) => {
        return one.family === 4 || one.prefixLength !== 0;
      }),
    );
    host.addRoute('eth0', advertised);
    const found = host.addressList.find(({ address }) => address === '192.0.2.2');
    if (found !== undefined) Object.assign(found, { validSeconds: 3600, preferredSeconds: 3600 });
    host.settings.set('net.ipv6.conf.eth0.accept_ra', '1');
    return host;
  };

  it('makes the bridge listen, leaves the kernel room for its own route, and warns', async () => {
    const host = leaseHost();
    const input = formatInput(host, options());
    const { warnings } = await runFormat(input);
    expect(warnings).toContain(
      '192.0.2.2 of eth0 expires in 3600 s: tell the DHCP client of the host to watch br0 instead.',
    );
    expect(host.settings.get('net.ipv6.conf.br0.accept_ra')).toBe('2');
    expect(networkOf(host)).toContain('/0 via fe80::1 on br0 1025 9 254 ');
    expect(await plannedKinds(input)).toEqual([]);
  });

  it('takes the way back from any moment, too', async () => {
    for (let changes = 0; ; changes += 1) {
      const host = leaseHost();
      host.neighbours.clear();
      host.crashAfter = changes;
      const input = formatInput(host, options());
      const first = await runFormat(input).catch((error: unknown) => error);
      host.crashAfter = undefined;
      if (!(first instanceof CrashError)) break;
      await expect(runFormat(input)).rejects.toMatchObject({ code: 'SLAPOS_ERR_GATEWAY_LOST' });
      const routes = networkOf(host).filter((line) => line.includes('fe80::1 '));
      expect(routes, `after ${changes}`).toEqual([
        expect.stringMatching(/^\/0 via fe80::1 on eth0 102[45] 9 254 $/),
      ]);
    }
  });

  it('listens as the port did when nothing came that way', async () => {
    const host = uplinkHost();
    host.settings.set('net.ipv6.conf.eth0.accept_ra', '0');
    await runFormat(formatInput(host, options()));
    expect(host.settings.get('net.ipv6.conf.br0.accept_ra')).toBe('0');
  });
});

describe('a move that is killed', () => {
  /** Dies after so many changes, then runs again to the end. */
  async function interrupted(host: FakeHost, changes: number): Promise<boolean> {
    host.crashAfter = changes;
    const input = formatInput(host, options());
    const hasCrashed = await runFormat(input).then(
      () => false,
      (error) => error instanceof CrashError,
    );
    host.crashAfter = undefined;
    return hasCrashed;
  }

  it('is completed by the next run, wherever it was cut off', async () => {
    const whole = uplinkHost();
    await runFormat(formatInput(whole, options()));
    for (let changes = 0; ; changes += 1) {
      const host = uplinkHost();
      if (!(await interrupted(host, changes))) break;
      const input = formatInput(host, options());
      await runFormat(input);
      expect(networkOf(host), `after ${changes}`).toEqual(networkOf(whole));
      expect(host.fileTable.has(JOURNAL)).toBe(false);
      expect(await plannedKinds(input)).toEqual([]);
    }
  });

  it('is undone by the next run when the gateway is lost, wherever it was cut off', async () => {
    const before = networkOf(uplinkHost());
    for (let changes = 0; ; changes += 1) {
      const host = uplinkHost();
      host.neighbours.clear();
      if (!(await interrupted(host, changes))) break;
      const again = runFormat(formatInput(host, options()));
      await expect(again, `after ${changes}`).rejects.toMatchObject({
        code: 'SLAPOS_ERR_GATEWAY_LOST',
      });
      expect(networkOf(host), `after ${changes}`).toEqual(before);
    }
  });

  it('is taken back by the next run when nobody wants it any more', async () => {
    const before = networkOf(uplinkHost());
    for (let changes = 0; ; changes += 1) {
      const host = uplinkHost();
      if (!(await interrupted(host, changes))) break;
      if (!host.fileTable.has(JOURNAL)) continue;
      const plain = formatOptions({ partition_amount: '2', interface_name: 'eth0' });
      const { steps, notes } = await prepare(formatInput(host, plain));
      expect(steps.map(({ kind }) => kind)).toEqual(['uplinkRestore']);
      expect(notes[0]).toMatch(/^undo the move to a bridge/);
      await runFormat(formatInput(host, plain));
      const own = networkOf(host).filter((line) => !/ 83 255|10\.0\.\d+\.\d+\/32/.test(line));
      expect(own, `after ${changes}`).toEqual(expect.arrayContaining(before));
      expect(own.some((line) => line.includes('br0'))).toBe(false);
      expect(host.fileTable.has(JOURNAL)).toBe(false);
    }
  });

  it('leaves the host its network when one call is refused, whichever', async () => {
    const before = networkOf(uplinkHost());
    for (let at = 0; ; at += 1) {
      const host = uplinkHost();
      const plain = formatInput(host, options());
      const refusing = refusingPorts(plain.ports, at);
      const input = { ...plain, ports: refusing.ports };
      const failed = await runFormat(input).then(
        () => undefined,
        (error: unknown) => error,
      );
      if (refusing.refused() === undefined) break;
      const own = networkOf(host);
      const isBack = before.every((line) => own.includes(line));
      const isMoved = own.includes('/0 via 192.0.2.1 on br0 100 3 254 ');
      const isCut = !isBack && !isMoved;
      expect(isCut, `${refusing.refused()} ${String(failed)} ${own.join('\n')}`).toBe(false);
      await runFormat(plain);
      expect(await plannedKinds(plain), refusing.refused()).toEqual([]);
    }
  });
});

describe('a journal', () => {
  it('of another boot is forgotten: the kernel that it tells of is gone', async () => {
    const host = uplinkHost();
    host.crashAfter = 25;
    await runFormat(formatInput(host, options())).catch(() => {});
    host.crashAfter = undefined;
    const text = host.fileTable.get(JOURNAL)?.content ?? '';
    expect(JSON.parse(text)).toMatchObject({ version: 1, bootId: 'boot-1', isBridgeNew: true });
    const rebooted = uplinkHost();
    rebooted.fileTable.set(BOOT_ID, { content: 'boot-2\n', mode: 0o444 });
    rebooted.folders.set('/opt', { mode: 0o755, uid: 0, gid: 0 });
    rebooted.folders.set('/opt/slapos', { mode: 0o755, uid: 0, gid: 0 });
    for (const journal of [text, '{', '{"version": 2}', '{"version": 1, "ports": [{}]}']) {
      rebooted.fileTable.set(JOURNAL, { content: journal, mode: 0o600 });
      const plain = formatOptions({ partition_amount: '2', interface_name: 'eth0' });
      const { steps } = await prepare(formatInput(rebooted, plain));
      expect(renderPlan(steps)).toContain(`remove ${JOURNAL}\n`);
      const wanted = await prepare(formatInput(rebooted, options()));
      expect(wanted.steps.filter(({ kind }) => kind === 'uplinkJournal')).toHaveLength(1);
    }
    await runFormat(formatInput(rebooted, options()));
    expect(rebooted.fileTable.has(JOURNAL)).toBe(false);
    expect(networkOf(rebooted)).toContain('192.0.2.2/24 on br0');
  });
});

describe('what is half there', () => {
  it('converges: an address that came back to the port, a port that left', async () => {
    const host = uplinkHost();
    const input = formatInput(host, options());
    await runFormat(input);
    const whole = networkOf(host);
    host.addAddress('eth0', '192.0.2.2', 24);
    host.addRoute('eth0', { gateway: '192.0.2.1', metric: 100 });
    const at = host.links.findIndex(({ name }) => name === 'eth0');
    host.links[at] = { ...(host.links[at] as FakeHost['links'][number]), master: 0 };
    await runFormat(input);
    expect(networkOf(host)).toEqual(whole);
    expect(await plannedKinds(input)).toEqual([]);
  });

  it('goes back to what was shared when the gateway is lost then', async () => {
    const host = uplinkHost();
    const input = formatInput(host, options());
    await runFormat(input);
    host.addAddress('eth0', '192.0.2.2', 24);
    host.addAddress('eth0', '192.0.2.4', 24);
    host.addRoute('eth0', { gateway: '192.0.2.1', metric: 100 });
    const before = networkOf(host);
    host.neighbours.clear();
    await expect(runFormat(input)).rejects.toMatchObject({ code: 'SLAPOS_ERR_GATEWAY_LOST' });
    expect(networkOf(host)).toEqual(before);
  });
});

describe('a bridge that the operator made', () => {
  it('gets a port that carries nothing by one step', async () => {
    const host = uplinkHost();
    host.addLink('br0', { kind: 'bridge' });
    host.addAddress('br0', '2001:db8:bbbb::1', 48);
    const input = formatInput(host, options({ bridge_ports: 'eth1' }));
    const { steps } = await prepare(input);
    expect(renderPlan(steps)).toContain('set link eth1 master br0\n');
    expect(steps.some(({ kind }) => kind === 'uplinkMove' || kind === 'uplinkJournal')).toBe(false);
    await runFormat(input);
    expect(await plannedKinds(input)).toEqual([]);
  });

  it('keeps its MAC, and stays when an uplink is put back', async () => {
    const host = uplinkHost();
    host.addLink('br0', { kind: 'bridge', mac: '02:00:00:00:00:b0', flags: 0 });
    const before = networkOf(host);
    const input = formatInput(host, options());
    host.neighbours.clear();
    await expect(runFormat(input)).rejects.toMatchObject({ code: 'SLAPOS_ERR_GATEWAY_LOST' });
    expect(networkOf(host)).toEqual(before);
    host.neighbours.add('192.0.2.1').add('2001:db8:aaaa::ff');
    await runFormat(input);
    expect(host.links.find(({ name }) => name === 'br0')?.mac).toBe('02:00:00:00:00:b0');
    expect(networkOf(host)).toContain('192.0.2.2/24 on br0');
  });

  it('keeps its ports when they are no longer named', async () => {
    const host = uplinkHost();
    await runFormat(formatInput(host, options()));
    expect(await plannedKinds(formatInput(host, options({ bridge_ports: undefined })))).toEqual([]);
  });
});
