import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, it } from 'vitest';
import { createHost } from '../../src/host/create-host.ts';
import type { TuntapDevice } from '../../src/host/network/native-network.ts';
import { LINK_GROUP_SLAPOS } from '../../src/host/network/native-network.ts';
import { requires } from '../support/requires.ts';

const { network, taps } = createHost();
const OWNER = 31_001;
const STRANGER = 31_002;
const support = join(import.meta.dirname, '..', 'support');
const guestProgram = readFileSync(join(support, 'tap-guest.py'), 'utf8');
const children: ChildProcess[] = [];

const tap = (name: string, ownerUid = OWNER): TuntapDevice => ({ name, mode: 'tap', ownerUid });
const sysfs = (name: string, file: string) =>
  readFileSync(`/sys/class/net/${name}/${file}`, 'utf8').trim();

async function create(...devices: TuntapDevice[]): Promise<void> {
  const failed = (await taps.create(devices)).filter((result) => result.error !== undefined);
  expect(failed).toEqual([]);
}

/** Opens a device as a user; resolves to `open` or to the name of the errno. */
function openAs(uid: number, device: string, address = '::'): Promise<string> {
  const child = spawn('/usr/bin/python3', ['-c', guestProgram, device, address], {
    uid,
    gid: uid,
    cwd: '/',
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  children.push(child);
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (status) => reject(new Error(`the guest ended with ${status}`)));
    child.stdout?.once('data', (data: Buffer) => resolve(data.toString().trim()));
  });
}

/** Ends the guests and waits, so that their devices are free. */
async function endGuests(): Promise<void> {
  const ended = children.splice(0).map((child) => {
    if (child.exitCode !== null || child.signalCode !== null) return undefined;
    child.kill('SIGKILL');
    return new Promise((resolve) => child.once('exit', resolve));
  });
  await Promise.all(ended);
}

requires(
  'root',
  'netns',
  'tun',
)('tap and tun devices', () => {
  afterEach(async () => {
    await endGuests();
    const { links } = await network.dump({ addresses: false, routes: false });
    const ours = links.filter((link) => link.kind === 'tun').map((link) => link.name);
    await network.apply(ours.map((dev) => ({ op: 'linkDel', dev })));
  });

  it('are persistent, owned and without packet information, as upstream makes them', async () => {
    await create(tap('slaptap0'), { name: 'slaptun0', mode: 'tun', ownerUid: OWNER });
    expect(sysfs('slaptap0', 'tun_flags')).toBe('0x1802');
    expect(sysfs('slaptun0', 'tun_flags')).toBe('0x1801');
    expect(sysfs('slaptap0', 'owner')).toBe(String(OWNER));
    const { links } = await network.dump({ addresses: false, routes: false });
    expect(links.find((link) => link.name === 'slaptap0')).toMatchObject({
      kind: 'tun',
      tunMode: 'tap',
      tunOwner: OWNER,
      isTunPersistent: true,
    });
    expect(links.find((link) => link.name === 'slaptun0')?.tunMode).toBe('tun');
  });

  it('belong to root when no owner is given, since a device without owner is open to all', async () => {
    await create(tap('slaptap0', -1));
    expect(sysfs('slaptap0', 'owner')).toBe('0');
    expect(await openAs(STRANGER, 'slaptap0')).toBe('EPERM');
  });

  it('open for their owner and for nobody else', async () => {
    await create(tap('slaptap0'));
    expect(await openAs(STRANGER, 'slaptap0')).toBe('EPERM');
    expect(await openAs(OWNER, 'slaptap0')).toBe('open');
  });

  it('carry a ping between the host and a process of the owner', async () => {
    await create(tap('slaptap0'));
    const guest = '2001:db8:aaaa:8001::1';
    const own = '2001:db8:aaaa:8001:ffff:ffff:ffff:ffff';
    const results = await network.apply([
      { op: 'linkSet', dev: 'slaptap0', isUp: true, group: LINK_GROUP_SLAPOS },
      {
        op: 'addrAdd',
        dev: 'slaptap0',
        address: own,
        prefixLength: 64,
        isNodad: true,
        isNoPrefixRoute: true,
      },
      { op: 'routeAdd', dev: 'slaptap0', family: 6, destination: guest, prefixLength: 128 },
    ]);
    expect(results.flatMap((result) => result.error ?? [])).toEqual([]);
    expect(await openAs(OWNER, 'slaptap0', guest)).toBe('open');
    const ping = spawnSync('/usr/bin/python3', [join(support, 'ping6.py'), guest], {
      encoding: 'utf8',
    });
    expect(ping.stdout.trim()).toBe(`answer from ${guest}`);
  });

  it('stay tentative without carrier and finish when somebody opens them', async () => {
    await create(tap('slaptap0'));
    const address = '2001:db8:aaaa:8001:ffff:ffff:ffff:ffff';
    await network.apply([
      { op: 'linkSet', dev: 'slaptap0', isUp: true },
      { op: 'addrAdd', dev: 'slaptap0', address, prefixLength: 64 },
    ]);
    const waiting = [{ dev: 'slaptap0', address }];
    expect(await network.awaitDad(waiting, 100)).toEqual([{ ...waiting[0], state: 'tentative' }]);
    const done = network.awaitDad(waiting, 10_000);
    expect(await openAs(OWNER, 'slaptap0')).toBe('open');
    expect(await done).toEqual([]);
  });

  it('that exist already take the owner asked for; in use they are refused', async () => {
    await create(tap('slaptap0'));
    await create(tap('slaptap0', STRANGER));
    expect(sysfs('slaptap0', 'owner')).toBe(String(STRANGER));
    expect(await openAs(STRANGER, 'slaptap0')).toBe('open');
    const [busy] = await taps.create([tap('slaptap0')]);
    expect(busy?.error).toMatchObject({
      code: 'SLAPOS_ERR_TUNTAP',
      message: 'Cannot create tap slaptap0: EBUSY.',
    });
  });

  it('are told one by one when a name is taken or wrong, and the others are made', async () => {
    execFileSync('ip', ['link', 'add', 'slapbr0', 'type', 'bridge']);
    const results = await taps.create([
      tap('slapbr0'),
      tap('sixteen-chars-xx'),
      tap('slap%d'),
      { ...tap('slaptap0') },
      { name: 'slaptap0', mode: 'tun', ownerUid: OWNER },
    ]);
    execFileSync('ip', ['link', 'del', 'slapbr0']);
    expect(results.map((result) => result.error?.message)).toEqual([
      'Cannot create tap slapbr0: EINVAL.',
      'Cannot create tap sixteen-chars-xx: EINVAL.',
      'Cannot create tap slap%d: EINVAL.',
      undefined,
      'Cannot create tun slaptap0: EINVAL.',
    ]);
  });

  it('vanish when deleted, and only they', async () => {
    await create(tap('slaptap0'), tap('slaptap1'));
    const results = await taps.delete([
      { name: 'slaptap0', mode: 'tap' },
      { name: 'slaptap9', mode: 'tap' },
    ]);
    expect(results.map((result) => result.error?.errno)).toEqual([undefined, 19]);
    const { links } = await network.dump({ addresses: false, routes: false });
    const names = links.filter((link) => link.kind === 'tun').map((link) => link.name);
    expect(names).toEqual(['slaptap1']);
  });

  it('leave no descriptor behind', async () => {
    const devices = Array.from({ length: 50 }, (_, i) => tap(`slaptap${i}`));
    const before = readdirSync('/proc/self/fd').length;
    await create(...devices);
    await network.dump();
    expect(readdirSync('/proc/self/fd').length).toBe(before);
  });
});
