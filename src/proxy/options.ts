/** Options of the proxy (spec/cli.md 3.6, spec/proxy.md 1). Pure. */
import type { Config } from '../config/config.ts';
import { ConfigError } from '../errors/slapos-error.ts';
import type { ExternalMaster } from './external-masters.ts';
import { type PeerCheckOptions, parsePeerCheck } from './peer-options.ts';
import { parseWebOptions, type WebOptions } from './web/web-options.ts';

export interface ProxyOptions {
  readonly computerId: string;
  readonly databaseUri: string;
  /** For what is kept beside the database; absent: its own folder. */
  readonly stateFolder: string | undefined;
  readonly host: string;
  readonly port: number;
  readonly logFile: string | undefined;
  /** Addresses of software releases by product name. */
  readonly products: ReadonlyMap<string, string>;
  readonly localSoftwareReleaseRoot: string | undefined;
  /** Sections `multimaster/…`. */
  readonly externalMasters: readonly ExternalMaster[];
  readonly web: WebOptions;
  /** Absent: nobody is asked who he is. */
  readonly peerCheck: PeerCheckOptions | undefined;
}

const DEFAULT_HOST = '127.0.0.1';
const DEFAULT_PORT = 5000;
const MULTIMASTER = 'multimaster/';

/**
 * Command line first, then sections slapproxy and slapos in file order; dashes and underscores in
 * key names mean the same.
 * @throws ConfigError SLAPOS_ERR_CONFIG_KEY_MISSING or SLAPOS_ERR_CONFIG_VALUE.
 */
export function parseProxyOptions(
  config: Config,
  commandLine: Readonly<Record<string, unknown>>,
): ProxyOptions {
  const values = mergeSections(config, commandLine);
  const databaseUri = values.get('database_uri');
  if (databaseUri === undefined) {
    throw missing(config, 'database-uri is required.', 'database_uri');
  }
  const computerId = values.get('computer_id');
  if (computerId === undefined) throw missing(config, 'computer_id is required.', 'computer_id');
  return {
    computerId,
    databaseUri,
    stateFolder: values.get('state_folder'),
    host: (values.get('host') ?? DEFAULT_HOST).replace(/^\[(.*)\]$/, '$1'),
    port: parsePort(values.get('port'), config),
    logFile: values.get('log_file'),
    products: parseProducts(values.get('software_product_list') ?? '', config),
    localSoftwareReleaseRoot: values.get('local_software_release_root'),
    externalMasters: config
      .sections()
      .filter((section) => section.startsWith(MULTIMASTER))
      .map((section) => parseMaster(section, config)),
    web: parseWebOptions(values, config),
    peerCheck: parsePeerCheck(values, config),
  };
}

/** Other keys than upstream's: `master_ca_file` and `master_tls_verify`, as in section slapos. */
function parseMaster(section: string, config: Config): ExternalMaster {
  const values = new Map(
    [...config.items(section)].map(([key, value]) => [key.replaceAll('-', '_'), value.trim()]),
  );
  const text = (name: string): string | undefined => values.get(name) || undefined;
  const lines = (text('software_release_list') ?? '').split('\n').map((line) => line.trim());
  return {
    url: section.slice(MULTIMASTER.length),
    keyFile: text('key'),
    certFile: text('cert'),
    caFile: text('master_ca_file'),
    isTlsVerified: !/^(false|no|off|0)$/i.test(text('master_tls_verify') ?? ''),
    softwareReleases: lines.filter((line) => line !== ''),
    computerId: text('computer'),
    partitionId: text('partition'),
  };
}

/** The database of `proxy show`, which needs nothing else. */
export function parseDatabaseUri(
  config: Config,
  commandLine: Readonly<Record<string, unknown>>,
): string {
  const databaseUri = mergeSections(config, commandLine).get('database_uri');
  if (databaseUri !== undefined) return databaseUri;
  throw missing(config, 'database-uri is required.', 'database_uri');
}

function mergeSections(
  config: Config,
  commandLine: Readonly<Record<string, unknown>>,
): ReadonlyMap<string, string> {
  const values = new Map<string, string>();
  const add = (key: string, value: unknown): void => {
    const name = key.replaceAll('-', '_');
    const isSet = typeof value === 'string' || typeof value === 'number';
    if (isSet && value !== '' && !values.has(name)) values.set(name, String(value));
  };
  for (const [key, value] of Object.entries(commandLine)) add(key, value);
  for (const section of config.sections()) {
    if (section !== 'slapproxy' && section !== 'slapos') continue;
    for (const [key, value] of config.items(section)) add(key, value);
  }
  return values;
}

function parsePort(text: string | undefined, config: Config): number {
  if (text === undefined) return DEFAULT_PORT;
  const port = /^\d{1,5}$/.test(text) ? Number(text) : Number.NaN;
  if (port <= 65535) return port;
  throw new ConfigError('SLAPOS_ERR_CONFIG_VALUE', `port ${text} is not a TCP port.`, {
    hint: 'Write a number from 1 to 65535.',
    context: { file: config.path, section: 'slapproxy', key: 'port' },
  });
}

/** Lines of a name and an address. */
function parseProducts(text: string, config: Config): ReadonlyMap<string, string> {
  const products = new Map<string, string>();
  for (const line of text.split('\n')) {
    const words = line.split(/\s+/).filter((word) => word !== '');
    if (words.length === 0) continue;
    const [name, url] = words;
    if (words.length !== 2 || name === undefined || url === undefined)
      throw badProduct(line, config);
    products.set(name, url);
  }
  return products;
}

function badProduct(line: string, config: Config): ConfigError {
  const message = `software_product_list has a line that is not a name and an address: ${line.trim()}`;
  return new ConfigError('SLAPOS_ERR_CONFIG_VALUE', message, {
    context: { file: config.path, section: 'slapproxy', key: 'software_product_list' },
  });
}

function missing(config: Config, message: string, key: string): ConfigError {
  return new ConfigError('SLAPOS_ERR_CONFIG_KEY_MISSING', message, {
    hint: `Set ${key} in section [slapproxy] of ${config.path}.`,
    context: { file: config.path, section: 'slapproxy', key },
  });
}
