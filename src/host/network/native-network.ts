/** What crosses the native boundary about links, addresses, routes and taps. */

import type { NativeOutcome } from '../native-outcome.ts';

/** One network interface (RTM_NEWLINK, rtnetlink(7)). */
export interface NativeLink {
  readonly ifindex: number;
  readonly name: string;
  /** IFF_* bits of netdevice(7). */
  readonly flags: number;
  /** True when the kernel reports a carrier (IFLA_CARRIER). */
  readonly hasCarrier: boolean;
  /** ifindex of the bridge or bond that the link belongs to, 0 for none. */
  readonly master: number;
  /** IFLA_INFO_KIND: `bridge`, `tun`, `veth`, or '' for a physical device. */
  readonly kind: string;
  readonly mac: string;
  readonly mtu: number;
  readonly group: number;
  /** tun/tap only: IFF_TAP, IFF_TUN or ''. */
  readonly tunMode: '' | 'tap' | 'tun';
  /** tun/tap only: owning uid; -1 when there is none, and then every user may open it. */
  readonly tunOwner: number;
  readonly isTunPersistent: boolean;
  /** Bridges that run the spanning tree protocol: how long a new port forwards nothing. */
  readonly portDelayMs?: number;
}

/** One address (RTM_NEWADDR). */
export interface NativeAddress {
  readonly ifindex: number;
  readonly family: 4 | 6;
  readonly address: string;
  readonly prefixLength: number;
  /** rtnetlink scope: 0 universe, 200 site, 253 link, 254 host. */
  readonly scope: number;
  /** IFA_F_* bits: 0x40 tentative, 0x08 dadfailed, 0x80 permanent, 0x20 deprecated, 0x01 temporary. */
  readonly flags: number;
  /** Other end of a point-to-point address. */
  readonly peer?: string;
  /** IPv4 only. */
  readonly broadcast?: string;
  /** IPv4 only: the name of the device, which may have `:text` behind it. */
  readonly label?: string;
  /** Of the route that comes with the address; absent: the usual one. */
  readonly metric?: number;
  /** Absent: for ever. */
  readonly preferredSeconds?: number;
  /** Absent: for ever. */
  readonly validSeconds?: number;
}

/** One route (RTM_NEWROUTE). */
export interface NativeRoute {
  readonly family: 4 | 6;
  /** Destination network; '' for the default route. */
  readonly destination: string;
  readonly prefixLength: number;
  readonly gateway: string;
  /** Output interface, 0 when there is none. */
  readonly ifindex: number;
  /** 254 main, 255 local. */
  readonly table: number;
  /** RTPROT_*: 2 kernel, 3 boot, 4 static; ours is {@link RTPROT_SLAPOS}. */
  readonly protocol: number;
  /** RTN_*: 1 unicast, 2 local. */
  readonly type: number;
  readonly metric: number;
  /** rtnetlink scope, as for addresses; absent: universe, which every IPv6 route has. */
  readonly scope?: number;
  /** Absent: 0. */
  readonly tos?: number;
  /** RTNH_F_* bits: 4 onlink, 16 linkdown; absent: none. */
  readonly flags?: number;
  /** Source address of what is sent over it, when the route says. */
  readonly preferredSource?: string;
  /** IPv6 only; absent: never. */
  readonly expiresSeconds?: number;
  /** Hex of attributes carried unread: RTA_METRICS, RTA_FLOW and RTA_PREF. */
  readonly attributes?: string;
  /** Why the route cannot be written again from this record. */
  readonly obstacle?: 'multipath' | 'nexthop' | 'encapsulation' | 'source';
}

/** Number under which our routes stand in the kernel (`ip route` shows it as `proto 83`). */
export const RTPROT_SLAPOS = 83;
/** Link group of the taps and tuns that we created: they can be deleted in one message. */
export const LINK_GROUP_SLAPOS = 0x51a9;
/** Link group of devices about to be deleted. */
export const LINK_GROUP_RELEASED = 0x51aa;

