/** What a port carries comes over to a bridge and back as it was, on a real kernel. */
import { execFileSync } from 'node:child_process';
import fc from 'fast-check';
import { afterAll, expect, it } from 'vitest';
import { NetworkView } from '../../src/format/network-view.ts';
import { type PortContent, portContent, transferOperations } from '../../src/format/uplink.ts';
import { createHost } from '../../src/host/create-host.ts';
import type { NetlinkOperation } from '../../src/host/native-network.ts';
import { requires } from '../support/requires.ts';

const { network } = createHost();
const PORT = 'uplink0';
const BRIDGE = 'uplinkbr0';

function ip(...args: string[]): string {
  return execFileSync('ip', args, { encoding: 'utf8' });
}

/** What iproute2 shows of a device, both devices under one name. */
function shown(dev: string): string[] {
  const lines = [
    ...ip('-o', 'address', 'show', 'dev', dev, 'scope', 'global').split('\n'),
    ...['-4', '-6'].flatMap((family) => {
      return ip(family, 'route', 'show', 'table', 'all', 'dev', dev).split('\n');
    }),
    ...ip('route', 'show', 'table', 'all', 'dev', 'lo').split('\n'),
  ];
  return lines
    .filter((line) => line !== '' && !/table local|fe80::|ff00::/.test(line))
    .map((line) => line.replaceAll(dev, 'DEV').replace(/^\d+: /, ''))
    .map((line) => line.replace(/ (linkdown|nodad|tentative)/g, '').replace(/ ?\d+sec/g, ' SEC'))
    .map((line) => line.replace(/ +/g, ' ').trim())
    .sort();
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
  .record({ net: byte, host: byte, validSeconds: lifetime, isNoPrefixRoute: fc.boolean() })
  .map(({ net, host, validSeconds, isNoPrefixRoute }) => ({
    op: 'addrAdd' as const,
    dev: PORT,
    address: `2001:db8:77:${(net % 3) + 1}::${(host + 2).toString(16)}`,
    prefixLength: 64,
    isNodad: true,
    isNoPrefixRoute,
    ...settled({ validSeconds, preferredSeconds: validSeconds }),
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

requires('root', 'netns')('what a port carries', () => {
  afterAll(clean);

  it('goes to a bridge and comes back, as iproute2 sees it', async () => {
    const many = (minLength: number) => ({ minLength, maxLength: 8 });
    const property = fc.asyncProperty(
      fc.array(fc.oneof(ipv4Address, ipv6Address), many(0)),
      fc.array(route, many(1)),
      async (addresses, routes) => {
        clean();
        make();
        // What the kernel takes of it is what there is: clashes are refused here.
        await network.apply([...base, ...(addresses as NetlinkOperation[]), ...routes]);
        const before = shown(PORT);
        await transfer(PORT, BRIDGE);
        expect(shown(BRIDGE)).toEqual(before);
        expect((await content(PORT, BRIDGE)).addresses).toEqual([]);
        expect((await content(PORT, BRIDGE)).routes).toEqual([]);
        await transfer(BRIDGE, PORT);
        expect(shown(PORT)).toEqual(before);
      },
    );
    await fc.assert(property, { numRuns: 40, seed: 20261121 });
  });
});
