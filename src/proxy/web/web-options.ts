/** Options of what the proxy serves besides its APIs (spec/proxy.md 1, 11). Pure. */
import { parseByteSize } from '../../config/byte-size.ts';
import type { Config } from '../../config/config.ts';
import { parseBoolean, splitLines, valueError } from '../../config/values.ts';
import { type AllowRule, parseAllowRule } from './allow-list.ts';
import type { Resolve } from './http-gate.ts';

export interface ShacacheOptions {
  readonly contentFolder: string | undefined;
  readonly metadataFolder: string | undefined;
  readonly upstreamCacheUrl: string | undefined;
  readonly upstreamDirUrl: string | undefined;
  readonly maxBlobBytes: number;
}

export interface HttpProxyOptions {
  /** Where it may lead; empty turns it off. */
  readonly allow: readonly AllowRule[];
  readonly isTlsVerified: boolean;
  /** PEM file of authorities in place of the system's. */
  readonly caFile: string | undefined;
  /** Tests have names and limits of their own. */
  readonly resolve?: Resolve;
  readonly timeoutMs?: number;
}

export interface WebOptions {
  readonly publicFolder: string | undefined;
  readonly shacache: ShacacheOptions;
  readonly httpProxy: HttpProxyOptions;
}

/** Releases of one or two gigabytes are common. */
export const MAX_BLOB_BYTES = 16 * 1024 ** 3;

/** Everything off. */
export const NO_WEB: WebOptions = {
  publicFolder: undefined,
  shacache: {
    contentFolder: undefined,
    metadataFolder: undefined,
    upstreamCacheUrl: undefined,
    upstreamDirUrl: undefined,
    maxBlobBytes: MAX_BLOB_BYTES,
  },
  httpProxy: { allow: [], isTlsVerified: true, caFile: undefined },
};

/**
 * @param values of sections slapproxy and slapos by names with underscores
 * @throws ConfigError SLAPOS_ERR_CONFIG_VALUE.
 */
export function parseWebOptions(values: ReadonlyMap<string, string>, config: Config): WebOptions {
  return {
    publicFolder: values.get('public_directory_path'),
    shacache: {
      contentFolder: values.get('shacache_content_directory'),
      metadataFolder: values.get('shacache_metadata_directory'),
      upstreamCacheUrl: parseUrl('shacache_upstream_cache_url', values, config),
      upstreamDirUrl: parseUrl('shacache_upstream_dir_url', values, config),
      maxBlobBytes: parseSize('shacache_max_upload', values, config),
    },
    httpProxy: {
      allow: parseAllowed('http_proxy_allow', values, config),
      isTlsVerified: parseSwitch('http_proxy_tls_verify', values, config),
      caFile: values.get('http_proxy_ca_file'),
    },
  };
}

type Parse<Result> = (key: string, values: ReadonlyMap<string, string>, config: Config) => Result;

function wrong(key: string, why: string, hint: string, config: Config): Error {
  return valueError(config, 'slapproxy', key, why, hint);
}

const parseUrl: Parse<string | undefined> = (key, values, config) => {
  const text = values.get(key)?.trim();
  if (text === undefined || text === '') return undefined;
  if (/^https?:$/.test(protocolOf(text))) return text;
  throw wrong(key, `${key} is no address of a web server: ${text}.`, 'write http://…', config);
};

const parseSize: Parse<number> = (key, values, config) => {
  const text = values.get(key);
  if (text === undefined) return MAX_BLOB_BYTES;
  const bytes = parseByteSize(text);
  if (bytes !== undefined && bytes > 0) return bytes;
  throw wrong(key, `${key} is no size: ${text}.`, 'write a size such as 16G', config);
};

const parseSwitch: Parse<boolean> = (key, values, config) => {
  const text = values.get(key);
  const value = text === undefined ? true : parseBoolean(text);
  if (value !== undefined) return value;
  throw wrong(key, `${key} is neither true nor false: ${text}.`, 'write true or false', config);
};

const parseAllowed: Parse<readonly AllowRule[]> = (key, values, config) => {
  return splitLines(values.get(key) ?? '').map((line) => {
    const rule = parseAllowRule(line);
    if (typeof rule === 'object') return rule;
    const hint = 'write lines such as https://example.com, example.com:8080 or 10.0.0.0/8:*';
    throw wrong(key, `${key} has a line that cannot be used, ${line}: ${rule}.`, hint, config);
  });
};

function protocolOf(text: string): string {
  return URL.canParse(text) ? new URL(text).protocol : '';
}
