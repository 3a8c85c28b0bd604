/**
 * Looks at a tar archive before anything of it is unpacked (spec/networkcache.md 8): tar(5) headers
 * of ustar, GNU and pax. Only folders, files and links below one top folder may be in it, and nothing
 * that programs could read in two ways: GNU tar, which unpacks it, must see the members that we see.
 */
import {
  BLOCK_BYTES,
  cString,
  type Extension,
  parseHeader,
  parsePax,
  refuseGlobal,
  type TarHeader,
} from './tar-header.ts';

/** Of a long name or of pax records: real ones have some kilobytes. */
const MAX_EXTENSION_BYTES = 1024 * 1024;
/** PATH_MAX of Linux, without its NUL. */
const MAX_NAME_BYTES = 4095;
/** Each costs an inode; the largest releases have some hundred thousand. */
const MAX_MEMBERS = 2_000_000;
/** Of all names of links together, which are kept. */
const MAX_LINK_TEXT = 64 * 1024 * 1024;
/** A block of the disk, and about what a name and an inode take. */
const DISK_BLOCK_BYTES = 4096;
/** Types with content that go to the disk as files. */
const FILE_TYPES = ['0', '\0', '7'];

/** More than this is refused, so that a small archive cannot fill the disk or keep us busy. */
export interface ArchiveLimits {
  /** Of the archive when it is not compressed. */
  readonly plainBytes: number;
  /** That its members take. */
  readonly diskBytes: number;
}

/** A member as it is going to be unpacked. */
export interface ArchiveMember {
  readonly name: string;
  readonly type: string;
  readonly sizeBytes: number;
}

/** Takes an archive piece by piece. Each method throws an Error naming the member that is refused. */
export class ArchiveInspector {
  readonly #top: string;
  readonly #limits: ArchiveLimits;
  readonly #onMember: (member: ArchiveMember) => void;
  /** Folders below which nothing may be written, since their names are links. */
  readonly #links = new Set<string>();
  #rest: Buffer = Buffer.alloc(0);
  /** Bytes of content to pass over. */
  #skipBytes = 0;
  /** An extension member whose content is gathered. */
  #gathering:
    | { readonly header: TarHeader; readonly chunks: Buffer[]; leftBytes: number }
    | undefined;
  #extension: Extension = {};
  #plainBytes = 0;
  #diskBytes = 0;
  #linkText = 0;
  #hasEnded = false;
  #memberCount = 0;

  /**
   * @param top name of the folder that holds everything
   * @param onMember hears of each member
   */
  constructor(
    top: string,
    limits: ArchiveLimits,
    onMember: (member: ArchiveMember) => void = () => {},
  ) {
    this.#top = top;
    this.#limits = limits;
    this.#onMember = onMember;
  }

  take(chunk: Buffer): void {
    this.#plainBytes += chunk.length;
    if (this.#plainBytes > this.#limits.plainBytes) {
      throw new Error(`it holds more than ${this.#limits.plainBytes} bytes`);
    }
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

  #begin(header: TarHeader): void {
    if ('LKxg'.includes(header.type)) {
      if (header.sizeBytes > MAX_EXTENSION_BYTES) throw new Error('an extension is too long');
      this.#gathering = { header, chunks: [], leftBytes: header.sizeBytes };
      return;
    }
    const member = { ...header, ...this.#extension };
    this.#extension = {};
    this.#check(member);
    this.#count(member);
    const hasContent = FILE_TYPES.includes(member.type);
    this.#skipBytes = hasContent ? member.sizeBytes + paddingOf(member.sizeBytes) : 0;
  }

  #count(member: TarHeader): void {
    this.#onMember(member);
    this.#memberCount += 1;
    if (this.#memberCount > MAX_MEMBERS) throw new Error(`it has more than ${MAX_MEMBERS} members`);
    const blocks = Math.ceil(member.sizeBytes / DISK_BLOCK_BYTES);
    this.#diskBytes += (blocks + 1) * DISK_BLOCK_BYTES;
    if (this.#diskBytes > this.#limits.diskBytes) {
      throw new Error(`it takes more than the ${this.#limits.diskBytes} bytes that are free`);
    }
  }

  /** Two names for one member: programs differ in which of them counts. */
  #extend(type: string, content: Buffer): void {
    const known = this.#extension;
    const more = type === 'g' ? refuseGlobal(content) : parseExtension(type, content);
    const isDouble = Object.keys(more).some((key) => key in known);
    if (isDouble) throw new Error('a member has two extensions');
    this.#extension = { ...known, ...more };
  }

  #check({ linkName, name, sizeBytes, type }: TarHeader): void {
    const path = this.#checkName(name, name);
    // An old tar meant a folder by that, and what follows by its content.
    if (FILE_TYPES.includes(type) && name.endsWith('/')) {
      throw new Error(`${JSON.stringify(name)} is a file with the name of a folder`);
    }
    if (path === this.#top && type !== '5') throw new Error(`${this.#top} is no folder`);
    // Programs differ in whether content follows then: it could hide members from us.
    if ('125'.includes(type) && sizeBytes !== 0) {
      throw new Error(`${JSON.stringify(name)} has content and is no file`);
    }
    // Another name of a link is a link.
    const isLink =
      type === '2' || (type === '1' && this.#links.has(this.#checkName(linkName, name)));
    if (isLink) this.#addLink(path);
    if (type === '2') checkText(linkName, name);
    if (![...FILE_TYPES, '1', '2', '5'].includes(type)) {
      throw new Error(`${JSON.stringify(name)} is no file, folder or link`);
    }
  }

  #addLink(path: string): void {
    this.#links.add(path);
    this.#linkText += path.length;
    if (this.#linkText > MAX_LINK_TEXT) throw new Error('it has too many links');
  }

  /** @returns the path without a final `/`. */
  #checkName(path: string, member: string): string {
    checkText(path, member);
    const parts = path.replace(/(?<!\/)\/+$/, '').split('/');
    const isPlain = parts.every((part) => part !== '' && part !== '.' && part !== '..');
    if (!isPlain || parts[0] !== this.#top) {
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

/** What a member of type L, K or x says of the next one. */
function parseExtension(type: string, content: Buffer): Extension {
  if (type === 'L') return { name: cString(content) };
  return type === 'K' ? { linkName: cString(content) } : { isPax: true, ...parsePax(content) };
}

/** Names that a terminal would obey, or that no file can have. */
function checkText(path: string, member: string): void {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: this is what is looked for.
  if (/[\x00-\x1f\x7f]/.test(path)) {
    throw new Error(`${JSON.stringify(member)} has a control character in a name`);
  }
  if (Buffer.byteLength(path) > MAX_NAME_BYTES) throw new Error('a name is too long');
}
