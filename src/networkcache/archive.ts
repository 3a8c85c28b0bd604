/**
 * Looks at a tar archive before anything of it is unpacked (spec/networkcache.md 8): tar(5) headers
 * of ustar, GNU and pax. Only folders, files and links below one top folder may be in it.
 */

const BLOCK_BYTES = 512;
/** Of a long name or of pax records: real ones have some kilobytes. */
const MAX_EXTENSION_BYTES = 1024 * 1024;

interface Header {
  readonly name: string;
  readonly linkName: string;
  readonly sizeBytes: number;
  readonly type: string;
}

/** What the extension members before a member say of it. */
interface Extension {
  name?: string;
  linkName?: string;
  sizeBytes?: number;
}

/** Takes an archive piece by piece. Each method throws an Error naming the member that is refused. */
export class ArchiveInspector {
  readonly #top: string;
  /** Folders below which nothing may be written, since their names are links. */
  readonly #links = new Set<string>();
  #rest: Buffer = Buffer.alloc(0);
  /** Bytes of content to pass over. */
  #skipBytes = 0;
  /** An extension member whose content is gathered. */
  #gathering: { readonly header: Header; readonly chunks: Buffer[]; leftBytes: number } | undefined;
  #extension: Extension = {};
  #hasEnded = false;
  #memberCount = 0;

  /** @param top name of the folder that holds everything */
  constructor(top: string) {
    this.#top = top;
  }

  take(chunk: Buffer): void {
    this.#rest = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    while (this.#advance());
  }

