/** From what the Master says of a partition to the facts of its rules (spec/grid.md 7.6). Pure. */
import { partitionAddresses } from '../grid/addresses.ts';
import { parseIpv4 } from '../model/ip-address.ts';
import { isIpv4Network } from '../model/ipv4-network.ts';
import type { SlapPartition } from '../slap/master.ts';
import type { RuleFacts } from './rules.ts';

/** Interfaces whose addresses packets are routed to start so. */
const ROUTED = 'route_';

/** The partition's routed IPv4 addresses, each once. */
export function listRoutedAddresses({ parameters }: SlapPartition): readonly string[] {
  const routed = partitionAddresses({ parameters }).filter(({ address, interfaceName }) => {
    return interfaceName.startsWith(ROUTED) && parseIpv4(address) !== null;
  });
  return [...new Set(routed.map(({ address }) => address))];
}

export interface FoundRuleFacts extends RuleFacts {
  /** Sources that are no IPv4 address or network. */
  readonly ignoredSources: readonly string[];
}

/**
 * @param peers addresses of the other partitions of the instance tree
 * @param authorizedSources those of slapos.cfg
 */
export function findRuleFacts(
  { filter }: Pick<SlapPartition, 'filter'>,
  addresses: readonly string[],
  peers: readonly string[],
  authorizedSources: readonly string[],
): FoundRuleFacts {
  const words = (name: string) => {
    const value = filter[name];
    return typeof value === 'string' ? value.split(/\s+/).filter((word) => word !== '') : [];
  };
  const isRestricted = filter['fw_restricted_access'] !== 'off';
  const asked = isRestricted
    ? [...words('fw_authorized_sources'), ...authorizedSources]
    : [...authorizedSources, ...words('fw_authorized_sources')];
  const rejected = isRestricted ? [] : words('fw_rejected_sources');
  const others = peers.filter((peer) => parseIpv4(peer) !== null && !addresses.includes(peer));
  return {
    addresses,
    isRestricted,
    acceptedSources: [...new Set([...others, ...asked.filter(isIpv4Network)])],
    rejectedSources: [...new Set(rejected.filter(isIpv4Network))],
    ignoredSources: [...asked, ...rejected].filter((source) => !isIpv4Network(source)),
  };
}
