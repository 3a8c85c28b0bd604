/**
 * Numbers the way Python writes and rounds them: files and messages shared with upstream hold
 * `repr(float)` and `round(x, n)` (spec/collect.md 9, spec/slap-protocol.md 2.1).
 */

/** `repr(float)`: shortest digits, `.0` when integral, exponent below 1e-4 and from 1e16. */
export function pythonFloat(value: number): string {
  if (Number.isNaN(value)) return 'nan';
  if (!Number.isFinite(value)) return value > 0 ? 'inf' : '-inf';
  const [mantissa = '', exponentText = '0'] = Math.abs(value).toExponential().split('e');
  const sign = value < 0 || Object.is(value, -0) ? '-' : '';
  const exponent = Number(exponentText);
  if (exponent < -4 || exponent >= 16) {
    const size = Math.abs(exponent).toString().padStart(2, '0');
    return `${sign}${mantissa}e${exponent < 0 ? '-' : '+'}${size}`;
  }
  const digits = mantissa.replace('.', '');
  if (exponent < 0) return `${sign}0.${'0'.repeat(-exponent - 1)}${digits}`;
  const whole = digits.slice(0, exponent + 1).padEnd(exponent + 1, '0');
  return `${sign}${whole}.${digits.slice(exponent + 1) || '0'}`;
}

/**
 * `round(value, decimals)`: the nearest decimal of the exact binary value, ties to even.
 * @param decimals number of digits after the point, 0 to 20
 */
export function pythonRound(value: number, decimals: number): number {
  const size = Math.abs(value);
  if (!(size < 1e21)) return value;
  const rounded = isTie(size, decimals) ? roundTie(size, decimals) : size.toFixed(decimals);
  return value < 0 || Object.is(value, -0) ? -Number(rounded) : Number(rounded);
}

/**
 * Whether a positive number lies exactly between two decimals: its expansion then ends with a 5
 * one digit later, so it is a multiple of a power of two, and a product with one is exact.
 */
function isTie(size: number, decimals: number): boolean {
  if (!Number.isInteger(size * 2 ** (decimals + 1))) return false;
  return size.toFixed(decimals + 1).endsWith('5');
}

/** `toFixed` takes the larger neighbour of a tie; Python takes the even one. */
function roundTie(size: number, decimals: number): string {
  const below = size
    .toFixed(decimals + 1)
    .slice(0, -1)
    .replace(/\.$/, '');
  return /[02468]$/.test(below) ? below : size.toFixed(decimals);
}
