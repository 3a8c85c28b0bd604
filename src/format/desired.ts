/**
 * What the computer is to be, as far as configuration and state files say: names, users, folders
 * and addresses kept from earlier runs. Addresses still missing are given by `allocate.ts`. Pure.
 */
import { join } from 'node:path';
import { PlanError } from '../errors/slapos-error.ts';
import { bareDevice, type Computer, type Partition } from '../model/computer.ts';
import type { FormatOptions } from './options.ts';
import {
  isCompleteAddressList,
  type StoredComputer,
  type StoredPartition,
} from './stored-computer.ts';

/** IFNAMSIZ less the final zero (netdevice(7)). */
const DEVICE_NAME_LENGTH = 15;
/** Bytes in the name of a folder (limits.h). */
const NAME_MAX = 255;
/**
 * Also names of directory services; never a separator of passwd(5) or a path, or a number, which
 * would be taken for an id. What is let through here must be possible: the journal keeps it.
 */
const USER_NAME = /^(?!\d+$)[A-Za-z0-9_](?:[A-Za-z0-9_.@-]{0,31}|[A-Za-z0-9_.@-]{0,30}[$])$/;
const PARTITION_SHELL = '/bin/sh';

/**
 * @param stored State of the last run, or the definition file; undefined on a fresh host.
 * @throws PlanError for fewer partitions than before, or a name that cannot be used.
 */
export function desiredComputer(options: FormatOptions, stored?: StoredComputer): Computer {
  refuseShrinking(options, stored);
  const instanceRoot = stored?.instanceRoot ?? options.instanceRoot;
  const softwareUser = stored?.softwareUser ?? options.softwareUser;
  const partitions: Partition[] = [];
  for (let index = 0; index < options.partitionAmount; index += 1) {
    const known = stored?.partitions[index] ?? newPartition(options, index);
    partitions.push(desiredPartition(known, index, { options, instanceRoot, softwareUser }));
  }
  refuseBadNames(softwareUser, partitions, options.isNetworkAltered && options.hasTaps);
  return {
    reference: options.computerId,
    interface: desiredInterface(options),
    partitions,
    address: stored?.address ?? null,
    netmask: stored?.netmask ?? null,
    ipv6Interface: options.ipv6Interface,
    hasIpv6Range: options.hasIpv6Range,
    softwareUser,
    tapGatewayInterface: options.tapGatewayInterface,
    isTapIpv6: options.isTapIpv6,
    softwareRoot: stored?.softwareRoot ?? options.softwareRoot,
    instanceRoot,
    instanceStorageHome: options.instanceStorageHome,
    publicIpv4Address: stored?.publicIpv4Address ?? null,
    osType: null,
    pythonVersion: stored?.pythonVersion ?? null,
    slaposVersion: null,
  };
}

function refuseShrinking(options: FormatOptions, stored: StoredComputer | undefined): void {
  const before = stored?.partitions.length ?? 0;
  if (options.partitionAmount >= before) return;
  throw new PlanError(
    'SLAPOS_ERR_PLAN_SHRINK',
    `partition_amount is ${options.partitionAmount} but ${options.computerXml} has ${before} ` +
      'partitions: it shrinks only on demand.',
    {
      hint: `Set partition_amount to ${before} or more, or add --release-partitions.`,
      context: { before, configured: options.partitionAmount },
    },
  );
}

function desiredInterface(options: FormatOptions): Computer['interface'] {
  const { interfaceName, inputDefinitionFile: definition, ipv4LocalNetwork } = options;
  const isPlain = definition !== null && !(options.isNetworkAltered && ipv4LocalNetwork !== null);
  if (interfaceName !== null && !isPlain) {
    return {
      name: interfaceName,
      ipv6Interface: options.ipv6Interface || interfaceName,
      ipv4LocalNetwork,
      ipv6PrefixShift: options.ipv6PrefixShift,
    };
  }
  if (definition !== null && !options.isNetworkAltered) return null;
  throw new PlanError('SLAPOS_ERR_PLAN_ADDRESS', 'No network interface is configured.', {
    hint:
      'Set interface_name in [slapformat] (and ipv4_local_network), or use a definition file ' +
      'with alter_network = false.',
  });
}

