/** The values in effect and where each came from, by the table of keys. */
import type { Config, ConfigLocation } from './config.ts';
import { SECTIONS } from './schema.ts';
import type { KeySpec, SectionSpec } from './schema-key.ts';
import { parseBoolean, parseInteger, valueError } from './values.ts';

export interface EffectiveValue {
  readonly section: string;
  readonly key: string;
  /** Undefined when the key is absent and nothing is assumed. */
  readonly value: string | undefined;
  readonly origin: 'default' | 'file' | 'absent';
  /** Where it stands in the file, and in which section and spelling. */
  readonly at?: ConfigLocation & { readonly section: string; readonly key: string };
  readonly spec: KeySpec;
}

function searchOrder(config: Config, spec: SectionSpec, name: string): readonly string[] {
  if (spec.precedence !== 'file order') {
    return spec.precedence.map((one) => (one === spec.name ? name : one));
  }
  return config.sections().filter((one) => one === spec.name || one === spec.with);
}

/**
 * Says whether a value fits its type.
 * @throws ConfigError SLAPOS_ERR_CONFIG_VALUE naming file, line, section and key
 */
function checkType(config: Config, section: string, key: string, spec: KeySpec, value: string) {
  if (spec.isIgnored === true || value === '') return;
  if (spec.type === 'boolean' && parseBoolean(value) === undefined) {
    const message = `${value} is neither True nor False.`;
    throw valueError(config, section, key, message, 'write true or false');
  }
  if (spec.type === 'integer' && parseInteger(value) === undefined) {
    const message = `Not an integer: ${value}`;
    throw valueError(config, section, key, message, 'write a whole number');
  }
  if (spec.choices !== undefined && !spec.choices.includes(value)) {
    const message = `Not one of ${spec.choices.join(', ')}: ${value}`;
    throw valueError(config, section, key, message, `write one of ${spec.choices.join(', ')}`);
  }
}

function resolve(
  config: Config,
  name: string,
  order: readonly string[],
  spec: KeySpec,
): EffectiveValue {
  const found = { section: name, key: spec.key, spec };
  for (const section of order) {
    for (const key of [spec.key, ...(spec.oldNames ?? [])]) {
      const value = config.get(section, key);
      const location = config.locate(section, key);
      if (value === undefined || location === undefined) continue;
      checkType(config, section, key, spec, value);
      return { ...found, value, origin: 'file', at: { ...location, section, key } };
    }
  }
  if (spec.preset === undefined) return { ...found, value: undefined, origin: 'absent' };
  return { ...found, value: spec.preset, origin: 'default' };
}

/** Names of the sections to show for one entry of the table. */
function sectionNames(config: Config, spec: SectionSpec): readonly string[] {
  if (spec.isPrefix === true) {
    return config.sections().filter((name) => name.startsWith(`${spec.name}/`));
  }
  return spec.isFeature !== true || config.hasSection(spec.name) ? [spec.name] : [];
}

/**
 * Every key of the table with the value in effect.
 * @throws ConfigError for a value that cannot be read or does not fit its type
 */
export function listEffectiveValues(config: Config): EffectiveValue[] {
  return SECTIONS.flatMap((spec) =>
    sectionNames(config, spec).flatMap((name) => {
      const order = searchOrder(config, spec, name);
      return spec.keys.map((key) => resolve(config, name, order, key));
    }),
  );
}
