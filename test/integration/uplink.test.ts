/** What a port carries comes over to a bridge and back as it was, on a real kernel. */
import { execFileSync } from 'node:child_process';
import fc from 'fast-check';
import { afterAll, expect, it, vi } from 'vitest';
import { NetworkView } from '../../src/format/network-view.ts';
import { type PortContent, portContent, transferOperations } from '../../src/format/uplink.ts';
import { createHost } from '../../src/host/create-host.ts';
import type { NetlinkOperation } from '../../src/host/network/native-network.ts';
import { requires } from '../support/requires.ts';

const { network } = createHost();
const PORT = 'uplink0';
const BRIDGE = 'uplinkbr0';

function ip(...args: string[]): string {
  return execFileSync('ip', args, { encoding: 'utf8' });
}

/** A line of iproute2 without its times, and those in seconds. */
interface Line {
  readonly text: string;
  readonly seconds: readonly number[];
}

/** What iproute2 shows of a device, both devices under one name. */
function shown(dev: string): Line[] {
  const lines = [
    ...ip('-o', 'address', 'show', 'dev', dev, 'scope', 'global').split('\n'),
    ...['-4', '-6'].flatMap((family) => {
      return ip(family, 'route', 'show', 'table', 'all', 'dev', dev).split('\n');
    }),
    ...ip('route', 'show', 'table', 'all', 'dev', 'lo').split('\n'),
  ];
  return lines
    .filter((line) => line !== '' && !/table local|fe80::|ff00::/.test(line))
    .map((line) => lineOf(line.replaceAll(dev, 'DEV').replace(/^\d+: /, '')))
    .sort((one, other) => (one.text < other.text ? -1 : 1));
}

function lineOf(line: string): Line {
  const seconds = [...line.matchAll(/(\d+)sec/g)].map(([, digits]) => Number(digits));
  const steady = line.replace(/ (linkdown|nodad|tentative)/g, '').replace(/ ?\d+sec/g, ' SEC');
  return { text: steady.replace(/ +/g, ' ').trim(), seconds };
}

/** On a busy machine some time passes between two looks. */
const PASSED_SECONDS = 20;

function expectSame(found: readonly Line[], before: readonly Line[]): void {
  expect(found.map(({ text }) => text)).toEqual(before.map(({ text }) => text));
  for (const [at, { text, seconds }] of before.entries()) {
    for (const [place, wanted] of seconds.entries()) {
      const left = found[at]?.seconds[place] ?? 0;
      expect(Math.abs(wanted - left), `${text}: ${wanted}, ${left}`).toBeLessThan(PASSED_SECONDS);
    }
  }
}

const byte = fc.integer({ min: 0, max: 255 });
const lifetime = fc.option(fc.integer({ min: 600, max: 80_000 }), { nil: undefined });
const settled = <Fields extends object>(fields: Fields) =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));

const ipv4Address = fc
  .record({
    net: fc.integer({ min: 1, max: 4 }),
    host: fc.integer({ min: 2, max: 250 }),
    prefixLength: fc.constantFrom(24, 25, 30, 32),
    isLabelled: fc.boolean(),
    isBroadcasting: fc.boolean(),
    isNoPrefixRoute: fc.boolean(),
    metric: fc.constantFrom(undefined, 50, 100),
    validSeconds: lifetime,
  })
  .map(({ net, host, isLabelled, isBroadcasting, validSeconds, ...rest }) => ({
    ...settled(rest),
    ...settled({ validSeconds, preferredSeconds: validSeconds }),
    op: 'addrAdd' as const,
    dev: PORT,
    address: `10.77.${net}.${host}`,
    prefixLength: rest.prefixLength,
    ...(isLabelled ? { label: `${PORT}:${host % 10}` } : {}),
    ...(isBroadcasting ? { broadcast: `10.77.${net}.255` } : {}),
  }));

