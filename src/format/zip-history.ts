/**
 * Adds one deflated entry to a zip archive (APPNOTE.TXT 6.3, without zip64 and encryption): all that
 * the history of `slapos.xml` needs, over Node's own zlib. Pure: bytes in, bytes out.
 */
import { crc32, deflateRawSync } from 'node:zlib';

const LOCAL_SIGNATURE = 0x04034b50;
const CENTRAL_SIGNATURE = 0x02014b50;
const END_SIGNATURE = 0x06054b50;
const LOCAL_BYTES = 30;
const CENTRAL_BYTES = 46;
const END_BYTES = 22;
const MAX_COMMENT_BYTES = 0xffff;
const MAX_ENTRIES = 0xffff;
const DEFLATED = 8;
const UTF8_NAMES = 0x0800;
const VERSION = 20;
/** Made on Unix: the upper half of the external attributes is the mode. */
const MADE_BY_UNIX = (3 << 8) | VERSION;
const FILE_MODE = 0o100600;

export interface ZipEntry {
  readonly name: string;
  readonly content: string;
  /** Local time goes into the entry, as the format has no zone. */
  readonly modified: Date;
}

/**
 * @param archive The archive so far; undefined for a new one.
 * @throws RangeError when `archive` is not a zip that can be appended to.
 */
export function appendZipEntry(archive: Buffer | undefined, entry: ZipEntry): Buffer {
  const end = archive === undefined ? emptyEnd() : findEnd(archive);
  const content = Buffer.from(entry.content);
  const deflated = deflateRawSync(content);
  const name = Buffer.from(entry.name);
  const common = commonFields(entry, content, deflated, name);
  const before = archive?.subarray(0, end.directoryOffset) ?? Buffer.alloc(0);
  const directory = archive?.subarray(end.directoryOffset, end.directoryEnd) ?? Buffer.alloc(0);
  const local = Buffer.concat([localHeader(common), name, deflated]);
  const central = Buffer.concat([centralHeader(common, before.length), name]);
  const directoryOffset = before.length + local.length;
  const directoryBytes = directory.length + central.length;
  const tail = endRecord(end.entries + 1, directoryBytes, directoryOffset);
  return Buffer.concat([before, local, directory, central, tail]);
}

interface End {
  readonly entries: number;
  readonly directoryOffset: number;
  readonly directoryEnd: number;
}

function emptyEnd(): End {
  return { entries: 0, directoryOffset: 0, directoryEnd: 0 };
}

function findEnd(archive: Buffer): End {
  const first = Math.max(0, archive.length - END_BYTES - MAX_COMMENT_BYTES);
  for (let offset = archive.length - END_BYTES; offset >= first; offset -= 1) {
    if (archive.readUInt32LE(offset) !== END_SIGNATURE) continue;
    const entries = archive.readUInt16LE(offset + 10);
    const directoryBytes = archive.readUInt32LE(offset + 12);
    const directoryOffset = archive.readUInt32LE(offset + 16);
    const directoryEnd = directoryOffset + directoryBytes;
    checkEnd(archive, { entries, directoryOffset, directoryEnd }, offset);
    return { entries, directoryOffset, directoryEnd };
  }
  throw new RangeError('no end of central directory');
}

function checkEnd(archive: Buffer, end: End, endOffset: number): void {
  if (end.directoryEnd > endOffset) throw new RangeError('bad central directory');
  if (end.entries >= MAX_ENTRIES) throw new RangeError('too many entries');
  if (end.entries === 0) return;
  if (archive.readUInt32LE(end.directoryOffset) !== CENTRAL_SIGNATURE) {
    throw new RangeError('bad central directory');
  }
}

/** The 26 bytes that the local and the central header share. */
function commonFields(entry: ZipEntry, content: Buffer, deflated: Buffer, name: Buffer): Buffer {
  const isAscii = name.every((byte) => byte < 0x80);
  const fields = Buffer.alloc(26);
  fields.writeUInt16LE(VERSION, 0);
  fields.writeUInt16LE(isAscii ? 0 : UTF8_NAMES, 2);
  fields.writeUInt16LE(DEFLATED, 4);
  fields.writeUInt16LE(dosTime(entry.modified), 6);
  fields.writeUInt16LE(dosDate(entry.modified), 8);
  fields.writeUInt32LE(crc32(content), 10);
  fields.writeUInt32LE(deflated.length, 14);
  fields.writeUInt32LE(content.length, 18);
  fields.writeUInt16LE(name.length, 22);
  return fields;
}

function dosTime(date: Date): number {
  return (date.getHours() << 11) | (date.getMinutes() << 5) | (date.getSeconds() >> 1);
}

function dosDate(date: Date): number {
  const year = Math.max(0, date.getFullYear() - 1980);
  return (year << 9) | ((date.getMonth() + 1) << 5) | date.getDate();
}

function localHeader(common: Buffer): Buffer {
  const header = Buffer.alloc(LOCAL_BYTES);
  header.writeUInt32LE(LOCAL_SIGNATURE, 0);
  common.copy(header, 4);
  return header;
}

function centralHeader(common: Buffer, localOffset: number): Buffer {
  const header = Buffer.alloc(CENTRAL_BYTES);
  header.writeUInt32LE(CENTRAL_SIGNATURE, 0);
  header.writeUInt16LE(MADE_BY_UNIX, 4);
  common.copy(header, 6);
  header.writeUInt32LE((FILE_MODE << 16) >>> 0, 38);
  header.writeUInt32LE(localOffset, 42);
  return header;
}

function endRecord(entries: number, directoryBytes: number, directoryOffset: number): Buffer {
  const record = Buffer.alloc(END_BYTES);
  record.writeUInt32LE(END_SIGNATURE, 0);
  record.writeUInt16LE(entries, 8);
  record.writeUInt16LE(entries, 10);
  record.writeUInt32LE(directoryBytes, 12);
  record.writeUInt32LE(directoryOffset, 16);
  return record;
}

/** `20261121-02:08`: the stamp in the names of history entries, local time. */
export function historyStamp(now: Date): string {
  const two = (value: number) => String(value).padStart(2, '0');
  const day = `${now.getFullYear()}${two(now.getMonth() + 1)}${two(now.getDate())}`;
  return `${day}-${two(now.getHours())}:${two(now.getMinutes())}`;
}
