/** Options of `peer_check` (ours). Pure. */
import { BlockList, isIP } from 'node:net';
import type { Config } from '../config/config.ts';
import { parseBoolean, splitNames, valueError } from '../config/values.ts';
import { ConfigError } from '../errors/slapos-error.ts';

export interface PeerCheckOptions {
  readonly instanceRoot: string;
  /** Names or uids. */
  readonly users: readonly string[];
  isTrustedAddress(address: string): boolean;
}

const SECTION = 'slapproxy';

/**
 * @param values of sections slapproxy and slapos, with underscores in their names
 * @throws ConfigError SLAPOS_ERR_CONFIG_KEY_MISSING or SLAPOS_ERR_CONFIG_VALUE.
 */
export function parsePeerCheck(
  values: ReadonlyMap<string, string>,
  config: Config,
): PeerCheckOptions | undefined {
  if (!isWanted(values.get('peer_check') ?? 'false', config)) return undefined;
  const instanceRoot = values.get('instance_root');
  if (instanceRoot === undefined) throw missingRoot(config);
  const networks = parseNetworks(values.get('peer_check_networks') ?? '', config);
  return {
    instanceRoot,
    users: splitNames(values.get('peer_check_users') ?? ''),
    isTrustedAddress: (address) => {
      const family = isIP(address);
      return family !== 0 && networks.check(address, family === 4 ? 'ipv4' : 'ipv6');
    },
  };
}

function isWanted(text: string, config: Config): boolean {
  const value = parseBoolean(text);
  if (value !== undefined) return value;
  const hint = 'Write true or false.';
  throw valueError(config, SECTION, 'peer_check', `peer_check ${text} is no boolean.`, hint);
}

function missingRoot(config: Config): ConfigError {
  const message = 'peer_check needs instance_root, whose folders tell which user has a partition.';
  return new ConfigError('SLAPOS_ERR_CONFIG_KEY_MISSING', message, {
    hint: `Set instance_root in section [${SECTION}] or [slapos] of ${config.path}.`,
    context: { file: config.path, section: SECTION, key: 'instance_root' },
  });
}

function parseNetworks(text: string, config: Config): BlockList {
  const list = new BlockList();
  for (const word of splitNames(text)) {
    if (!addNetwork(list, word)) throw badNetwork(word, config);
  }
  return list;
}

/** An address, or a network as `ADDRESS/PREFIX`; false for anything else. */
function addNetwork(list: BlockList, word: string): boolean {
  const [, address = '', prefix] = /^([^/]+?)(?:\/(\d{1,3}))?$/.exec(word) ?? [];
  const family = isIP(address);
  const maxBits = family === 4 ? 32 : 128;
  const bits = prefix === undefined ? maxBits : Number(prefix);
  if (family === 0 || address.includes('%') || bits > maxBits) return false;
  list.addSubnet(address, bits, family === 4 ? 'ipv4' : 'ipv6');
  return true;
}

function badNetwork(word: string, config: Config): ConfigError {
  const message = `peer_check_networks has ${word}, which is no address or network.`;
  const hint = 'Write such as 192.0.2.7 or 2001:db8::/64.';
  return valueError(config, SECTION, 'peer_check_networks', message, hint);
}
