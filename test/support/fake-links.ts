/** Links, addresses and routes in memory, and what netlink operations do to them. */
import type {
  NativeAddress,
  NativeLink,
  NativeRoute,
  NetlinkOperation,
} from '../../src/host/network/native-network.ts';
import { RTPROT_SLAPOS } from '../../src/host/network/native-network.ts';

export const IFF_UP = 0x1;
export const IFF_LOOPBACK = 0x8;

export class FakeLinks {
  readonly links: NativeLink[] = [];
  readonly addressList: NativeAddress[] = [];
  readonly routeList: NativeRoute[] = [];

  addLink(name: string, facts: Partial<NativeLink> = {}): void {
    this.links.push({
      ifindex: Math.max(0, ...this.links.map(({ ifindex }) => ifindex)) + 1,
      name,
      flags: IFF_UP,
      hasCarrier: true,
      master: 0,
      kind: '',
      mac: '02:00:00:00:00:01',
      mtu: 1500,
      group: 0,
      tunMode: '',
      tunOwner: -1,
      isTunPersistent: false,
      ...facts,
    });
  }

  addAddress(dev: string, address: string, prefixLength: number, flags = 0x80): void {
    const family = address.includes(':') ? 6 : 4;
    const ifindex = this.link(dev).ifindex;
    this.addressList.push({
      ifindex,
      family,
      address,
      prefixLength,
      scope: isLinkLocal(address) ? 253 : 0,
      flags,
    });
  }

  addRoute(dev: string, facts: Partial<NativeRoute> = {}): void {
    this.routeList.push({
      family: 4,
      destination: '',
      prefixLength: 0,
      gateway: '',
      ifindex: this.link(dev).ifindex,
      table: 254,
      protocol: 3,
      type: 1,
      metric: 0,
      ...facts,
    });
  }

  removeAddress(address: string): void {
    const at = this.addressList.findIndex((one) => one.address === address);
    if (at >= 0) this.addressList.splice(at, 1);
  }

  protected link(name: string): NativeLink {
    const link = this.links.find((one) => one.name === name);
    if (link === undefined) throw new Error(`no link ${name}`);
    return link;
  }

