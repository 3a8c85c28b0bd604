/**
 * The options of `node format`: merged from both sections and the command line (spec/format.md 2),
 * then checked in upstream's order (spec/format.md 3). Pure.
 */
import { isAbsolute, join, normalize } from 'node:path';
import type { Config } from '../config/config.ts';
import { ConfigError } from '../errors/slapos-error.ts';
import { parseIpv4Cidr } from '../model/ip-address.ts';

export type TapMode = 'auto' | 'routed' | 'bridged';

export interface FormatOptions {
  readonly computerId: string;
  readonly masterUrl: string;
  readonly softwareRoot: string;
  readonly instanceRoot: string;
  /** Absolute path of the state file. */
  readonly computerXml: string;
  readonly computerJson: string | null;
  readonly partitionAmount: number;
  readonly interfaceName: string | null;
  readonly ipv6Interface: string | null;
  readonly ipv4LocalNetwork: string | null;
  readonly partitionBaseName: string;
  readonly userBaseName: string;
  readonly tapBaseName: string;
  readonly isNetworkAltered: boolean;
  readonly areUsersAltered: boolean;
  readonly hasTaps: boolean;
  readonly isTapIpv6: boolean;
  readonly tapGatewayInterface: string;
  readonly tapMode: TapMode;
  readonly hasTuns: boolean;
  readonly isTunIpv6: boolean;
  /** Whether the bridge that interface_name names is made when it is missing. */
  readonly isBridgeCreated: boolean;
  /** Interfaces that join that bridge with all that they carry; each once. */
  readonly bridgePorts: readonly string[];
  readonly hasIpv6Range: boolean;
  readonly ipv6PrefixShift: number;
  readonly softwareUser: string;
  readonly instanceStorageHome: string | null;
  readonly inputDefinitionFile: string | null;
  readonly outputDefinitionFile: string | null;
  readonly keyFile: string | null;
  readonly certFile: string | null;
  readonly masterCaFile: string | null;
  /** Ours: false accepts any certificate of the Master. */
  readonly isMasterVerified: boolean;
  readonly certificateRepositoryPath: string | null;
  readonly managers: readonly string[];
  readonly isNow: boolean;
  readonly isDryRun: boolean;
  /** Whether free partitions beyond the amount are deleted. */
  readonly isReleasing: boolean;
  readonly installsUdevRule: boolean;
}

/** One text per key, whoever gave it, with a word on where it comes from. */
export interface MergedOptions {
  get(key: string): string | undefined;
  /** `[slapos] computer_id (FILE, line 3)` or `--alter_user`. */
  origin(key: string): string;
  readonly isNow: boolean;
  readonly isDryRun: boolean;
  readonly isReleasing: boolean;
  readonly installsUdevRule: boolean;
}

/** Keys that the command line may override. */
const COMMAND_LINE_KEYS = [
  'computer_xml',
  'computer_json',
  'input_definition_file',
  'output_definition_file',
  'alter_user',
  'alter_network',
] as const;

const HELP_HINT = 'For help use --help.';

/**
 * Joins `[slapformat]`, `[slapos]` (which wins) and the command line (which wins over both).
 * @throws ConfigError SLAPOS_ERR_CONFIG_KEY_MISSING when a section is missing.
 */
export function mergeOptions(
  config: Config,
  commandLine: Readonly<Record<string, unknown>>,
): MergedOptions {
  for (const section of ['slapformat', 'slapos']) {
    if (config.hasSection(section)) continue;
    throw new ConfigError('SLAPOS_ERR_CONFIG_KEY_MISSING', `No section: '${section}'`, {
      hint: `Add a [${section}] section to ${config.path}.`,
      context: { file: config.path, section },
    });
  }
  const values = new Map<string, { value: string; origin: string }>();
  for (const section of ['slapformat', 'slapos']) {
    for (const [key, value] of config.items(section)) {
      const line = config.locate(section, key)?.line ?? 0;
      values.set(key, { value, origin: `[${section}] ${key}, ${config.path} line ${line}` });
    }
  }
  for (const key of COMMAND_LINE_KEYS) {
    const value = commandLine[key];
    if (typeof value === 'string') values.set(key, { value, origin: `--${key}` });
  }
  return {
    get: (key) => values.get(key)?.value,
    origin: (key) => values.get(key)?.origin ?? key,
    isNow: commandLine['now'] === true,
    isDryRun: commandLine['dry_run'] === true,
    isReleasing: commandLine['release_partitions'] === true,
    installsUdevRule: commandLine['install_udev_rule'] === true,
  };
}

