/** Python's BasicInterpolation: `%%` is a per cent sign, `%(key)s` the value of another key. */
import { ConfigError } from '../errors/slapos-error.ts';
import { quote } from './dialect.ts';

/** Python's MAX_INTERPOLATION_DEPTH. */
const MAX_DEPTH = 10;
/** Without these bounds a small file of somebody else could fill our memory, or take for ever. */
const MAX_LENGTH = 16 * 1024 * 1024;
const MAX_REFERENCES = 10_000;

/** The value being read, for messages. */
export interface InterpolationPlace {
  readonly file: string;
  readonly line: number;
  readonly section: string;
  readonly key: string;
}

/** Raw text of another key of the same section; undefined when there is none. */
export type LookUp = (key: string) => string | undefined;

function refuse(place: InterpolationPlace, message: string, hint: string): ConfigError {
  const where = `${quote(place.file)} [line ${place.line}]: option ${quote(place.key)} in section ${quote(place.section)}`;
  return new ConfigError('SLAPOS_ERR_CONFIG_INTERPOLATION', `${message}: ${where}`, {
    hint,
    context: { ...place },
  });
}

function tooLarge(place: InterpolationPlace): ConfigError {
  const hint = 'write the value without so many references';
  return refuse(place, 'Too much to substitute', hint);
}

/** One value while its references are replaced. */
interface Expansion {
  readonly place: InterpolationPlace;
  readonly lookUp: LookUp;
  references: number;
}

function expand(text: string, key: string, expansion: Expansion, depth: number): string {
  const { place } = expansion;
  if (depth > MAX_DEPTH) {
    const message = 'Recursion limit exceeded in value substitution';
    throw refuse(place, message, 'the keys name each other in a circle, or too deeply');
  }
  let result = '';
  let rest = text;
  for (let at = rest.indexOf('%'); at >= 0; at = rest.indexOf('%')) {
    result += rest.slice(0, at);
    rest = rest.slice(at);
    if (rest[1] === '%') {
      result += '%';
      rest = rest.slice(2);
      continue;
    }
    const reference = readReference(rest, place, () => mayHoldPassword(key, text));
    result += expandReference(reference.key, expansion, depth);
    if (result.length > MAX_LENGTH) throw tooLarge(place);
    rest = rest.slice(reference.length);
  }
  return result + rest;
}

/** A password in it that has a `%` is what messages would repeat. */
function mayHoldPassword(key: string, text: string): boolean {
  const isAddress = text.includes(':/') && text.includes('@');
  return (
    isAddress ||
    /pass|token|secret|database[-_]uri/i.test(key) ||
    /pass(?:word|wd|phrase)?["']?\s*[=:]/i.test(text)
  );
}

function readReference(rest: string, place: InterpolationPlace, isSecret: () => boolean) {
  const match = /^%\(([^)]+)\)s/.exec(rest);
  if (match !== null) {
    return { key: (match[1] as string).toLowerCase(), length: match[0].length };
  }
  const found = isSecret() ? '(not shown)' : quote(rest.slice(0, 20));
  const message =
    rest[1] === '('
      ? `bad interpolation variable reference ${found}`
      : `'%' must be followed by '%' or '(', found: ${found}`;
  throw refuse(
    place,
    message,
    'write %% for a per cent sign, %(key)s for the value of another key',
  );
}

function expandReference(key: string, expansion: Expansion, depth: number): string {
  const { lookUp, place } = expansion;
  expansion.references += 1;
  if (expansion.references > MAX_REFERENCES) throw tooLarge(place);
  const value = lookUp(key);
  if (value === undefined) {
    const message = `Bad value substitution, no option ${quote(key)}`;
    throw refuse(place, message, `define ${key} in the same section or in [DEFAULT]`);
  }
  return value.includes('%') ? expand(value, key, expansion, depth + 1) : value;
}

/**
 * Replaces the references in a raw value.
 * @throws ConfigError SLAPOS_ERR_CONFIG_INTERPOLATION
 */
export function interpolate(text: string, place: InterpolationPlace, lookUp: LookUp): string {
  return text.includes('%') ? expand(text, place.key, { place, lookUp, references: 0 }, 1) : text;
}