  /** @returns the errno of a refusal. */
  protected applyNetlink(operation: NetlinkOperation): string | undefined {
    switch (operation.op) {
      case 'linkSet':
        return this.#setLink(operation);
      case 'linkAdd':
        if (this.links.some(({ name }) => name === operation.dev)) return 'EEXIST';
        this.addLink(operation.dev, { kind: 'bridge', flags: 0, mac: operation.mac ?? '' });
        return undefined;
      case 'linkDelGroup':
        return this.#deleteLinks((link) => link.group === operation.group);
      case 'linkDel':
        return this.#deleteLinks((link) => link.name === operation.dev);
      case 'addrAdd':
        return this.#addAddress(operation);
      case 'addrDel':
        return this.#deleteAddress(operation);
      case 'routeAdd':
      case 'routeAppend':
        return this.#addRoute(operation);
      case 'routeDel':
        return this.#removeOne(
          this.routeList,
          (one) =>
            one.destination === operation.destination &&
            one.prefixLength === operation.prefixLength &&
            one.gateway === (operation.gateway ?? '') &&
            (operation.metric === undefined || one.metric === operation.metric) &&
            one.ifindex === this.#indexOf(operation.dev),
        );
      default:
        return 'not known here';
    }
  }

  #setLink({ dev, isUp, group, master }: Extract<NetlinkOperation, { op: 'linkSet' }>): undefined {
    const link = this.link(dev);
    this.links[this.links.indexOf(link)] = {
      ...link,
      flags: isUp === true ? link.flags | IFF_UP : link.flags,
      group: group ?? link.group,
      master: this.#masterOf(master) ?? link.master,
    };
  }

  #deleteAddress(change: Extract<NetlinkOperation, { op: 'addrAdd' | 'addrReplace' | 'addrDel' }>) {
    const ifindex = this.#indexOf(change.dev);
    const { address, prefixLength } = change;
    const isSame = (one: NativeAddress) => one.ifindex === ifindex;
    const problem = this.#removeOne(this.addressList, (one) => {
      return isSame(one) && one.address === address && one.prefixLength === prefixLength;
    });
    // The kernel's own route to the network of the address goes with the last address in it.
    const hasMore = this.addressList.some(
      (one) => isSame(one) && one.prefixLength === prefixLength,
    );
    const isOwn = (route: NativeRoute) =>
      route.ifindex === ifindex && route.protocol === 2 && route.prefixLength === prefixLength;
    if (problem === undefined && !hasMore) this.#removeOne(this.routeList, isOwn);
    return problem;
  }

  #indexOf(name: string): number | undefined {
    return this.links.find((one) => one.name === name)?.ifindex;
  }

  #deleteLinks(isGone: (link: NativeLink) => boolean): string | undefined {
    const gone = this.links.filter(isGone);
    for (const link of gone) {
      for (const [at, port] of this.links.entries()) {
        if (port.master === link.ifindex) this.links[at] = { ...port, master: 0 };
      }
      this.links.splice(this.links.indexOf(link), 1);
      for (const list of [this.addressList, this.routeList]) {
        const left = list.filter(({ ifindex }) => ifindex !== link.ifindex);
        list.splice(0, list.length, ...(left as never[]));
      }
    }
    return gone.length === 0 ? 'ENODEV' : undefined;
  }

  /** '' is no bridge; undefined leaves things as they are. */
  #masterOf(bridge: string | undefined): number | undefined {
    if (bridge === undefined || bridge === '') return bridge === '' ? 0 : undefined;
    return this.link(bridge).ifindex;
  }

  #addAddress(change: Extract<NetlinkOperation, { op: 'addrAdd' | 'addrReplace' | 'addrDel' }>) {
    const { ifindex } = this.link(change.dev);
    const isThere = this.addressList.some(
      ({ ifindex: index, address, prefixLength }) =>
        index === ifindex &&
        address === change.address &&
        (address.includes(':') || prefixLength === change.prefixLength),
    );
    if (isThere) return 'EEXIST';
    this.addAddress(change.dev, change.address, change.prefixLength);
    const { op: _op, dev: _dev, isNodad: _nodad, isNoPrefixRoute: _noroute, ...facts } = change;
    const added = this.addressList.pop() as NativeAddress;
    this.addressList.push({ ...added, ...facts, flags: 0x80 | (change.flags ?? 0) });
    return undefined;
  }

  #addRoute(change: Extract<NetlinkOperation, { destination: string }>) {
    const link = this.link(change.dev);
    if ((link.flags & IFF_UP) === 0) return 'ENETDOWN';
    const { op, dev: _, gateway = '', table = 254, type = 1, ...rest } = change;
    const { ifindex } = link;
    const metric = change.metric || (change.family === 6 ? 1024 : 0);
    const isThere = this.routeList.some(
      (one) =>
        one.family === change.family &&
        one.destination === change.destination &&
        one.prefixLength === change.prefixLength &&
        one.table === table &&
        one.metric === metric &&
        (op === 'routeAdd' || (one.ifindex === ifindex && one.gateway === gateway)),
    );
    if (isThere) return 'EEXIST';
    const route = { protocol: RTPROT_SLAPOS, ...rest, metric, gateway, table, type, ifindex };
    this.routeList.push(route);
    return undefined;
  }

  #removeOne<Item>(list: Item[], matches: (item: Item) => boolean): string | undefined {
    const at = list.findIndex(matches);
    if (at < 0) return 'ESRCH';
    list.splice(at, 1);
    return undefined;
  }
}

function isLinkLocal(address: string): boolean {
  return address.startsWith('fe80:');
}
