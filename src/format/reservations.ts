/** Which addresses and networks are spoken for while addresses are handed out. */
import { IPV6_BITS } from '../model/ip-address.ts';

/**
 * Reserved is what nobody new may get; given is the part of it that this allocation handed out or
 * kept. Invariant: `#points` has, for each length that was asked for, the networks of that length
 * which hold a reserved address or a smaller reserved network.
 */
export class Reservations {
  readonly #ipv4 = new Set<number>();
  readonly #ipv6 = new Set<bigint>();
  /** Reserved networks by prefix length, without their host bits. */
  readonly #networks = new Map<number, Set<bigint>>();
  readonly #points = new Map<number, Set<bigint>>();
  readonly #given = new Set<bigint | number | string>();

  reserveIpv4(address: number): void {
    this.#ipv4.add(address);
  }

  giveIpv4(address: number): void {
    this.reserveIpv4(address);
    this.#given.add(address);
  }

  isIpv4Free(address: number): boolean {
    return !this.#ipv4.has(address);
  }

  isIpv4Given(address: number): boolean {
    return this.#given.has(address);
  }

  reserveIpv6(address: bigint): void {
    this.#ipv6.add(address);
    for (const [length, points] of this.#points) points.add(prefixOf(address, length));
  }

  giveIpv6(address: bigint): void {
    this.reserveIpv6(address);
    this.#given.add(address);
  }

  isIpv6Free(address: bigint): boolean {
    return !this.#ipv6.has(address);
  }

  isIpv6Given(address: bigint): boolean {
    return this.#given.has(address);
  }

  reserveNetwork(address: bigint, prefixLength: number): void {
    const networks = this.#networks.get(prefixLength) ?? new Set<bigint>();
    this.#networks.set(prefixLength, networks.add(prefixOf(address, prefixLength)));
    for (const [length, points] of this.#points) {
      if (length < prefixLength) points.add(prefixOf(address, length));
    }
  }

  giveNetwork(address: bigint, prefixLength: number): void {
    this.reserveNetwork(address, prefixLength);
    this.#given.add(`${prefixOf(address, prefixLength)}/${prefixLength}`);
  }

  isNetworkGiven(address: bigint, prefixLength: number): boolean {
    return this.#given.has(`${prefixOf(address, prefixLength)}/${prefixLength}`);
  }

  /** True when nothing reserved lies in the network or around it. */
  isNetworkFree(address: bigint, prefixLength: number): boolean {
    for (const [length, networks] of this.#networks) {
      if (length <= prefixLength && networks.has(prefixOf(address, length))) return false;
    }
    return !this.#pointsOf(prefixLength).has(prefixOf(address, prefixLength));
  }

  #pointsOf(prefixLength: number): Set<bigint> {
    const known = this.#points.get(prefixLength);
    if (known !== undefined) return known;
    const points = new Set<bigint>();
    for (const address of this.#ipv6) points.add(prefixOf(address, prefixLength));
    for (const [length, networks] of this.#networks) {
      if (length <= prefixLength) continue;
      for (const network of networks) points.add(network >> BigInt(length - prefixLength));
    }
    this.#points.set(prefixLength, points);
    return points;
  }
}

function prefixOf(address: bigint, prefixLength: number): bigint {
  return address >> BigInt(IPV6_BITS - prefixLength);
}
