/** Typed readers of configuration values, with the words of spec/cli.md 3.1 and 3.3. */
import { ConfigError } from '../errors/slapos-error.ts';
import type { Config } from './config.ts';

const YES = new Set(['1', 'yes', 'true', 'on']);
const NO = new Set(['0', 'no', 'false', 'off']);

/** A value as boolean by Python's words; undefined when it is none of them. */
export function parseBoolean(text: string): boolean | undefined {
  const word = text.toLowerCase();
  if (YES.has(word)) return true;
  return NO.has(word) ? false : undefined;
}

/** An integer as Python's `int()` reads it; undefined when it is none. */
export function parseInteger(text: string): number | undefined {
  const word = text.trim();
  return /^[-+]?\d+(_\d+)*$/.test(word) ? Number(word.replaceAll('_', '')) : undefined;
}

/** Lines of a list value, stripped, without the empty ones. */
export function splitLines(text: string): string[] {
  return text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');
}

/** Names separated by commas, spaces or lines. */
export function splitNames(text: string): string[] {
  return text.split(/[\s,]+/).filter((name) => name !== '');
}

/** A wrong value, with its place. */
export function valueError(
  config: Config,
  section: string,
  key: string,
  message: string,
  hint: string,
): ConfigError {
  const at = config.locate(section, key);
  const place = at === undefined ? '' : ` at ${at.file} line ${at.line}`;
  return new ConfigError('SLAPOS_ERR_CONFIG_VALUE', message, {
    hint: `[${section}] ${key}${place}: ${hint}`,
    context: { ...at, section, key },
  });
}

/**
 * The section must exist.
 * @throws ConfigError SLAPOS_ERR_CONFIG_KEY_MISSING
 */
export function requireSection(config: Config, section: string): void {
  if (config.hasSection(section)) return;
  throw new ConfigError('SLAPOS_ERR_CONFIG_KEY_MISSING', `No section: '${section}'`, {
    hint: `add [${section}] to ${config.path}`,
    context: { file: config.path, section },
  });
}

/**
 * A value that must be there; it may be empty.
 * @throws ConfigError SLAPOS_ERR_CONFIG_KEY_MISSING
 */
export function requireValue(config: Config, section: string, key: string): string {
  requireSection(config, section);
  const value = config.get(section, key);
  if (value !== undefined) return value;
  const message = `No option '${key}' in section: '${section}'`;
  throw new ConfigError('SLAPOS_ERR_CONFIG_KEY_MISSING', message, {
    hint: `add ${key} = … to section [${section}] of ${config.path}`,
    context: { file: config.path, section, key },
  });
}

/** How a wrong boolean is worded: by Python's parser, or by upstream's own. */
export type BooleanKind = 'permissive' | 'strict';

/**
 * A boolean; both kinds accept the same words.
 * @throws ConfigError SLAPOS_ERR_CONFIG_VALUE
 */
export function readBoolean(
  config: Config,
  section: string,
  key: string,
  fallback: boolean,
  kind: BooleanKind = 'permissive',
): boolean {
  const value = config.get(section, key);
  if (value === undefined) return fallback;
  const decoded = parseBoolean(value);
  if (decoded !== undefined) return decoded;
  const message =
    kind === 'strict' ? `${value} is neither True nor False.` : `Not a boolean: ${value}`;
  throw valueError(config, section, key, message, 'write true or false');
}
