/** The observed network, indexed for lookups by device and by address. Pure. */
import type { NetworkState } from '../host/host.ts';
import type { NativeAddress, NativeLink, NativeRoute } from '../host/network/native-network.ts';

/** IFF_* of netdevice(7). */
export const IFF_UP = 0x1;
export const IFF_LOOPBACK = 0x8;
const IFF_NOARP = 0x80;
/** IFA_F_* of rtnetlink(7). */
const IFA_F_TEMPORARY = 0x01;
const IFA_F_DADFAILED = 0x08;
const IFA_F_DEPRECATED = 0x20;
const IFA_F_TENTATIVE = 0x40;

export class NetworkView {
  readonly routes: readonly NativeRoute[];
  readonly #links = new Map<string, NativeLink>();
  readonly #names = new Map<number, string>();
  readonly #byDevice = new Map<string, NativeAddress[]>();
  readonly #byAddress = new Map<string, string[]>();
  readonly #byPlace = new Map<string, NativeAddress[]>();

  constructor(state: NetworkState) {
    this.routes = state.routes;
    for (const link of state.links) {
      this.#links.set(link.name, link);
      this.#names.set(link.ifindex, link.name);
    }
    for (const address of state.addresses) {
      const device = this.deviceName(address.ifindex);
      push(this.#byDevice, device, address);
      push(this.#byAddress, address.address, device);
      push(this.#byPlace, `${device} ${address.address}`, address);
    }
  }

  link(name: string): NativeLink | undefined {
    return this.#links.get(name);
  }

  links(): Iterable<NativeLink> {
    return this.#links.values();
  }

  /** '' for an index that no link has. */
  deviceName(ifindex: number): string {
    return this.#names.get(ifindex) ?? '';
  }

  addressesOf(device: string): readonly NativeAddress[] {
    return this.#byDevice.get(device) ?? [];
  }

  addresses(): Iterable<readonly [string, readonly NativeAddress[]]> {
    return this.#byDevice.entries();
  }

  /** The address as it stands on a device, with that prefix length if one is given. */
  find(device: string, address: string, prefixLength?: number): NativeAddress | undefined {
    return this.#byPlace.get(`${device} ${address}`)?.find((candidate) => {
      return prefixLength === undefined || candidate.prefixLength === prefixLength;
    });
  }

  /** Every entry of the address on a device: the kernel takes an IPv4 one once for each length. */
  findAll(device: string, address: string): readonly NativeAddress[] {
    return this.#byPlace.get(`${device} ${address}`) ?? [];
  }

  /** A device other than `device` and the excepted that carries it; undefined for none. */
  elsewhere(
    device: string,
    address: string,
    isExcepted: (other: string) => boolean = () => false,
  ): string | undefined {
    const devices = this.#byAddress.get(address);
    return devices?.find((other) => other !== device && !isExcepted(other));
  }

  /** True when the kernel runs duplicate address detection on it now (RFC 4862 5.4). */
  detectsDuplicates(device: string): boolean {
    const link = this.link(device);
    if (link === undefined || (link.flags & (IFF_LOOPBACK | IFF_NOARP)) !== 0) return false;
    return (link.flags & IFF_UP) !== 0 && link.hasCarrier;
  }
}

function push<Key, Value>(map: Map<Key, Value[]>, key: Key, value: Value): void {
  const list = map.get(key);
  if (list === undefined) map.set(key, [value]);
  else list.push(value);
}

export function isTentative(address: NativeAddress): boolean {
  return (address.flags & IFA_F_TENTATIVE) !== 0;
}

export function isDuplicate(address: NativeAddress): boolean {
  return (address.flags & IFA_F_DADFAILED) !== 0;
}

/** False for the addresses that privacy extensions or a router will soon take away. */
export function isLasting(address: NativeAddress): boolean {
  return (address.flags & (IFA_F_TEMPORARY | IFA_F_DEPRECATED | IFA_F_DADFAILED)) === 0;
}
