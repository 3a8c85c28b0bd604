/** How `node software`, `instance`, `report`, `promise` and `prune` gather their settings. */
import { ConfigError } from '../errors/slapos-error.ts';
import type { Config, ConfigLocation } from './config.ts';

export type CliValue = string | number | boolean | readonly string[];

/** Settings by upstream's names: underscores from `[slapos]` and the command line, dashes from `[networkcache]`. */
export interface GridSettings {
  /** The text of a setting, trimmed of nothing; undefined when nobody gave it. */
  text(name: string): string | undefined;
  /** A flag of the command line. */
  flag(name: string): boolean;
  /** A whole number of the command line or the file. */
  integer(name: string): number | undefined;
  /** Where the file gives the setting, when the command line does not override it. */
  locate(name: string): ConfigLocation | undefined;
}

/**
 * Merges `[slapos]`, `[networkcache]` (wins) and the command line (wins), spec/cli.md 3.3.
 * @param cli values by upstream's destination name; undefined means "not given".
 */
export function mergeGridSettings(
  config: Config,
  cli: Readonly<Record<string, CliValue | undefined>>,
): GridSettings {
  const values = new Map<string, string>([
    ...config.items('slapos'),
    ...config.items('networkcache'),
  ]);
  const given = (name: string) => cli[name];
  const text = (name: string) => {
    const value = given(name);
    return value === undefined ? values.get(name) : String(value);
  };
  const locate = (name: string) =>
    given(name) === undefined
      ? (config.locate('networkcache', name) ?? config.locate('slapos', name))
      : undefined;
  return {
    text,
    flag: (name) => given(name) === true,
    integer: (name) => readInteger(name, text(name), locate(name)),
    locate,
  };
}

/** A setting that must be `true` or `false` in any case, as upstream's own parser wants. */
export function readStrictBoolean(
  settings: GridSettings,
  name: string,
  otherwise: boolean,
): boolean {
  const value = settings.text(name);
  if (value === undefined || value === '') return otherwise;
  const word = value.toLowerCase();
  if (word === 'true' || word === 'false') return word === 'true';
  throw badValue(name, `${value} is neither True nor False.`, settings.locate(name));
}

/** A ConfigError that says where the bad value stands. */
export function badValue(
  name: string,
  message: string,
  location: ConfigLocation | undefined,
): ConfigError {
  const place = location === undefined ? '' : `${location.file}:${location.line}: ${name}: `;
  return new ConfigError('SLAPOS_ERR_CONFIG_VALUE', place + message, {
    context: { key: name, ...location },
  });
}

function readInteger(
  name: string,
  value: string | undefined,
  location: ConfigLocation | undefined,
): number | undefined {
  if (value === undefined || value === '') return undefined;
  if (!/^\s*[+-]?\d+\s*$/.test(value)) {
    throw badValue(name, `'${value}' is not a whole number.`, location);
  }
  return Number(value);
}
