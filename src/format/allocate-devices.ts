/** The addresses of taps and tuns (spec/format.md 14, Tap and Tun). Pure. */
import { PlanError } from '../errors/slapos-error.ts';
import type { Partition, PartitionDevice } from '../model/computer.ts';
import {
  IPV4_BITS,
  IPV6_BITS,
  ipv4Network,
  isSameIpv6Network,
  parseIpv4,
  parseIpv4Netmask,
  parseIpv6,
  parseIpv6Netmask,
  renderIpv4,
  renderIpv4Netmask,
  renderIpv6,
  renderIpv6Netmask,
} from '../model/ip-address.ts';
import {
  firstAddress,
  type Ipv4Prefix,
  lastAddress,
  tapIpv4Pool,
  tunIpv4,
  tunIpv4Capacity,
} from './address.ts';
import { giveSubRange, isCurrent } from './allocate-ranges.ts';
import type { AllocationContext } from './allocation-context.ts';

const NO_IPV4 = { ipv4Address: '', ipv4Netmask: '', ipv4Gateway: '', ipv4Network: '' };
const NO_IPV6 = { ipv6Address: '', ipv6Netmask: '', ipv6Gateway: '', ipv6Network: '' };

export function allocateDevices(
  partitions: readonly Partition[],
  tapMode: 'none' | 'routed' | 'bridged',
  context: AllocationContext,
): Partition[] {
  const tapIpv4 = tapMode === 'none' ? () => NO_IPV4 : tapIpv4Allocator(context);
  const tunSubnets = new TunSubnets(partitions);
  return partitions.map((partition, index) => ({
    ...partition,
    tap:
      tapMode === 'none'
        ? partition.tap
        : {
            ...partition.tap,
            ...tapIpv4(partition, index),
            ...(tapMode === 'routed' && context.options.isTapIpv6
              ? tapIpv6(partition, index, context)
              : NO_IPV6),
          },
    tun: partition.tun && tunAddresses(partition, partition.tun, index, tunSubnets, context),
  }));
}

/** With a gateway interface each tap gets an address of its network, without one none. */
function tapIpv4Allocator(context: AllocationContext) {
  const name = context.options.tapGatewayInterface;
  if (name === '') return () => NO_IPV4;
  const gateway = gatewayAddress(name, context);
  const amount = context.computer.partitions.length;
  const pool = tapIpv4Pool(gateway, amount);
  if (pool === undefined) {
    throw new PlanError(
      'SLAPOS_ERR_PLAN_ADDRESS',
      `The network of ${name}, ${renderIpv4(gateway.address)}/${gateway.prefixLength}, has fewer ` +
        `addresses than the ${amount} taps need.`,
      { hint: 'Give tap_gateway_interface a larger IPv4 network.' },
    );
  }
  return ({ tap }: Partition, index: number) => {
    if (tap.ipv4Address !== '') return {};
    return {
      ipv4Address: renderIpv4(pool[index] as number),
      ipv4Netmask: renderIpv4Netmask(gateway.prefixLength),
      ipv4Gateway: renderIpv4(gateway.address),
      ipv4Network: renderIpv4(ipv4Network(gateway.address, gateway.prefixLength)),
    };
  };
}

function gatewayAddress(name: string, context: AllocationContext): Ipv4Prefix {
  const found = context.network.addressesOf(name).find(({ family }) => family === 4);
  if (found !== undefined) {
    return {
      address: parseIpv4(found.address) as number,
      prefixLength: found.prefixLength,
    };
  }
  const problem = context.network.link(name) === undefined ? 'does not exist' : 'has no IPv4';
  throw new PlanError('SLAPOS_ERR_PLAN_ADDRESS', `tap_gateway_interface ${name} ${problem}.`, {
    hint: 'Name an interface with an IPv4 address, or leave tap_gateway_interface empty.',
  });
}

function tapIpv6(partition: Partition, index: number, context: AllocationContext) {
  const { tap, reference } = partition;
  const isKept = keepsTapIpv6(tap, context);
  if (isKept && tap.ipv6Gateway !== '' && tap.ipv6Network !== '') return {};
  if (!isKept && tap.ipv6Address !== '') {
    context.warnings.push(`${reference}: tap address ${tap.ipv6Address} is replaced.`);
  }
  const range = isKept ? storedRange(tap, context) : giveSubRange(context, 'tap', index, reference);
  const address = isKept ? (parseIpv6(tap.ipv6Address) as bigint) : lastAddress(range);
  const gateway = renderIpv6(firstAddress(address, range.prefixLength));
  return {
    ipv6Address: renderIpv6(address),
    ipv6Netmask: isKept ? tap.ipv6Netmask : renderIpv6Netmask(range.prefixLength),
    ipv6Gateway: gateway,
    ipv6Network: `${gateway}/${range.prefixLength}`,
  };
}

