/** The addresses of taps and tuns (spec/format.md 14, Tap and Tun). Pure. */
import { PlanError } from '../errors/slapos-error.ts';
import type { Partition, PartitionDevice } from '../model/computer.ts';
import {
  IPV6_BITS,
  ipv4Network,
  isSameIpv6Network,
  parseIpv4,
  parseIpv6,
  parseIpv6Netmask,
  renderIpv4,
  renderIpv4Netmask,
  renderIpv6,
  renderIpv6Netmask,
} from '../model/ip-address.ts';
import { firstAddress, type Ipv4Prefix, lastAddress, tapIpv4Pool } from './address.ts';
import { giveSubRange, isCurrent } from './allocate-ranges.ts';
import type { AllocationContext } from './allocation-context.ts';
import { type TunIpv4, tunSubnets } from './tun-subnets.ts';

const NO_IPV4 = { ipv4Address: '', ipv4Netmask: '', ipv4Gateway: '', ipv4Network: '' };
const NO_IPV6 = { ipv6Address: '', ipv6Netmask: '', ipv6Gateway: '', ipv6Network: '' };

export function allocateDevices(
  partitions: readonly Partition[],
  tapMode: 'none' | 'routed' | 'bridged',
  context: AllocationContext,
): Partition[] {
  const tapIpv4 = tapMode === 'none' ? () => NO_IPV4 : tapIpv4Allocator(context);
  const tunIpv4 = tunSubnets(partitions);
  return partitions.map((partition, index) => ({
    ...partition,
    tap:
      tapMode === 'none'
        ? withoutOutdated(partition.tap, partition.reference, context)
        : {
            ...partition.tap,
            ...tapIpv4(partition, index),
            ...(tapMode === 'routed' && context.options.isTapIpv6
              ? tapIpv6(partition, index, context)
              : NO_IPV6),
          },
    tun: partition.tun && tunAddresses(partition, partition.tun, index, tunIpv4[index], context),
  }));
}

/** What is recorded of a device that is not numbered now, unless its prefix is gone. */
function withoutOutdated(
  device: PartitionDevice,
  reference: string,
  context: AllocationContext,
): PartitionDevice {
  if (device.ipv6Address === '' || isCurrent(device.ipv6Address, context)) return device;
  context.outdated.add(reference);
  return { ...device, ...NO_IPV6 };
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
      {
        hint: 'Give tap_gateway_interface a larger IPv4 network.',
        context: { device: name },
      },
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
    context: { device: name },
  });
}

function tapIpv6(partition: Partition, index: number, context: AllocationContext) {
  const { tap, reference } = partition;
  const isKept = keepsTapIpv6(tap, context);
  if (isKept && tap.ipv6Gateway !== '' && tap.ipv6Network !== '') return {};
  if (!isKept && tap.ipv6Address !== '') {
    if (isCurrent(tap.ipv6Address, context)) {
      context.warnings.push(`${reference}: tap address ${tap.ipv6Address} is replaced.`);
    } else context.outdated.add(reference);
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
  ipv4: TunIpv4 | undefined,
  context: AllocationContext,
): PartitionDevice {
  if (tun.ipv4Address !== '' && tun.ipv4Network !== ipv4?.ipv4Network) {
    context.warnings.push(
      `${partition.reference}: tun network ${tun.ipv4Network} becomes ${ipv4?.ipv4Network}.`,
    );
  }
  const known = { ...withoutOutdated(tun, partition.reference, context), ...ipv4 };
  if (known.ipv6Address !== '' || !context.options.isTunIpv6) return known;
  const range = giveSubRange(context, 'tun', index, partition.reference);
  const address = renderIpv6(firstAddress(range.address, range.prefixLength));
  return {
    ...known,
    ipv6Address: address,
    ipv6Netmask: renderIpv6Netmask(range.prefixLength),
    ipv6Network: `${address}/${range.prefixLength}`,
  };
}
