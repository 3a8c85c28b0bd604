/** Python's `%` formatting with a mapping, as every value of the configuration goes through it. */
import { quote } from './ini.ts';
import { ValueError } from './value-types.ts';

export type Expansions = ReadonlyMap<string, string | number>;

const CONVERSION = /%(?:\(([^)]*)\))?([-+ 0#]*)(\d*)(?:\.(\d+))?[hlL]?(.?)/gs;

function integerText(value: number, flags: string, precision: string | undefined): string {
  const sign = value < 0 ? '-' : flags.includes('+') ? '+' : flags.includes(' ') ? ' ' : '';
  return sign + String(Math.abs(value)).padStart(Number(precision ?? 0), '0');
}

function pad(text: string, flags: string, width: number, isNumber: boolean): string {
  if (flags.includes('-')) return text.padEnd(width);
  if (!isNumber || !flags.includes('0')) return text.padStart(width);
  const sign = /^[-+ ]/.exec(text)?.[0] ?? '';
  return sign + text.slice(sign.length).padStart(width - sign.length, '0');
}

function badCharacter(character: string, index: number): ValueError {
  const code = character.codePointAt(0)?.toString(16) ?? '0';
  return new ValueError(
    `unsupported format character '${character}' (0x${code}) at index ${index}`,
  );
}

class UnknownName extends ValueError {}

interface Conversion {
  readonly name: string | undefined;
  readonly flags: string;
  readonly width: number;
  readonly precision: string | undefined;
  readonly type: string;
  /** Index of the type character, for messages. */
  readonly index: number;
}

function convert(found: Conversion, names: Expansions): string {
  if (found.type === '') throw new ValueError('incomplete format');
  if (found.type === '%') return '%';
  if (found.name === undefined) {
    if (!'diouxXeEfFgGcrsa'.includes(found.type)) throw badCharacter(found.type, found.index);
    throw new ValueError('format requires a mapping');
  }
  const value = names.get(found.name);
  if (value === undefined) throw new UnknownName(quote(found.name));
  if ('diu'.includes(found.type)) {
    if (typeof value !== 'number') {
      throw new ValueError(`%${found.type} format: a real number is required, not str`);
    }
    const text = integerText(value, found.flags, found.precision);
    return pad(text, found.flags, found.width, true);
  }
  if (found.type !== 's') throw badCharacter(found.type, found.index);
  const text = String(value);
  const cut = found.precision === undefined ? text : text.slice(0, Number(found.precision));
  return pad(cut, found.flags, found.width, false);
}

/**
 * Replaces `%(name)s`, `%(name)02d` and `%%`.
 * @param key what the value belongs to, such as `program:a.command`, for the message.
 * @throws ValueError on a name that is not known and on a lone `%`.
 */
export function expand(value: string, names: Expansions, key: string): string {
  if (!value.includes('%')) return value;
  try {
    return value.replace(CONVERSION, (...args) => {
      const [all, name, flags, width, precision, type, offset] = args as [
        string,
        string | undefined,
        string,
        string,
        string | undefined,
        string,
        number,
      ];
      const index = offset + all.length - 1;
      return convert({ name, flags, width: Number(width), precision, type, index }, names);
    });
  } catch (error) {
    if (error instanceof UnknownName) {
      throw new ValueError(
        `Format string ${quote(value)} for ${quote(key)} contains names (${error.message}) ` +
          `which cannot be expanded. Available names: ${[...names.keys()].sort().join(', ')}`,
      );
    }
    if (!(error instanceof ValueError)) throw error;
    throw new ValueError(
      `Format string ${quote(value)} for ${quote(key)} is badly formatted: ${error.message}`,
    );
  }
}
