/** Plain scalars of YAML 1.1 as PyYAML's safe loader resolves them, which differs from YAML 1.1. */

const NULLS = new Set(['', '~', 'null', 'Null', 'NULL']);
const TRUES = new Set(['yes', 'Yes', 'YES', 'true', 'True', 'TRUE', 'on', 'On', 'ON']);
const FALSES = new Set(['no', 'No', 'NO', 'false', 'False', 'FALSE', 'off', 'Off', 'OFF']);

const INTEGER =
  /^([-+]?)(?:(0b[01_]+)|0([0-7_]+)|(0x[\dA-Fa-f_]+)|(0|[1-9][\d_]*)|([1-9][\d_]*(?::[0-5]?\d)+))$/;
const FLOAT = /^(?:[-+]?\d[\d_]*\.[\d_]*|\.\d[\d_]*)(?:[eE][-+]\d+)?$/;
const SEXAGESIMAL = /^([-+]?)(\d[\d_]*(?::[0-5]?\d)+\.[\d_]*)$/;
const INFINITE = /^([-+]?)\.(?:inf|Inf|INF)$/;
const NAN = /^\.(?:nan|NaN|NAN)$/;
const TIMESTAMP =
  /^\d{4}-\d\d?-\d\d?(?:(?:[Tt]|[ \t]+)\d\d?:\d\d:\d\d(?:\.\d*)?(?:[ \t]*(?:Z|[-+]\d\d?(?::?\d\d)?))?)$|^\d{4}-\d\d-\d\d$/;

/**
 * The value of a plain scalar: integers are bigint, floats number.
 * @throws SyntaxError for a date, which cannot be sent.
 */
export function resolvePlainScalar(
  source: string,
  place: () => string,
): null | boolean | bigint | number | string {
  if (NULLS.has(source)) return null;
  if (TRUES.has(source)) return true;
  if (FALSES.has(source)) return false;
  if (TIMESTAMP.test(source)) {
    throw new SyntaxError(`${place()}: put quotes around the date ${source}`);
  }
  return parseInteger(source) ?? parseFloatText(source) ?? source;
}

function parseInteger(source: string): bigint | undefined {
  const match = INTEGER.exec(source);
  if (match === null) return undefined;
  const [, sign, binary, octal, hexadecimal, decimal, sexagesimal] = match.map((part) =>
    part?.replaceAll('_', ''),
  );
  const digits =
    binary ?? hexadecimal ?? decimal ?? (octal === undefined ? undefined : `0o${octal}`);
  if (digits === '0b' || digits === '0x' || digits === '0o') return undefined;
  const value = digits === undefined ? fromBase60(sexagesimal ?? '') : BigInt(digits);
  return sign === '-' ? -value : value;
}

function fromBase60(text: string): bigint {
  return text.split(':').reduce((total, part) => total * 60n + BigInt(part), 0n);
}

function parseFloatText(source: string): number | undefined {
  if (FLOAT.test(source)) return Number(source.replaceAll('_', ''));
  if (NAN.test(source)) return Number.NaN;
  const infinite = INFINITE.exec(source);
  if (infinite !== null) return infinite[1] === '-' ? -Infinity : Infinity;
  const [, sign, text] = SEXAGESIMAL.exec(source) ?? [];
  if (text === undefined) return undefined;
  const parts = text.replaceAll('_', '').split(':');
  const value = parts.reduce((total, part) => total * 60 + Number(part), 0);
  return sign === '-' ? -value : value;
}