/**
 * Checks and types every option. Relative paths stand for themselves below `cwd`.
 * @throws ConfigError in the order of spec/format.md 3.
 */
export function parseOptions(merged: MergedOptions, cwd: string): FormatOptions {
  refuseRemovedKeys(merged);
  const booleans = parseBooleans(merged);
  const required = parseRequired(merged);
  const path = (key: string) => absolute(merged.get(key), cwd);
  const text = (key: string) => merged.get(key) || null;
  const partitionAmount = parseInteger(merged, 'partition_amount', undefined);
  return {
    ...required,
    ...booleans,
    computerXml: absolute(required.computerXml, cwd) ?? required.computerXml,
    computerJson: path('computer_json'),
    partitionAmount,
    interfaceName: text('interface_name'),
    bridgePorts: parseBridgePorts(merged, booleans.isBridgeCreated),
    ipv6Interface: merged.get('ipv6_interface') ?? null,
    ipv4LocalNetwork: parseLocalNetwork(merged, booleans.isNetworkAltered),
    partitionBaseName: merged.get('partition_base_name') ?? 'slappart',
    userBaseName: merged.get('user_base_name') ?? 'slapuser',
    tapBaseName: merged.get('tap_base_name') ?? 'slaptap',
    tapGatewayInterface: merged.get('tap_gateway_interface') ?? '',
    tapMode: parseTapMode(merged),
    ipv6PrefixShift: parsePrefixShift(merged, partitionAmount),
    softwareUser: merged.get('software_user') ?? 'slapsoft',
    instanceStorageHome: merged.get('instance_storage_home') ?? null,
    inputDefinitionFile: path('input_definition_file'),
    outputDefinitionFile: path('output_definition_file'),
    keyFile: merged.get('key_file') ?? null,
    certFile: merged.get('cert_file') ?? null,
    masterCaFile: merged.get('master_ca_file') ?? null,
    certificateRepositoryPath: path('certificate_repository_path'),
    managers: (merged.get('manager_list') ?? '').split(/[\s,]+/).filter((name) => name !== ''),
    isNow: merged.isNow,
    isDryRun: merged.isDryRun,
    isReleasing: merged.isReleasing,
    installsUdevRule: merged.installsUdevRule,
  };
}

function absolute(path: string | undefined, cwd: string): string | null {
  if (path === undefined || path === '') return null;
  return isAbsolute(path) ? normalize(path) : join(cwd, path);
}

function refuseRemovedKeys(merged: MergedOptions): void {
  for (const key of ['bridge_name', 'no_bridge']) {
    if (!merged.get(key)) continue;
    throw new ConfigError(
      'SLAPOS_ERR_CONFIG_VALUE',
      `The option '${key}' was removed (${merged.origin(key)}).`,
      {
        hint: `Remove it; interface_name names the interface. ${HELP_HINT}`,
        context: { key },
      },
    );
  }
}

function parseBridgePorts(merged: MergedOptions, isBridgeCreated: boolean): readonly string[] {
  const value = merged.get('bridge_ports') ?? '';
  const ports = [...new Set(value.split(/[\s,]+/).filter((name) => name !== ''))];
  if (ports.length === 0) return ports;
  const refuse = (key: string, problem: string, hint: string) => {
    const text = `${key} = ${merged.get(key)} ${problem} (${merged.origin(key)}).`;
    return new ConfigError('SLAPOS_ERR_CONFIG_VALUE', text, { hint, context: { key } });
  };
  if (!isBridgeCreated) {
    const hint = 'Set create_bridge = true, or remove bridge_ports.';
    throw refuse('bridge_ports', 'does nothing without create_bridge', hint);
  }
  for (const key of ['ipv6_interface', 'tap_gateway_interface']) {
    if (!ports.includes(merged.get(key) ?? '')) continue;
    const hint = `Name ${merged.get('interface_name')} with ${key}, or another interface.`;
    throw refuse(key, 'is in bridge_ports and gives its addresses to the bridge', hint);
  }
  return ports;
}