const ipv6Address = fc
  .record({
    net: byte,
    host: byte,
    prefixLength: fc.constantFrom(64, 64, 64, 60, 128),
    metric: fc.constantFrom(undefined, undefined, 100),
    peer: fc.constantFrom(undefined, undefined, undefined, '2001:db8:77:9::9'),
    validSeconds: lifetime,
    isNoPrefixRoute: fc.boolean(),
  })
  .map(({ net, host, validSeconds, metric, peer, ...rest }) => ({
    op: 'addrAdd' as const,
    dev: PORT,
    address: `2001:db8:77:${(net % 3) + 1}::${(host + 2).toString(16)}`,
    isNodad: true,
    ...rest,
    ...settled({ validSeconds, preferredSeconds: validSeconds, metric, peer }),
  }));

/** RTA_METRICS with RTAX_MTU, as the kernel of a little-endian machine has it. */
const mtuAttributes = (mtu: number): string => {
  const bytes = Buffer.alloc(12);
  for (const [at, value] of [12, 8, 8, 2].entries()) bytes.writeUInt16LE(value, at * 2);
  bytes.writeUInt32LE(mtu, 8);
  return bytes.toString('hex');
};

const route = fc
  .record({
    family: fc.constantFrom(4 as const, 6 as const),
    net: byte,
    isDefault: fc.boolean(),
    hasGateway: fc.boolean(),
    hasSource: fc.boolean(),
    isOverLoopback: fc.boolean(),
    metric: fc.integer({ min: 1, max: 3 }).map((step) => step * 100),
    table: fc.constantFrom(254, 77, 4000),
    protocol: fc.constantFrom(3, 4, 16, 83),
    mtu: fc.constantFrom(undefined, 1280, 1400),
    tos: fc.constantFrom(undefined, 8),
  })
  .map(({ family, net, isDefault, hasGateway, hasSource, isOverLoopback, mtu, ...rest }) => {
    const isIpv4 = family === 4;
    const isBound = hasSource || isOverLoopback;
    const gateway = isIpv4 ? '10.77.0.1' : '2001:db8:77::1';
    const plain = {
      family,
      destination: isIpv4 ? `10.${100 + (net % 50)}.0.0` : `2001:db8:${(net + 256).toString(16)}::`,
      prefixLength: isIpv4 ? 16 : 48,
    };
    return {
      op: 'routeAdd' as const,
      dev: isOverLoopback ? 'lo' : PORT,
      ...plain,
      ...(isDefault && !isOverLoopback ? { destination: '', prefixLength: 0 } : {}),
      ...(hasGateway && !isOverLoopback ? { gateway, flags: 4 } : {}),
      ...(isBound ? { preferredSource: isIpv4 ? '10.77.0.2' : '2001:db8:77::2' } : {}),
      ...(mtu === undefined ? {} : { attributes: mtuAttributes(mtu) }),
      metric: rest.metric,
      table: rest.table,
      protocol: rest.protocol,
      ...(rest.tos === undefined || !isIpv4 ? {} : { tos: rest.tos }),
    };
  });

const base: readonly NetlinkOperation[] = [
  { op: 'addrAdd', dev: PORT, address: '10.77.0.2', prefixLength: 24 },
  { op: 'addrAdd', dev: PORT, address: '2001:db8:77::2', prefixLength: 64, isNodad: true },
];

async function content(from: string, to: string): Promise<PortContent> {
  const view = new NetworkView(await network.dump());
  const link = view.link(from);
  if (link === undefined) throw new Error(`no ${from}`);
  return portContent(link, to, view);
}

async function transfer(source: string, target: string): Promise<void> {
  const all = await content(source, target);
  const operations = transferOperations({ source, target, removed: all, added: all });
  // The kernel has made its own routes again already.
  const refused = (await network.apply(operations)).filter(({ operation, error }) => {
    return error !== undefined && !(operation.op === 'routeAppend' && operation.protocol === 2);
  });
  expect(refused.map(({ error }) => error?.message)).toEqual([]);
}

