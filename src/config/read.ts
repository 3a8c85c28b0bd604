/** Reads a configuration file into a {@link Config}. */
import { closeSync, openSync, readSync } from 'node:fs';
import { machineHint } from '../errors/machine-refusal.ts';
import { ConfigError, errorCode } from '../errors/slapos-error.ts';
import type { Config, ConfigLocation } from './config.ts';
import { parseDialect, type RawFile, type RawValue } from './dialect.ts';
import { interpolate } from './interpolate.ts';

const CHUNK_BYTES = 64 * 1024;
const MAX_BYTES = 16 * 1024 * 1024;
const NO_VALUES: ReadonlyMap<string, RawValue> = new Map();

/** A configuration that knows which keys a section has by itself, without those of DEFAULT. */
export interface ParsedConfig extends Config {
  ownKeys(section: string): readonly string[];
}

/** A parsed file behind the interface that the rest of the program uses. */
export function createConfig(file: RawFile): ParsedConfig {
  const rawOf = (section: string, key: string): RawValue | undefined => {
    const values = file.sections.get(section)?.values;
    return values === undefined ? undefined : (values.get(key) ?? file.defaults.get(key));
  };
  const read = (section: string, key: string, raw: RawValue): string => {
    const place = { file: file.path, line: raw.line, section, key };
    return interpolate(raw.text, place, (other) => rawOf(section, other)?.text);
  };
  const keysOf = (section: string) =>
    file.sections.has(section)
      ? new Map([...file.defaults, ...(file.sections.get(section)?.values ?? NO_VALUES)])
      : NO_VALUES;
  return {
    path: file.path,
    sections: () => [...file.sections.keys()],
    ownKeys: (section) => [...(file.sections.get(section)?.values ?? NO_VALUES).keys()],
    hasSection: (section) => file.sections.has(section),
    get(section, key) {
      const raw = rawOf(section, key.toLowerCase());
      return raw === undefined ? undefined : read(section, key.toLowerCase(), raw);
    },
    items: (section) =>
      new Map([...keysOf(section)].map(([key, raw]) => [key, read(section, key, raw)])),
    locate(section, key): ConfigLocation | undefined {
      const raw = rawOf(section, key.toLowerCase());
      return raw === undefined ? undefined : { file: file.path, line: raw.line };
    },
  };
}

/** Parses the text of a configuration file; the path is only for messages. */
export function parseConfig(text: string, path: string): ParsedConfig {
  return createConfig(parseDialect(text, path));
}

/** A configuration without any section. */
export function emptyConfig(path: string): ParsedConfig {
  return createConfig({ path, defaults: NO_VALUES, sections: new Map() });
}

function unreadableHint(cause: unknown): string {
  if (cause instanceof RangeError) return `it holds ${cause.message}`;
  const code = errorCode(cause);
  if (code === 'EISDIR') return 'it is a folder';
  const hint = machineHint(code);
  return hint === undefined ? 'check who may read it' : `${code}: ${hint}`;
}

function unreadable(path: string, cause: unknown): ConfigError {
  if (errorCode(cause) === 'ENOENT' || errorCode(cause) === 'ENOTDIR') {
    const message = `Configuration file does not exist: ${path}`;
    return new ConfigError('SLAPOS_ERR_CONFIG_MISSING', message, {
      cause,
      hint: 'name another with --cfg, or write one with slapos configure',
      context: { file: path },
    });
  }
  return new ConfigError(
    'SLAPOS_ERR_CONFIG_UNREADABLE',
    `Cannot parse configuration file: ${path}`,
    {
      cause,
      hint: unreadableHint(cause),
      context: { file: path },
    },
  );
}

/**
 * Reads a file of any kind, also one without an end, which would fill our memory.
 * @param path or the number of a descriptor, which stays open
 * @throws RangeError when it is longer than that; Node's own error when it cannot be read.
 */
export function readBounded(path: string | number, maxBytes: number = MAX_BYTES): Uint8Array {
  const fd = typeof path === 'number' ? path : openSync(path, 'r');
  try {
    const chunks: Buffer[] = [];
    for (let total = 0; ; ) {
      const chunk = Buffer.allocUnsafe(CHUNK_BYTES);
      const length = readSync(fd, chunk);
      if (length === 0) return Buffer.concat(chunks, total);
      chunks.push(chunk.subarray(0, length));
      total += length;
      if (total > maxBytes) throw new RangeError(`more than ${maxBytes} bytes`);
    }
  } finally {
    if (typeof path === 'string') closeSync(fd);
  }
}

/** Python reads the file as strict UTF-8 and keeps a byte order mark. */
function decodeText(bytes: Uint8Array, path: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (cause) {
    throw new ConfigError(
      'SLAPOS_ERR_CONFIG_UNREADABLE',
      `Cannot parse configuration file: ${path}`,
      { cause, hint: 'save it as UTF-8', context: { file: path } },
    );
  }
}

/**
 * Reads and parses a configuration file. Values are interpolated when they are read.
 * @throws ConfigError SLAPOS_ERR_CONFIG_MISSING, SLAPOS_ERR_CONFIG_UNREADABLE or
 *   SLAPOS_ERR_CONFIG_SYNTAX
 */
export function readConfig(path: string): ParsedConfig {
  let bytes: Uint8Array;
  try {
    bytes = readBounded(path);
  } catch (cause) {
    throw unreadable(path, cause);
  }
  return parseConfig(decodeText(bytes, path), path);
}
