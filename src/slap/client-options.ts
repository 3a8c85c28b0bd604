/** How commands reach the Master (spec/cli.md 3.5): options and files merged. Pure. */
import type { Config } from '../config/config.ts';
import { expandUser } from '../config/path.ts';
import { parseBoolean, requireSection, splitLines, valueError } from '../config/values.ts';
import { ConfigError } from '../errors/slapos-error.ts';
import { homeOf } from '../host/folder/home-of.ts';
import type { SlapClientOptions } from './connection.ts';

type Environment = Readonly<Record<string, string | undefined>>;

export interface ClientOptions extends SlapClientOptions {
  /** Address of the HATEOAS API; undefined: the Master is asked. */
  readonly masterRestUrl: string | undefined;
  /** Short names of software releases. */
  readonly aliases: ReadonlyMap<string, string>;
  /** Values of section slapconsole, which stand in for options that were not given. */
  readonly defaults: ReadonlyMap<string, string>;
}

/** What a command line says about the Master; it wins over the file. */
export interface GivenMaster {
  readonly masterUrl?: string | undefined;
  readonly keyFile?: string | undefined;
  readonly certFile?: string | undefined;
}

/**
 * Options of client commands: section slapconsole first, then slapos; `master_url` only from the
 * latter.
 * @param given by the command line, before both
 * @throws ConfigError SLAPOS_ERR_CONFIG_KEY_MISSING without an address, or without the key and
 *   certificate that https needs; SLAPOS_ERR_CONFIG_VALUE for a bad value.
 */
export function parseClientOptions(
  config: Config,
  env: Environment,
  given: GivenMaster = {},
): ClientOptions {
  requireSection(config, 'slapos');
  const defaults = new Map([...config.items('slapconsole')].filter(([, value]) => value !== ''));
  const own = new Map(defaults);
  if (given.keyFile) own.set('key_file', given.keyFile);
  if (given.certFile) own.set('cert_file', given.certFile);
  const hasOwnPair = own.has('key_file') || own.has('cert_file');
  const pair = hasOwnPair ? own : config.items('slapos');
  const restUrl = given.masterUrl ? undefined : config.get('slapos', 'master_rest_url');
  return {
    ...parseMasterOptions(config, env, pair, given.masterUrl),
    // That of another Master would answer for it.
    masterRestUrl: restUrl || undefined,
    aliases: parseAliases(defaults.get('alias') ?? '', config),
    defaults,
  };
}

/**
 * Address and certificates of section slapos, for commands of the node.
 * @param pair where key_file and cert_file are looked for, when elsewhere
 * @param given address that is used instead
 * @throws ConfigError as {@link parseClientOptions}.
 */
export function parseMasterOptions(
  config: Config,
  env: Environment,
  pair: ReadonlyMap<string, string> = config.items('slapos'),
  given?: string,
): SlapClientOptions {
  const masterUrl = given || config.get('slapos', 'master_url') || undefined;
  if (masterUrl === undefined) throw missing(config, "No option 'master_url'", 'master_url');
  const [keyFile, certFile] = ['key_file', 'cert_file'].map((key) => {
    const path = pair.get(key);
    return path === undefined || path === '' ? undefined : expandUser(path, env, homeOf);
  });
  const isPaired = (keyFile === undefined) === (certFile === undefined);
  if (!isPaired || (keyFile === undefined && /^https:/i.test(masterUrl))) {
    throw missing(config, "No option 'key_file' and/or 'cert_file'", 'key_file');
  }
  return { masterUrl, keyFile, certFile, ...parseMasterTrust(config, env) };
}

/** How the Master's certificate is checked. */
export function parseMasterTrust(
  config: Config,
  env: Environment,
): { readonly caFile: string | undefined; readonly isTlsVerified: boolean } {
  const caFile = config.get('slapos', 'master_ca_file') || undefined;
  return {
    caFile: caFile === undefined ? undefined : expandUser(caFile, env, homeOf),
    isTlsVerified: parseVerification(config),
  };
}

/** Ours: `[slapos] master_tls_verify = false` accepts any certificate of the Master. */
function parseVerification(config: Config): boolean {
  const text = config.get('slapos', 'master_tls_verify') ?? 'true';
  const isVerified = parseBoolean(text);
  if (isVerified !== undefined) return isVerified;
  const message = `${text} is neither true nor false.`;
  throw valueError(config, 'slapos', 'master_tls_verify', message, 'write true or false');
}

function parseAliases(text: string, config: Config): ReadonlyMap<string, string> {
  const aliases = new Map<string, string>();
  for (const line of splitLines(text)) {
    const [name, url, ...rest] = line.split(/\s+/);
    if (name === undefined || url === undefined || rest.length > 0) {
      const message = `alias has a line that is not a name and an address: ${line}`;
      throw valueError(config, 'slapconsole', 'alias', message, 'write NAME URL');
    }
    aliases.set(name, url);
  }
  return aliases;
}

function missing(config: Config, message: string, key: string): ConfigError {
  return new ConfigError('SLAPOS_ERR_CONFIG_KEY_MISSING', message, {
    hint: `add it to section [slapos] of ${config.path}`,
    context: { file: config.path, section: 'slapos', key },
  });
}
