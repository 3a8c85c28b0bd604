/** Computers as `node format` describes them, each with addresses of its own. */
import { renderComputerPost } from '../../src/format/document.ts';
import { bareDevice, type Computer, type Partition } from '../../src/model/computer.ts';

const SOFTWARE_USER = 'slapsoft';
const ROOT = '/srv/slapgrid/instance';

export function computerName(index: number): string {
  return `COMP-${index + 1}`;
}

/** The marshalled document that the node posts. */
export function renderSimulatedComputer(index: number, partitions: number): string {
  const numbers = Array.from({ length: partitions }, (_, number) => number);
  const computer: Computer = {
    reference: computerName(index),
    interface: {
      name: 'br0',
      ipv6Interface: 'br0',
      ipv4LocalNetwork: '10.0.0.0/16',
      ipv6PrefixShift: 16,
    },
    partitions: numbers.map((number) => createPartition(index, number)),
    address: `2001:db8:${index.toString(16)}::1`,
    netmask: 'ffff:ffff:ffff::',
    ipv6Interface: null,
    hasIpv6Range: true,
    softwareUser: SOFTWARE_USER,
    tapGatewayInterface: '',
    isTapIpv6: true,
    softwareRoot: '/srv/slapgrid/software',
    instanceRoot: ROOT,
    instanceStorageHome: null,
    publicIpv4Address: null,
    osType: '["Linux-6.1.0-x86_64-with-glibc2.36", "debian", "12", "Debian GNU/Linux"]',
    pythonVersion: '',
    slaposVersion: '1.24.0+node.0.1.0',
  };
  return renderComputerPost(computer);
}

function createPartition(index: number, number: number): Partition {
  const reference = `slappart${number}`;
  const path = `${ROOT}/${reference}`;
  const prefix = `2001:db8:${index.toString(16)}`;
  const range = `${prefix}:${(0x4000 + number).toString(16)}::`;
  const netmask = 'ffff:ffff:ffff:ffff::';
  return {
    reference,
    path,
    user: { name: `slapuser${number}`, shell: '/bin/sh', home: path, groups: [SOFTWARE_USER] },
    addresses: [
      { address: `10.0.${number >> 8}.${number & 255}`, netmask: '255.255.255.255' },
      { address: `${prefix}::${(number + 2).toString(16)}`, netmask: 'ffff:ffff:ffff::' },
    ],
    ipv6Range: { address: range, netmask, network: `${range}/64`, prefixLength: 64 },
    tap: bareDevice(`slaptap${number}`),
    tun: null,
    externalStorages: [],
    capabilities: null,
  };
}
