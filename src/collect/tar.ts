/** Blocks of a tar archive (ustar, POSIX.1-1988; sizes from 8 GiB on in base 256 as GNU tar). */

const BLOCK_BYTES = 512;
const LARGEST_OCTAL_SIZE = 0o77777777777;

export interface TarMember {
  /** At most 100 bytes; a folder ends with `/`. */
  readonly name: string;
  readonly mode: number;
  readonly sizeBytes: number;
  /** Seconds since the epoch. */
  readonly modifiedS: number;
}

/** The header block of a member owned by root. Throws an Error for a name over 100 bytes. */
export function encodeTarHeader(member: TarMember): Buffer {
  const block = Buffer.alloc(BLOCK_BYTES);
  if (Buffer.byteLength(member.name) > 100) throw new Error(`tar name too long: ${member.name}`);
  block.write(member.name, 0);
  writeOctal(block, 100, 8, member.mode);
  writeOctal(block, 108, 8, 0);
  writeOctal(block, 116, 8, 0);
  writeSize(block, member.sizeBytes);
  writeOctal(block, 136, 12, member.modifiedS);
  block.write(member.name.endsWith('/') ? '5' : '0', 156);
  block.write('ustar\u000000', 257);
  block.write('root', 265);
  block.write('root', 297);
  block.fill(' ', 148, 156);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  return block;
}

/** Zeros that fill the last block of a member. */
export function encodeTarPadding(sizeBytes: number): Buffer {
  return Buffer.alloc((BLOCK_BYTES - (sizeBytes % BLOCK_BYTES)) % BLOCK_BYTES);
}

/** The end of an archive: two blocks of zeros. */
export function encodeTarEnd(): Buffer {
  return Buffer.alloc(2 * BLOCK_BYTES);
}

function writeOctal(block: Buffer, offset: number, width: number, value: number): void {
  block.write(`${value.toString(8).padStart(width - 1, '0')}\0`, offset);
}

function writeSize(block: Buffer, sizeBytes: number): void {
  if (sizeBytes <= LARGEST_OCTAL_SIZE) {
    writeOctal(block, 124, 12, sizeBytes);
    return;
  }
  block[124] = 0x80;
  block.writeBigUInt64BE(BigInt(sizeBytes), 128);
}