/** One change of the network; devices are named, and looked up when the batch is applied. */
export type NetlinkOperation =
  | { readonly op: 'linkAdd'; readonly dev: string; readonly kind: 'bridge'; readonly mac?: string }
  | {
      readonly op: 'linkSet';
      readonly dev: string;
      readonly isUp?: boolean;
      /** Name of the bridge to join, '' to leave it. */
      readonly master?: string;
      readonly group?: number;
      readonly mac?: string;
    }
  | { readonly op: 'linkDel'; readonly dev: string }
  | { readonly op: 'linkDelGroup'; readonly group: number }
  | {
      readonly op: 'addrAdd' | 'addrReplace' | 'addrDel';
      readonly dev: string;
      readonly address: string;
      readonly prefixLength: number;
      /** IFA_F_NODAD. */
      readonly isNodad?: boolean;
      /** IFA_F_NOPREFIXROUTE. */
      readonly isNoPrefixRoute?: boolean;
      /** More IFA_F_* bits. */
      readonly flags?: number;
      /** Absent: what fits the address. */
      readonly scope?: number;
      readonly peer?: string;
      readonly broadcast?: string;
      readonly label?: string;
      readonly metric?: number;
      readonly preferredSeconds?: number;
      readonly validSeconds?: number;
    }
  | {
      /** routeAppend: beside one to the same destination over another device. */
      readonly op: 'routeAdd' | 'routeAppend' | 'routeReplace' | 'routeDel';
      readonly dev: string;
      readonly family: 4 | 6;
      readonly destination: string;
      readonly prefixLength: number;
      readonly gateway?: string;
      /** 254 main (default), 255 local. */
      readonly table?: number;
      /** 1 unicast (default), 2 local. */
      readonly type?: number;
      readonly metric?: number;
      /** Default {@link RTPROT_SLAPOS}. */
      readonly protocol?: number;
      /** Absent: what fits the route. */
      readonly scope?: number;
      readonly tos?: number;
      /** RTNH_F_* bits. */
      readonly flags?: number;
      readonly preferredSource?: string;
      readonly expiresSeconds?: number;
      /** As {@link NativeRoute} has it. */
      readonly attributes?: string;
    };

export interface NeighbourQuestion {
  readonly dev: string;
  readonly addresses: readonly string[];
  readonly timeoutMs: number;
}

export interface TuntapDevice {
  readonly name: string;
  readonly mode: 'tap' | 'tun';
  /** uid that may open the device (root always may), -1 for root only: recorded as uid 0. */
  readonly ownerUid: number;
}

export interface NativeNetwork {
  /**
   * Links, addresses and routes of the calling namespace, in one pass (three strict dumps). Routes
   * are without those that the kernel keeps in its local table.
   */
  netlinkDump(request: {
    readonly links: boolean;
    readonly addresses: boolean;
    readonly routes: boolean;
  }): Promise<{
    readonly links: NativeLink[];
    readonly addresses: NativeAddress[];
    readonly routes: NativeRoute[];
  }>;
  /**
   * Applies operations in order, in batches of at most 64 KB; one outcome per operation, later
   * ones are tried even when earlier ones fail.
   */
  netlinkApply(request: {
    readonly operations: readonly NetlinkOperation[];
  }): Promise<NativeOutcome[]>;
  /**
   * Waits until none of the given addresses is tentative, or `timeoutMs` is over. Driven by
   * RTMGRP_IPV6_IFADDR notifications. Resolves to the addresses still tentative or dadfailed.
   */
  netlinkAwaitDad(request: {
    readonly addresses: ReadonlyArray<{ readonly dev: string; readonly address: string }>;
    readonly timeoutMs: number;
  }): Promise<
    Array<{
      readonly dev: string;
      readonly address: string;
      readonly state: 'tentative' | 'dadfailed' | 'missing';
    }>
  >;

  /**
   * Waits until one of the devices, which need not be there yet, has a global or unique local
   * IPv6 address that is not tentative; resolves to it, or to null after `timeoutMs`. Driven by
   * notifications of links and addresses.
   */
  netlinkAwaitAddress(request: {
    readonly devices: readonly string[];
    readonly timeoutMs: number;
  }): Promise<string | null>;

  /** Asks neighbours for their link-layer address; resolves to those that did not answer. */
  netlinkAwaitNeighbours(request: NeighbourQuestion): Promise<string[]>;

  /** Creates persistent devices owned by a user (TUNSETIFF, TUNSETOWNER, TUNSETPERSIST). */
  tuntapCreate(request: { readonly devices: readonly TuntapDevice[] }): Promise<NativeOutcome[]>;
  /** Makes devices non-persistent, so that they vanish. */
  tuntapDelete(request: {
    readonly devices: ReadonlyArray<{ readonly name: string; readonly mode: 'tap' | 'tun' }>;
  }): Promise<NativeOutcome[]>;
}
