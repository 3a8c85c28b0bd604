/**
 * IPv4 and IPv6 addresses as numbers: text in, arithmetic, canonical text out. Pure.
 * IPv6 is a bigint of 128 bits, IPv4 an unsigned number of 32 bits.
 */

export const IPV6_BITS = 128;
export const IPV4_BITS = 32;

const IPV6_GROUPS = 8;
const DECIMAL_BYTE = /^(?:0|[1-9]\d{0,2})$/;

/** The number of an IPv4 address in dotted text, or null when the text is none. */
export function parseIpv4(text: string): number | null {
  const bytes = text.split('.');
  if (bytes.length !== 4) return null;
  let value = 0;
  for (const byte of bytes) {
    if (!DECIMAL_BYTE.test(byte) || Number(byte) > 255) return null;
    value = value * 256 + Number(byte);
  }
  return value;
}

export function renderIpv4(value: number): string {
  return [24, 16, 8, 0].map((shift) => (value >>> shift) & 0xff).join('.');
}

/** The number of an IPv6 address in any text form of RFC 4291 2.2, or null when the text is none. */
export function parseIpv6(text: string): bigint | null {
  if (!text.includes(':')) return null;
  const gap = text.indexOf('::');
  if (gap < 0) return parseWhole(text);
  const head = parseGroups(text.slice(0, gap), false);
  const tail = parseGroups(text.slice(gap + 2), true);
  if (head === null || tail === null || head.length + tail.length >= IPV6_GROUPS) return null;
  WORDS.fill(0);
  for (let at = 0; at < head.length; at += 1) WORDS[LAST_GROUP - at] = head[at] as number;
  for (let at = 0; at < tail.length; at += 1) WORDS[tail.length - 1 - at] = tail[at] as number;
  return valueOfWords();
}

function parseWhole(text: string): bigint | null {
  const groups = parseGroups(text, true);
  if (groups?.length !== IPV6_GROUPS) return null;
  for (let at = 0; at < IPV6_GROUPS; at += 1) WORDS[LAST_GROUP - at] = groups[at] as number;
  return valueOfWords();
}

/**
 * One number seen as eight groups and as two halves (little-endian, as all our processors are), the
 * last group first: shifting big integers eight times an address would be several times slower.
 */
const WORDS = new Uint16Array(IPV6_GROUPS);
const HALVES = new BigUint64Array(WORDS.buffer);
const LAST_GROUP = IPV6_GROUPS - 1;
const HALF_BITS = 64n;

function valueOfWords(): bigint {
  return ((HALVES[1] as bigint) << HALF_BITS) | (HALVES[0] as bigint);
}

/** Groups of one side of `::`; only the last ones may be written as IPv4. */
function parseGroups(text: string, mayEndInIpv4: boolean): number[] | null {
  if (text === '') return [];
  const words = text.split(':');
  const groups: number[] = [];
  for (let position = 0; position < words.length; position += 1) {
    const word = words[position] as string;
    const group = hexGroup(word);
    if (group >= 0) {
      groups.push(group);
      continue;
    }
    const ipv4 = mayEndInIpv4 && position === words.length - 1 ? parseIpv4(word) : null;
    if (ipv4 === null) return null;
    groups.push(ipv4 >>> 16, ipv4 & 0xffff);
  }
  return groups;
}

/** The number of one to four hexadecimal digits, -1 for anything else. */
function hexGroup(word: string): number {
  if (word.length === 0 || word.length > 4) return -1;
  let value = 0;
  for (let at = 0; at < word.length; at += 1) {
    const digit = hexDigit(word.charCodeAt(at));
    if (digit < 0) return -1;
    value = value * 16 + digit;
  }
  return value;
}

function hexDigit(code: number): number {
  if (code >= 0x30 && code <= 0x39) return code - 0x30;
  const lower = code | 0x20;
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1;
}

/** Canonical text (RFC 5952 4): lower case, the first longest run of two or more zeros as `::`. */
export function renderIpv6(value: bigint): string {
  HALVES[0] = value;
  HALVES[1] = value >> HALF_BITS;
  const run = longestZeroRun();
  const isShortened = run.length >= 2;
  let text = '';
  for (let at = 0; at < IPV6_GROUPS; at += 1) {
    if (isShortened && at === run.start) {
      text += '::';
      at += run.length - 1;
      continue;
    }
    if (text !== '' && !text.endsWith(':')) text += ':';
    text += (WORDS[LAST_GROUP - at] as number).toString(16);
  }
  return text;
}