function parseBooleans(merged: MergedOptions) {
  return {
    isNetworkAltered: parseBoolean(merged, 'alter_network', true),
    areUsersAltered: parseBoolean(merged, 'alter_user', true),
    hasIpv6Range: parseBoolean(merged, 'partition_has_ipv6_range', true),
    hasTaps: parseBoolean(merged, 'create_tap', true),
    hasTuns: parseBoolean(merged, 'create_tun', false),
    isTapIpv6: parseBoolean(merged, 'tap_ipv6', true),
    isBridgeCreated: parseBoolean(merged, 'create_bridge', false),
    isTunIpv6: parseBoolean(merged, 'tun_ipv6', true),
    isMasterVerified: parseBoolean(merged, 'master_tls_verify', true),
  };
}

function parseBoolean(merged: MergedOptions, key: string, fallback: boolean): boolean {
  const value = merged.get(key);
  if (value === undefined) return fallback;
  const word = value.toLowerCase();
  if (word === 'true' || word === 'false') return word === 'true';
  throw new ConfigError(
    'SLAPOS_ERR_CONFIG_VALUE',
    `${value} is neither True nor False. (${merged.origin(key)})`,
    { hint: `Write true or false. ${HELP_HINT}`, context: { key, value } },
  );
}

function parseRequired(merged: MergedOptions) {
  const need = (key: string): string => {
    const value = merged.get(key);
    if (value) return value;
    throw new ConfigError('SLAPOS_ERR_CONFIG_KEY_MISSING', `Parameter '${key}' is not defined.`, {
      hint: `Set ${key} in [slapos] or [slapformat]. ${HELP_HINT}`,
      context: { key },
    });
  };
  return {
    computerId: need('computer_id'),
    instanceRoot: need('instance_root'),
    masterUrl: need('master_url'),
    softwareRoot: need('software_root'),
    computerXml: need('computer_xml'),
  };
}

function parseInteger(merged: MergedOptions, key: string, fallback: number | undefined): number {
  const value = merged.get(key);
  if (value === undefined && fallback !== undefined) return fallback;
  if (value !== undefined && /^\s*[+]?\d+\s*$/.test(value)) return Number(value);
  const problem =
    value === undefined
      ? `Parameter '${key}' is not defined.`
      : `'${value}' is not a number (${merged.origin(key)}).`;
  throw new ConfigError(
    value === undefined ? 'SLAPOS_ERR_CONFIG_KEY_MISSING' : 'SLAPOS_ERR_CONFIG_VALUE',
    problem,
    { hint: `Set ${key} to a whole number in [slapformat].`, context: { key } },
  );
}

function parsePrefixShift(merged: MergedOptions, partitionAmount: number): number {
  const shift = parseInteger(merged, 'ipv6_prefixshift', 16);
  if (shift <= 128 && 2 ** shift >= 4 * partitionAmount) return shift;
  throw new ConfigError(
    'SLAPOS_ERR_CONFIG_VALUE',
    `ipv6_prefixshift = ${shift} is too small for ${partitionAmount} partitions: ` +
      `2^${shift} is less than 4 × ${partitionAmount}.`,
    {
      hint: `Set ipv6_prefixshift to ${Math.max(2, Math.ceil(Math.log2(4 * partitionAmount)))} or more.`,
      context: { key: 'ipv6_prefixshift' },
    },
  );
}

function parseLocalNetwork(merged: MergedOptions, isNetworkAltered: boolean): string | null {
  const value = merged.get('ipv4_local_network') || null;
  if (value === null || !isNetworkAltered || parseIpv4Cidr(value) !== null) return value;
  throw new ConfigError(
    'SLAPOS_ERR_CONFIG_VALUE',
    `'${value}' is not an IPv4 network (${merged.origin('ipv4_local_network')}).`,
    { hint: 'Write it as 10.0.0.0/16.', context: { key: 'ipv4_local_network' } },
  );
}

function parseTapMode(merged: MergedOptions): TapMode {
  const mode = merged.get('tap_mode') || 'auto';
  if (mode === 'auto' || mode === 'routed' || mode === 'bridged') return mode;
  throw new ConfigError(
    'SLAPOS_ERR_CONFIG_VALUE',
    `'${mode}' is no tap mode (${merged.origin('tap_mode')}).`,
    { hint: 'Write auto, routed or bridged.', context: { key: 'tap_mode' } },
  );
}