/** Valid in a current prefix, whatever length it got when it was given. */
function keepsTapIpv6(tap: PartitionDevice, context: AllocationContext): boolean {
  const address = parseIpv6(tap.ipv6Address);
  if (address === null || context.duplicates.has(tap.ipv6Address)) return false;
  if (context.network.elsewhere(tap.name, tap.ipv6Address) !== undefined) return false;
  const base = context.bases.choose(address);
  return isSameIpv6Network(base.address, address, base.prefixLength);
}

function storedRange(tap: PartitionDevice, context: AllocationContext) {
  const address = parseIpv6(tap.ipv6Address) as bigint;
  const base = context.bases.choose(address);
  const length = parseIpv6Netmask(tap.ipv6Netmask) ?? IPV6_BITS;
  const regular = base.prefixLength + context.options.ipv6PrefixShift;
  return { address, prefixLength: length === IPV6_BITS ? regular : length };
}

function tunAddresses(
  partition: Partition,
  tun: PartitionDevice,
  index: number,
  subnets: TunSubnets,
  context: AllocationContext,
): PartitionDevice {
  const ipv4 = tun.ipv4Address === '' ? subnets.give(index, partition.reference) : {};
  const isKept = tun.ipv6Address !== '' && isCurrent(tun.ipv6Address, context);
  if (isKept || !context.options.isTunIpv6) return { ...tun, ...ipv4 };
  const range = giveSubRange(context, 'tun', index, partition.reference);
  const address = renderIpv6(firstAddress(range.address, range.prefixLength));
  return {
    ...tun,
    ...ipv4,
    ipv6Address: address,
    ipv6Netmask: renderIpv6Netmask(range.prefixLength),
    ipv6Network: `${address}/${range.prefixLength}`,
  };
}

/** The pieces of 172.16.0.0/12: those recorded stay, new ones lie in none of them. */
class TunSubnets {
  readonly #amount: number;
  readonly #taken: Array<{ readonly start: number; readonly end: number }> = [];

  constructor(partitions: readonly Partition[]) {
    this.#amount = partitions.length;
    for (const { tun } of partitions) {
      const address = parseIpv4(tun?.ipv4Address ?? '');
      const prefixLength = parseIpv4Netmask(tun?.ipv4Netmask ?? '');
      if (address !== null && prefixLength !== null) this.#take({ address, prefixLength });
    }
  }

  give(index: number, reference: string) {
    const subnet = this.#free(index);
    if (subnet === undefined) {
      throw new PlanError(
        'SLAPOS_ERR_PLAN_ADDRESS',
        `172.16.0.0/12 has no free subnet for the tun of ${reference}: the ones given before ` +
          'are too large.',
        { hint: 'Remove the tun entries from the state file, so that all are cut anew.' },
      );
    }
    this.#take(subnet);
    const [address, netmask] = [renderIpv4(subnet.address), renderIpv4Netmask(subnet.prefixLength)];
    return { ipv4Address: address, ipv4Netmask: netmask, ipv4Network: `${address}/${netmask}` };
  }

  #free(index: number): Ipv4Prefix | undefined {
    const regular = tunIpv4(index, this.#amount);
    if (this.#isFree(regular)) return regular;
    for (let other = tunIpv4Capacity(this.#amount) - 1; other >= 0; other -= 1) {
      const subnet = tunIpv4(other, this.#amount);
      if (this.#isFree(subnet)) return subnet;
    }
    return undefined;
  }

  #isFree(subnet: Ipv4Prefix): boolean {
    const { start, end } = bounds(subnet);
    return this.#taken.every((taken) => taken.end <= start || end <= taken.start);
  }

  #take(subnet: Ipv4Prefix): void {
    this.#taken.push(bounds(subnet));
  }
}

function bounds({ address, prefixLength }: Ipv4Prefix): { start: number; end: number } {
  const start = ipv4Network(address, prefixLength);
  return { start, end: start + 2 ** (IPV4_BITS - prefixLength) };
}
