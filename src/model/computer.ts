/**
 * The computer and its partitions as `node format` makes them and every other verb reads them.
 * Values never change once made. Names on disk and on the wire are those of spec/format.md 5.
 */

/** Texts as the state files carry them: canonical address, netmask written out. */
export interface HostAddress {
  readonly address: string;
  readonly netmask: string;
}

/** IPv6 network of which a partition's processes may bind any address. */
export interface Ipv6Range extends HostAddress {
  /** `address/length`. */
  readonly network: string;
  readonly prefixLength: number;
}

/** A tap or tun device. Every text is '' when unset. */
export interface PartitionDevice {
  readonly name: string;
  readonly ipv4Address: string;
  readonly ipv4Netmask: string;
  readonly ipv4Gateway: string;
  readonly ipv4Network: string;
  readonly ipv6Address: string;
  readonly ipv6Netmask: string;
  readonly ipv6Gateway: string;
  readonly ipv6Network: string;
}

export interface PartitionUser {
  readonly name: string;
  readonly shell: string;
  readonly home: string;
  /** Supplementary groups. */
  readonly groups: readonly string[];
}

export interface Partition {
  readonly reference: string;
  /** Home folder, also the instance's folder. */
  readonly path: string;
  readonly user: PartitionUser;
  /** None before the network was formatted, else one IPv4 and one IPv6 in kept order. */
  readonly addresses: readonly HostAddress[];
  readonly ipv6Range: Ipv6Range | null;
  readonly tap: PartitionDevice;
  readonly tun: PartitionDevice | null;
  readonly externalStorages: readonly string[];
  readonly capabilities: readonly string[] | null;
}

/** The interface that partitions are numbered on; absent in definition-file mode without network. */
export interface ComputerInterface {
  readonly name: string;
  readonly ipv6Interface: string;
  readonly ipv4LocalNetwork: string | null;
  readonly ipv6PrefixShift: number;
}

export interface Computer {
  readonly reference: string;
  readonly interface: ComputerInterface | null;
  readonly partitions: readonly Partition[];
  /** Own IPv6 address, null until one was chosen. */
  readonly address: string | null;
  readonly netmask: string | null;
  /** `ipv6_interface` as configured. */
  readonly ipv6Interface: string | null;
  readonly hasIpv6Range: boolean;
  readonly softwareUser: string;
  readonly tapGatewayInterface: string;
  readonly isTapIpv6: boolean;
  readonly softwareRoot: string;
  readonly instanceRoot: string;
  readonly instanceStorageHome: string | null;
  readonly publicIpv4Address: string | null;
  /** JSON text: platform, distribution id, version, name. */
  readonly osType: string | null;
  readonly pythonVersion: string | null;
  readonly slaposVersion: string | null;
}

/** A device that has only its name yet. */
export function bareDevice(name: string): PartitionDevice {
  return {
    name,
    ipv4Address: '',
    ipv4Netmask: '',
    ipv4Gateway: '',
    ipv4Network: '',
    ipv6Address: '',
    ipv6Netmask: '',
    ipv6Gateway: '',
    ipv6Network: '',
  };
}