function clean(): void {
  for (const dev of [PORT, BRIDGE])
    execFileSync('sh', ['-c', `ip link del ${dev} 2> /dev/null || true`]);
  ip('route', 'flush', 'table', 'all', 'dev', 'lo', 'root', '10.0.0.0/8');
  ip('-6', 'route', 'flush', 'table', 'all', 'dev', 'lo', 'root', '2001:db8::/32');
}

function make(): void {
  ip('link', 'add', PORT, 'type', 'veth', 'peer', 'name', `${PORT}p`);
  ip('link', 'add', BRIDGE, 'type', 'bridge');
  for (const dev of [PORT, `${PORT}p`, BRIDGE]) ip('link', 'set', dev, 'up');
}

/** The kernel makes the route to the peer of an IPv6 address a little after the address (Linux 6.18). */
function hasPeerRoutes(lines: readonly Line[]): boolean {
  return lines.every(({ text }) => {
    const found = / inet6 \S+ peer ([^/]+)\/\d+(?: metric (\d+))?/.exec(text);
    const wanted = `${found?.[1]} proto kernel metric ${found?.[2] ?? 256}`;
    return found === null || lines.some((line) => line.text.startsWith(wanted));
  });
}

async function goAndComeBack(
  addresses: readonly NetlinkOperation[],
  routes: readonly NetlinkOperation[],
): Promise<void> {
  clean();
  make();
  // What the kernel takes of it is what there is: clashes are refused here.
  await network.apply([...base, ...addresses, ...routes]);
  const before = await vi.waitFor(() => {
    const lines = shown(PORT);
    expect(hasPeerRoutes(lines)).toBe(true);
    return lines;
  });
  await transfer(PORT, BRIDGE);
  expectSame(shown(BRIDGE), before);
  expect(await content(PORT, BRIDGE)).toEqual({ addresses: [], routes: [] });
  await transfer(BRIDGE, PORT);
  expectSame(shown(PORT), before);
}

interface Shared {
  readonly host: string;
  readonly validSeconds?: number;
  readonly preferredSeconds?: number;
  readonly isNoPrefixRoute?: boolean;
  readonly metric?: number;
}

function inOnePrefix(...shared: readonly Shared[]): NetlinkOperation[] {
  return shared.map(({ host, ...rest }) => ({
    op: 'addrAdd',
    dev: PORT,
    address: `2001:db8:77:2::${host}`,
    prefixLength: 64,
    isNodad: true,
    ...rest,
  }));
}

const expiring = (host: string, seconds: number): Shared => {
  return { host, validSeconds: seconds, preferredSeconds: seconds };
};

const isFull = process.env['CAMPAIGN'] === 'full';
const RUNS = isFull ? 1500 : 40;
const SEED = Number(process.env['UPLINK_SEED'] ?? 20261121);

requires('root', 'netns')('what a port carries', () => {
  afterAll(clean);

  // Whose route the kernel keeps, changes or leaves depends on which of them goes last.
  it.each([
    ['an unmanaged one', inOnePrefix({ host: '2' }, { host: '3', isNoPrefixRoute: true })],
    ['one that expires', inOnePrefix({ host: '2' }, expiring('3', 3000))],
    ['one that expires, first', inOnePrefix(expiring('3', 3000), { host: '2' })],
    ['two that expire', inOnePrefix(expiring('3', 3000), expiring('2', 600))],
    ['one of another metric', inOnePrefix({ host: '2' }, { host: '3', metric: 100 })],
  ])('goes over whole when an IPv6 address shares its prefix with %s', async (_, addresses) => {
    await goAndComeBack(addresses, []);
  });

  it('goes to a bridge and comes back, as iproute2 sees it', async () => {
    const property = fc.asyncProperty(
      fc.array(fc.oneof(ipv4Address, ipv6Address), { maxLength: 8 }),
      fc.array(route, { minLength: 1, maxLength: 8 }),
      (addresses, routes) => goAndComeBack(addresses as NetlinkOperation[], routes),
    );
    await fc.assert(property, { numRuns: RUNS, seed: SEED });
  }, 600_000);
});