function newPartition(options: FormatOptions, index: number): StoredPartition {
  return {
    reference: `${options.partitionBaseName}${index}`,
    userName: `${options.userBaseName}${index}`,
    addresses: [],
    ipv6Range: null,
    tap: bareDevice(`${options.tapBaseName}${index}`),
    tun: null,
    capabilities: null,
  };
}

function desiredPartition(
  known: StoredPartition,
  index: number,
  from: { options: FormatOptions; instanceRoot: string; softwareUser: string },
): Partition {
  const path = join(from.instanceRoot, known.reference);
  refuseBadAddresses(known);
  return {
    reference: known.reference,
    path,
    user: {
      name: known.userName,
      shell: PARTITION_SHELL,
      home: path,
      groups: [from.softwareUser],
    },
    addresses: known.addresses,
    ipv6Range: known.ipv6Range,
    tap: known.tap,
    tun: known.tun ?? (from.options.hasTuns ? bareDevice(`slaptun${index}`) : null),
    externalStorages: [],
    capabilities: known.capabilities,
  };
}

function refuseBadAddresses(partition: StoredPartition): void {
  if (isCompleteAddressList(partition.addresses)) return;
  const list = partition.addresses.map(({ address }) => address).join(', ');
  throw new PlanError(
    'SLAPOS_ERR_PLAN_ADDRESS',
    `Partition ${partition.reference} has the addresses ${list} where one IPv4 and one IPv6 are expected.`,
    { hint: 'Correct its address_list in the state file, or empty it.' },
  );
}

/**
 * Names go into passwd(5), device names and paths: nothing else may get there.
 * @param areDevicesMade otherwise a device is only a label, which partitions may share (`lo`).
 */
function refuseBadNames(
  softwareUser: string,
  partitions: readonly Partition[],
  areDevicesMade: boolean,
): void {
  const seen = new Map<string, string>();
  if (!USER_NAME.test(softwareUser)) throw badName('user', softwareUser, 'a valid user name');
  for (const { reference, user, tap, tun } of partitions) {
    if (!isFolderName(reference)) {
      throw badName('partition', reference, 'a plain folder name');
    }
    if (!USER_NAME.test(user.name)) throw badName('user', user.name, 'a valid user name');
    for (const name of [tap.name, ...(tun === null ? [] : [tun.name])]) {
      if (name.length > DEVICE_NAME_LENGTH || !/^[^/\s:]*$/.test(name) || /^\.\.?$/.test(name)) {
        throw badName('device', name, `at most ${DEVICE_NAME_LENGTH} characters without / : blank`);
      }
    }
    refuseTwice(seen, `partition ${reference}`, reference);
    if (areDevicesMade && tap.name !== '') refuseTwice(seen, `device ${tap.name}`, reference);
  }
}

function isFolderName(name: string): boolean {
  const length = Buffer.byteLength(name);
  return length > 0 && length <= NAME_MAX && !/^\.\.?$|[/\0]/.test(name);
}

function refuseTwice(seen: Map<string, string>, name: string, reference: string): void {
  const other = seen.get(name);
  seen.set(name, reference);
  if (other === undefined) return;
  throw new PlanError(
    'SLAPOS_ERR_PLAN_CONFLICT',
    `${name} is wanted by two partitions, ${other} and ${reference}.`,
    { hint: 'Give each partition its own name in the state or definition file.' },
  );
}

function badName(what: string, name: string, expected: string): PlanError {
  return new PlanError('SLAPOS_ERR_PLAN_CONFLICT', `'${name}' cannot name a ${what}.`, {
    hint: `Choose ${expected}: see partition_base_name, user_base_name, tap_base_name and software_user.`,
  });
}
