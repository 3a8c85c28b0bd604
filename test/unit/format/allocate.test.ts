import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { prepare } from '../../../src/format/format.ts';
import type { Computer, Partition } from '../../../src/model/computer.ts';
import {
  IPV6_BITS,
  ipv6Network,
  parseIpv6Cidr,
  renderIpv6,
} from '../../../src/model/ip-address.ts';
import { FakeHost } from '../../support/fake-host.ts';
import { formatInput, formatOptions, runFormat } from '../../support/format-run.ts';

interface Span {
  readonly first: bigint;
  readonly last: bigint;
  readonly what: string;
}

function span(text: string, what: string): Span {
  const prefix = parseIpv6Cidr(text) as { address: bigint; prefixLength: number };
  const first = ipv6Network(prefix.address, prefix.prefixLength);
  const last = first + (1n << BigInt(IPV6_BITS - prefix.prefixLength)) - 1n;
  return { first, last, what };
}

/** Every IPv6 address and network that a computer gives away, and its own address. */
function spans(computer: Computer): Span[] {
  return [
    span(`${computer.address}/128`, 'computer'),
    ...computer.partitions.flatMap(({ reference, addresses, ipv6Range, tap, tun }) => [
      ...addresses
        .filter(({ address }) => address.includes(':'))
        .map(({ address }) => span(`${address}/128`, `address of ${reference}`)),
      span(ipv6Range?.network ?? '', `range of ${reference}`),
      span(tap.ipv6Network, `tap of ${reference}`),
      span(tun?.ipv6Network ?? '', `tun of ${reference}`),
    ]),
  ];
}

function overlaps(all: readonly Span[]): string[] {
  const sorted = all.toSorted((one, other) => (one.first < other.first ? -1 : 1));
  return sorted.flatMap((one, position) => {
    const before = sorted[position - 1];
    return before !== undefined && before.last >= one.first ? [`${before.what}, ${one.what}`] : [];
  });
}

const prefixLength = fc.integer({ min: 16, max: 96 });
/** Where foreign addresses are: offsets in the first partitions' addresses and in sub-ranges. */
const foreign = fc.array(
  fc.tuple(fc.constantFrom('low', 'high'), fc.integer({ min: 0, max: 40 }), fc.boolean()),
  { maxLength: 12 },
);

function foreignAddress(
  base: bigint,
  length: number,
  [kind, offset]: readonly [string, number, boolean],
) {
  const network = ipv6Network(base, length);
  if (kind === 'low') return network + BigInt(offset);
  const quarter = BigInt(1 + (offset % 3)) << 14n;
  return network + ((quarter + BigInt(offset)) << BigInt(IPV6_BITS - length - 16)) + 5n;
}

describe('allocation', () => {
  it('never gives an address twice, whatever the host has', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.bigInt(0n, (1n << 100n) - 1n),
        prefixLength,
        fc.integer({ min: 1, max: 25 }),
        foreign,
        fc.integer({ min: 0, max: 5 }),
        async (low, length, amount, others, more) => {
          const base = (0x2001n << 112n) | low;
          const host = new FakeHost();
          host.addLink('br0');
          host.addLink('eth1');
          host.addAddress('br0', renderIpv6(base), length);
          for (const other of others) {
            const address = renderIpv6(foreignAddress(base, length, other));
            if (address !== renderIpv6(base)) host.addAddress('eth1', address, 128);
          }
          const taken = host.addressList.map(({ address }) => span(`${address}/128`, 'foreign'));
          const grow = (count: number) =>
            formatInput(
              host,
              formatOptions({
                partition_amount: String(count),
                create_tun: 'true',
                ipv4_local_network: '10.0.0.0/22',
              }),
            );
          const first = await runFormat(grow(amount));
          const second = await runFormat(grow(amount + more));
          const all = [...spans(second.computer), ...taken.slice(1)];
          expect(overlaps(all.filter(unique))).toEqual([]);
          const kept = second.computer.partitions.slice(0, amount);
          expect(kept.map(withoutTunSize)).toEqual(first.computer.partitions.map(withoutTunSize));
          const ipv4 = second.computer.partitions.map(({ addresses }) => addresses[0]?.address);
          expect(new Set(ipv4).size).toBe(amount + more);
          expect((await prepare(grow(amount + more))).steps).toEqual([]);
        },
      ),
      { numRuns: 60 },
    );
  });

  it('narrows the subnets of tuns when a node grew beyond them, keeping their addresses', async () => {
    const host = new FakeHost();
    host.addLink('br0');
    host.addAddress('br0', '2001:db8::1', 48);
    const tuns = async (amount: string) => {
      const options = formatOptions({ partition_amount: amount, create_tun: 'true' });
      const { computer } = await runFormat(formatInput(host, options));
      return computer.partitions.map(({ tun }) => tun?.ipv4Network);
    };
    const [four, eight] = [await tuns('4'), await tuns('8')];
    expect(four).toEqual(['16', '20', '24', '28'].map((byte) => `172.${byte}.0.1/255.252.0.0`));
    expect(eight.slice(0, 4)).toEqual(four.map((text) => text?.replace('252', '254')));
    expect(eight.slice(4)).toEqual(
      ['30', '26', '22', '18'].map((byte) => `172.${byte}.0.1/255.254.0.0`),
    );
    const onTun0 = host.addressList.filter(({ address }) => address === '172.16.0.1');
    expect(onTun0.map(({ prefixLength }) => prefixLength)).toEqual([15]);
  });

  it('leaves the ends of a pool alone', async () => {
    const host = new FakeHost();
    host.addLink('br0');
    host.addAddress('br0', '2001:db8::1', 48);
    const pool = (amount: string) =>
      formatOptions({ partition_amount: amount, ipv4_local_network: '10.1.2.0/29' });
    const { computer } = await runFormat(formatInput(host, pool('6')));
    const given = computer.partitions.map(({ addresses }) => addresses[0]?.address).sort();
    expect(given).toEqual([1, 2, 3, 4, 5, 6].map((end) => `10.1.2.${end}`));
    await expect(prepare(formatInput(host, pool('7')))).rejects.toMatchObject({
      code: 'SLAPOS_ERR_PLAN_ADDRESS',
    });
  });
});

/** The subnet of a tun may be narrowed; its address stays. */
function withoutTunSize(partition: Partition) {
  return { ...partition, tun: { ...partition.tun, ipv4Netmask: '', ipv4Network: '' } };
}

/** Foreign addresses were drawn with repetition. */
function unique(one: Span, position: number, all: readonly Span[]): boolean {
  return (
    all.findIndex(({ first, last, what }) => {
      return first === one.first && last === one.last && what === one.what;
    }) === position
  );
}