  end(): void {
    if (this.#hasEnded && this.#memberCount > 0) return;
    throw new Error(this.#memberCount === 0 ? 'the archive is empty' : 'the archive is cut off');
  }

  /** @returns false when more bytes are needed. */
  #advance(): boolean {
    if (this.#hasEnded) {
      this.#rest = Buffer.alloc(0);
      return false;
    }
    if (this.#skipBytes > 0) return this.#skip();
    if (this.#gathering !== undefined) return this.#gather();
    if (this.#rest.length < BLOCK_BYTES) return false;
    const block = this.#rest.subarray(0, BLOCK_BYTES);
    this.#rest = this.#rest.subarray(BLOCK_BYTES);
    if (block.every((byte) => byte === 0)) this.#hasEnded = true;
    else this.#begin(parseHeader(block));
    return true;
  }

  #skip(): boolean {
    const taken = Math.min(this.#skipBytes, this.#rest.length);
    this.#rest = this.#rest.subarray(taken);
    this.#skipBytes -= taken;
    return taken > 0;
  }

  #gather(): boolean {
    const gathering = this.#gathering;
    if (gathering === undefined) return false;
    const taken = Math.min(gathering.leftBytes, this.#rest.length);
    gathering.chunks.push(this.#rest.subarray(0, taken));
    this.#rest = this.#rest.subarray(taken);
    gathering.leftBytes -= taken;
    if (gathering.leftBytes > 0) return false;
    const { header } = gathering;
    this.#gathering = undefined;
    this.#skipBytes = paddingOf(header.sizeBytes);
    this.#extend(header.type, Buffer.concat(gathering.chunks));
    return true;
  }

  #begin(header: Header): void {
    if ('LKxg'.includes(header.type)) {
      if (header.sizeBytes > MAX_EXTENSION_BYTES) throw new Error('an extension is too long');
      this.#gathering = { header, chunks: [], leftBytes: header.sizeBytes };
      return;
    }
    const member = { ...header, ...this.#extension };
    this.#extension = {};
    this.#check(member);
    this.#memberCount += 1;
    const hasContent = ['0', '\0', '7'].includes(member.type);
    this.#skipBytes = hasContent ? member.sizeBytes + paddingOf(member.sizeBytes) : 0;
  }

  #extend(type: string, content: Buffer): void {
    if (type === 'L') this.#extension.name = cString(content);
    else if (type === 'K') this.#extension.linkName = cString(content);
    else if (type === 'g') refuseGlobal(content);
    else this.#extension = { ...this.#extension, ...parsePax(content) };
  }

  #check({ linkName, name, sizeBytes, type }: Header): void {
    const path = this.#checkName(name, name);
    if (path === this.#top && type !== '5') throw new Error(`${this.#top} is no folder`);
    // Programs differ in whether content follows then: it could hide members from us.
    if ('125'.includes(type) && sizeBytes !== 0) {
      throw new Error(`${JSON.stringify(name)} has content and is no file`);
    }
    // Another name of a link is a link.
    const isLink =
      type === '2' || (type === '1' && this.#links.has(this.#checkName(linkName, name)));
    if (isLink) this.#links.add(path);
    if (type === '1' || type === '2') return;
    if (!['0', '\0', '5', '7'].includes(type)) {
      throw new Error(`${JSON.stringify(name)} is no file, folder or link`);
    }
  }

  /** @returns the path without a final `/`. */
  #checkName(path: string, member: string): string {
    const parts = path.replace(/\/+$/, '').split('/');
    const isPlain = parts.every((part) => part !== '' && part !== '.' && part !== '..');
    if (!isPlain || parts[0] !== this.#top || path.includes('\0')) {
      throw new Error(`${JSON.stringify(member)} is not below ${this.#top}/`);
    }
    for (let depth = 1; depth < parts.length; depth += 1) {
      if (this.#links.has(parts.slice(0, depth).join('/'))) {
        throw new Error(`${JSON.stringify(member)} would be written through a link`);
      }
    }
    return parts.join('/');
  }
}

function paddingOf(sizeBytes: number): number {
  return (BLOCK_BYTES - (sizeBytes % BLOCK_BYTES)) % BLOCK_BYTES;
}

function parseHeader(block: Buffer): Header {
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
  return parseNumber(block.subarray(148, 156)) === sum;
}

/** Octal text, or base 256 as GNU tar writes large numbers. */
function parseNumber(bytes: Buffer): number {
  const first = bytes[0] ?? 0;
  if (first >= 0x80) {
    const value = bytes.subarray(1).reduce((sum, byte) => sum * 256 + byte, first & 0x7f);
    if (first === 0xff || !Number.isSafeInteger(value)) throw new Error('a number is too large');
    return value;
  }
  const text = bytes.toString('latin1').split('\0', 1).join('').trim();
  if (!/^[0-7]*$/.test(text)) throw new Error('it is no tar archive, or damaged');
  return text === '' ? 0 : Number.parseInt(text, 8);
}

function field(block: Buffer, offset: number, width: number): string {
  return cString(block.subarray(offset, offset + width));
}

function cString(bytes: Buffer): string {
  const end = bytes.indexOf(0);
  return bytes.toString('utf8', 0, end < 0 ? bytes.length : end);
}

/** Records `LENGTH NAME=VALUE\n` of pax(1). */
function* paxRecords(content: Buffer): Generator<readonly [string, string]> {
  for (let at = 0; at < content.length; ) {
    const space = content.indexOf(0x20, at);
    const length = Number(content.toString('latin1', at, Math.max(at, space)));
    if (space < 0 || !Number.isInteger(length) || length <= space - at) {
      throw new Error('its pax records are damaged');
    }
    const record = content.toString('utf8', space + 1, at + length - 1);
    const equals = record.indexOf('=');
    yield [record.slice(0, equals), record.slice(equals + 1)];
    at += length;
  }
}

function parsePax(content: Buffer): Extension {
  const extension: Extension = {};
  for (const [name, value] of paxRecords(content)) {
    if (name === 'path') extension.name = value;
    else if (name === 'linkpath') extension.linkName = value;
    else if (name === 'size') extension.sizeBytes = Number(value);
    else if (name.startsWith('GNU.sparse.')) throw new Error('it holds sparse files');
  }
  if (extension.sizeBytes !== undefined && !Number.isSafeInteger(extension.sizeBytes)) {
    throw new Error('a number is too large');
  }
  return extension;
}

/** Git writes a comment; anything that renames members is refused. */
function refuseGlobal(content: Buffer): void {
  for (const [name] of paxRecords(content)) {
    if (name !== 'comment') throw new Error('it has global pax records');
  }
}
