/** The addresses of the interface that everything else is derived from (spec/format.md 10). Pure. */
import { PlanError } from '../errors/slapos-error.ts';
import type { Computer } from '../model/computer.ts';
import {
  isSameIpv6Network,
  parseIpv6,
  renderIpv6,
  renderIpv6Netmask,
} from '../model/ip-address.ts';
import { chooseBase, type Ipv6Prefix, isGlobalScope } from './address.ts';
import { isLasting, type NetworkView } from './network-view.ts';

/** The current prefixes of the host, with the rules for choosing among them. */
export class BaseAddresses {
  readonly #candidates: readonly Ipv6Prefix[];

  /**
   * @param owned Addresses of partitions: no base as long as the host has others.
   * @throws PlanError SLAPOS_ERR_PLAN_ADDRESS when the interface has no global IPv6 address.
   */
  constructor(network: NetworkView, device: string, owned: ReadonlySet<string>) {
    if (network.link(device) === undefined) throw noInterface(device);
    const ipv6 = network.addressesOf(device).filter(({ family }) => family === 6);
    if (ipv6.length === 0) throw noAddress(device, 'has no IPv6 address');
    const global = ipv6.flatMap((entry) => {
      const address = parseIpv6(entry.address);
      return address !== null && isGlobalScope(address) ? [{ ...entry, value: address }] : [];
    });
    if (global.length === 0) {
      const found = ipv6.map(({ address }) => address).join(', ');
      throw noAddress(device, `has no global IPv6 address, only ${found}`);
    }
    const preferred = global.filter((entry) => isLasting(entry) && !owned.has(entry.address));
    this.#candidates = (preferred.length > 0 ? preferred : global).map((entry) => {
      return { address: entry.value, prefixLength: entry.prefixLength };
    });
  }

  /** Base for what was numbered from `stored` before, or for something new. */
  choose(stored?: bigint): Ipv6Prefix {
    return chooseBase(this.#candidates, stored) as Ipv6Prefix;
  }

  /** True when some current prefix contains the address. */
  contains(address: bigint): boolean {
    return this.#candidates.some((base) => {
      return isSameIpv6Network(base.address, address, base.prefixLength);
    });
  }

  /** The computer's own address: the stored one as long as it is there. */
  own(computer: Computer): { address: string; netmask: string } {
    const stored = computer.address === null ? null : parseIpv6(computer.address);
    const kept = this.#candidates.find(({ address }) => address === stored);
    const own = kept ?? this.choose(stored ?? undefined);
    return { address: renderIpv6(own.address), netmask: renderIpv6Netmask(own.prefixLength) };
  }
}

function noInterface(device: string): PlanError {
  return new PlanError('SLAPOS_ERR_PLAN_ADDRESS', `Interface ${device} does not exist.`, {
    hint: 'Create it, or correct interface_name or ipv6_interface.',
    context: { device },
  });
}

function noAddress(device: string, problem: string): PlanError {
  return new PlanError('SLAPOS_ERR_PLAN_ADDRESS', `Interface ${device} ${problem}.`, {
    hint:
      `Give it one (ip address add ADDRESS/LENGTH dev ${device}) or name another one with ` +
      'interface_name or ipv6_interface.',
    context: { device },
  });
}
