/** Headers and extensions of tar archives: ustar, GNU and pax (tar(5), pax(1)). Pure. */

export const BLOCK_BYTES = 512;
const NEWLINE = 0x0a;

export interface TarHeader {
  readonly name: string;
  readonly linkName: string;
  readonly sizeBytes: number;
  readonly type: string;
}

/** What the extension members before a member say of it. */
export interface Extension {
  name?: string;
  linkName?: string;
  sizeBytes?: number;
  /** There were pax records. */
  isPax?: true;
}

/** @throws Error for a block that is no header. */
export function parseHeader(block: Buffer): TarHeader {
  if (!hasValidSum(block)) throw new Error('it is no tar archive, or damaged');
  const prefix = block.toString('latin1', 257, 263) === 'ustar\0' ? field(block, 345, 155) : '';
  const name = field(block, 0, 100);
  return {
    name: prefix === '' ? name : `${prefix}/${name}`,
    linkName: field(block, 157, 100),
    sizeBytes: parseNumber(block.subarray(124, 136)),
    type: String.fromCharCode(block[156] ?? 0),
  };
}

/** The sum of the header, its own field counted as spaces. */
function hasValidSum(block: Buffer): boolean {
  let sum = 8 * 32;
  for (let index = 0; index < BLOCK_BYTES; index += 1) {
    if (index < 148 || index >= 156) sum += block[index] ?? 0;
  }
  return parseOctal(block.subarray(148, 156)) === sum;
}

/** Octal text, or base 256 as GNU tar writes large numbers. */
function parseNumber(bytes: Buffer): number {
  const first = bytes[0] ?? 0;
  if (first >= 0x80) {
    const value = bytes.subarray(1).reduce((sum, byte) => sum * 256 + byte, first & 0x7f);
    if (first === 0xff || !Number.isSafeInteger(value)) throw new Error('a number is too large');
    return value;
  }
  return parseOctal(bytes);
}

function parseOctal(bytes: Buffer): number {
  const text = bytes.toString('latin1').split('\0', 1).join('').trim();
  if (!/^[0-7]*$/.test(text)) throw new Error('it is no tar archive, or damaged');
  return text === '' ? 0 : Number.parseInt(text, 8);
}

function field(block: Buffer, offset: number, width: number): string {
  return cString(block.subarray(offset, offset + width));
}

/** The text before the first NUL. */
export function cString(bytes: Buffer): string {
  const end = bytes.indexOf(0);
  return bytes.toString('utf8', 0, end < 0 ? bytes.length : end);
}

/** Records `LENGTH NAME=VALUE\n` of pax(1). */
function* paxRecords(content: Buffer): Generator<readonly [string, string]> {
  for (let at = 0; at < content.length; ) {
    const [, digits = ''] = /^(\d{1,7}) /.exec(content.toString('latin1', at, at + 8)) ?? [];
    const end = at + Number(digits);
    const record = content.toString('utf8', at + digits.length + 1, end - 1);
    const equals = record.indexOf('=');
    const isWhole = digits !== '' && end <= content.length && content[end - 1] === NEWLINE;
    if (!isWhole || equals < 1) throw new Error('its pax records are damaged');
    yield [record.slice(0, equals), record.slice(equals + 1)];
    at = end;
  }
}

/** @throws Error for records that are damaged, or of sparse files. */
export function parsePax(content: Buffer): Extension {
  const extension: Extension = {};
  for (const [name, value] of paxRecords(content)) {
    if (name === 'path') extension.name = value;
    else if (name === 'linkpath') extension.linkName = value;
    else if (name === 'size') extension.sizeBytes = parseSize(value);
    else if (name.startsWith('GNU.')) throw new Error('it holds sparse or other special files');
  }
  return extension;
}

function parseSize(value: string): number {
  if (/^\d{1,15}$/.test(value)) return Number(value);
  throw new Error('a number is no number, or too large');
}

/** Git writes a comment; anything that renames members is refused. */
export function refuseGlobal(content: Buffer): Extension {
  for (const [name] of paxRecords(content)) {
    if (name !== 'comment') throw new Error('it has global pax records');
  }
  return {};
}