function longestZeroRun(): { start: number; length: number } {
  let best = { start: 0, length: 0 };
  let length = 0;
  for (let at = 0; at < IPV6_GROUPS; at += 1) {
    length = WORDS[LAST_GROUP - at] === 0 ? length + 1 : 0;
    if (length > best.length) best = { start: at - length + 1, length };
  }
  return best;
}

/** `value` with everything behind the prefix cleared. */
export function ipv6Network(value: bigint, prefixLength: number): bigint {
  const hostBits = BigInt(IPV6_BITS - prefixLength);
  return (value >> hostBits) << hostBits;
}

export function ipv4Network(value: number, prefixLength: number): number {
  return (value & ipv4Mask(prefixLength)) >>> 0;
}

function ipv4Mask(prefixLength: number): number {
  return prefixLength === 0 ? 0 : (0xffffffff << (IPV4_BITS - prefixLength)) >>> 0;
}

/** True when both addresses are in one network of that length. */
export function isSameIpv6Network(one: bigint, other: bigint, prefixLength: number): boolean {
  const hostBits = BigInt(IPV6_BITS - prefixLength);
  return one >> hostBits === other >> hostBits;
}

/** Netmask text of an IPv6 prefix, as state files carry it: 48 is `ffff:ffff:ffff::`. */
export function renderIpv6Netmask(prefixLength: number): string {
  return NETMASKS[prefixLength] ?? '';
}

/** Every netmask by its canonical text: they are read and written thousands of times a run. */
const NETMASKS = Array.from({ length: IPV6_BITS + 1 }, (_, length) => {
  return renderIpv6(ipv6Network((1n << BigInt(IPV6_BITS)) - 1n, length));
});
const NETMASK_LENGTHS = new Map(NETMASKS.map((text, length) => [text, length]));

export function renderIpv4Netmask(prefixLength: number): string {
  return renderIpv4(ipv4Mask(prefixLength));
}

/**
 * Prefix length that an IPv6 netmask text stands for, or null when it is no netmask. Old state
 * files also have `mask/length` and the bare length.
 */
export function parseIpv6Netmask(text: string): number | null {
  return NETMASK_LENGTHS.get(text) ?? parseUnusualNetmask(text);
}

function parseUnusualNetmask(text: string): number | null {
  const bare = text.split('/')[0] ?? '';
  if (/^\d{1,3}$/.test(bare)) return Number(bare) <= IPV6_BITS ? Number(bare) : null;
  const mask = parseIpv6(bare);
  if (mask === null) return null;
  const prefixLength = mask.toString(2).replace(/(?<!0)0+$/, '').length;
  return renderIpv6Netmask(prefixLength) === renderIpv6(mask) ? prefixLength : null;
}

/** Prefix length that a dotted IPv4 netmask stands for, or null when it is no netmask. */
export function parseIpv4Netmask(text: string): number | null {
  const mask = parseIpv4(text);
  if (mask === null) return null;
  const prefixLength = mask.toString(2).replace(/(?<!0)0+$/, '').length;
  if (mask === 0) return 0;
  return ipv4Mask(prefixLength) === mask ? prefixLength : null;
}

/** A network in CIDR text such as `10.0.0.0/16`, host bits cleared; null when the text is none. */
export function parseIpv4Cidr(text: string): { network: number; prefixLength: number } | null {
  const match = /^([\d.]+)(?:\/(\d{1,2}))?$/.exec(text.trim());
  const address = match === null ? null : parseIpv4(match[1] ?? '');
  const prefixLength = Number(match?.[2] ?? IPV4_BITS);
  if (address === null || prefixLength > IPV4_BITS) return null;
  return { network: ipv4Network(address, prefixLength), prefixLength };
}

export function parseIpv6Cidr(text: string): { address: bigint; prefixLength: number } | null {
  const match = /^([^/]+)\/(\d{1,3})$/.exec(text.trim());
  const address = match === null ? null : parseIpv6(match[1] ?? '');
  const prefixLength = Number(match?.[2]);
  return address === null || prefixLength > IPV6_BITS ? null : { address, prefixLength };
}
