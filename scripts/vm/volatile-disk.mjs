// A disk with a volatile write cache, as an NBD server on a socket: what was written since the last
// flush is lost when the power is cut, or only some of it, in any order and by sectors. Page caches of
// the guest are lost with the machine; this is what a disk loses besides.
// Protocol: https://github.com/NetworkBlockDevice/nbd/blob/master/doc/proto.md, fixed newstyle
// negotiation, simple replies, one export.
import { closeSync, fstatSync, openSync, readSync, rmSync, writeSync } from 'node:fs';
import { createServer } from 'node:net';

const OPTION_MAGIC = Buffer.from('IHAVEOPT');
const REPLY_MAGIC = 0x3e889045565a9n;
const REQUEST_MAGIC = 0x25609513;
const SIMPLE_REPLY_MAGIC = 0x67446698;
/** Fixed newstyle, no zeroes. */
const HANDSHAKE_FLAGS = 3;
/** Has flags, takes flushes. */
const EXPORT_FLAGS = 1 | 4;
const OPTION = { exportName: 1, abort: 2, info: 6, go: 7 };
const REPLY = { ack: 1, info: 3, unsupported: 0x80000001 };
const COMMAND = { read: 0, write: 1, disconnect: 2, flush: 3 };
const EINVAL = 22;
const BLOCK = 4096;
const SECTOR = 512;
/** A cache that is full writes by itself. */
const CACHE_BLOCKS = 32 * 1024;

export class VolatileDisk {
  #server;
  #descriptor;
  #size;
  /** By number of the block; in the order of the first write since it was flushed. */
  #cache = new Map();
  #path;
  lost = { blocks: 0, kept: 0 };

  /** @param file image of the disk; path of the socket */
  constructor(file, path) {
    this.#descriptor = openSync(file, 'r+');
    this.#size = fstatSync(this.#descriptor).size;
    this.#path = path;
    rmSync(path, { force: true });
    this.#server = createServer((socket) => new Connection(socket, this, this.#size));
  }

  listen() {
    return new Promise((resolve) => this.#server.listen(this.#path, resolve));
  }

  close() {
    this.flush();
    this.#server.close();
    closeSync(this.#descriptor);
    rmSync(this.#path, { force: true });
  }

  read(offset, length) {
    const bytes = Buffer.alloc(length);
    readSync(this.#descriptor, bytes, 0, length, offset);
    if (this.#cache.size === 0) return bytes;
    for (const { block, from, to, at } of pieces(offset, length)) {
      this.#cache.get(block)?.copy(bytes, at, from, to);
    }
    return bytes;
  }

  write(offset, bytes) {
    for (const { block, from, to, at } of pieces(offset, bytes.length)) {
      let cached = this.#cache.get(block);
      if (cached === undefined) {
        cached = Buffer.alloc(BLOCK);
        if (to - from < BLOCK) readSync(this.#descriptor, cached, 0, BLOCK, block * BLOCK);
        this.#cache.set(block, cached);
      }
      bytes.copy(cached, from, at, at + to - from);
    }
    for (const block of this.#cache.keys()) {
      if (this.#cache.size <= CACHE_BLOCKS) break;
      this.#store(block, 0, BLOCK);
      this.#cache.delete(block);
    }
  }

  flush() {
    for (const block of this.#cache.keys()) this.#store(block, 0, BLOCK);
    this.#cache.clear();
  }

  /** The power goes. @param random 0 to 1; which share of the cache the disk still writes is drawn too */
  cut(random) {
    const share = [0, 0.5, 0.95][Math.floor(random() * 3)];
    this.lost = { blocks: this.#cache.size, kept: 0 };
    for (const block of this.#cache.keys()) {
      if (random() >= share) continue;
      this.lost.kept += 1;
      const isTorn = random() < 0.2;
      const end = isTorn ? SECTOR * Math.floor(random() * (BLOCK / SECTOR)) : BLOCK;
      this.#store(block, 0, end);
    }
    this.#cache.clear();
  }

  #store(block, from, to) {
    writeSync(this.#descriptor, this.#cache.get(block), from, to - from, block * BLOCK + from);
  }
}

/** A stretch of the disk by blocks: from and to within the block, at within the stretch. */
function* pieces(offset, length) {
  for (let at = 0; at < length; ) {
    const from = (offset + at) % BLOCK;
    const to = Math.min(BLOCK, from + length - at);
    yield { block: Math.floor((offset + at) / BLOCK), from, to, at };
    at += to - from;
  }
}

class Connection {
  #socket;
  #disk;
  #size;
  #input = [];
  #have = 0;
  #wanted;

  constructor(socket, disk, size) {
    this.#socket = socket;
    this.#disk = disk;
    this.#size = size;
    socket.on('error', () => {});
    socket.on('data', (bytes) => {
      this.#input.push(bytes);
      this.#have += bytes.length;
      this.#serveWaiting();
    });
    this.#run().catch(() => socket.destroy());
  }

  #serveWaiting() {
    if (this.#wanted === undefined || this.#have < this.#wanted.length) return;
    const { length, resolve } = this.#wanted;
    this.#wanted = undefined;
    const all = Buffer.concat(this.#input);
    this.#input = [all.subarray(length)];
    this.#have -= length;
    resolve(all.subarray(0, length));
  }

  #take(length) {
    return new Promise((resolve) => {
      this.#wanted = { length, resolve };
      this.#serveWaiting();
    });
  }

  async #run() {
    const hello = Buffer.alloc(18);
    hello.write('NBDMAGIC');
    OPTION_MAGIC.copy(hello, 8);
    hello.writeUInt16BE(HANDSHAKE_FLAGS, 16);
    this.#socket.write(hello);
    await this.#take(4);
    while (!(await this.#negotiate()));
    while (await this.#serve());
    this.#socket.end();
  }

  /** Resolves to true when the export is open. */
  async #negotiate() {
    const head = await this.#take(16);
    const option = head.readUInt32BE(8);
    await this.#take(head.readUInt32BE(12));
    const told = Buffer.alloc(10);
    told.writeBigUInt64BE(BigInt(this.#size));
    told.writeUInt16BE(EXPORT_FLAGS, 8);
    if (option === OPTION.exportName) this.#socket.write(told);
    else if (option === OPTION.go || option === OPTION.info) {
      this.#answer(option, REPLY.info, Buffer.concat([Buffer.alloc(2), told]));
      this.#answer(option, REPLY.ack);
    } else this.#answer(option, option === OPTION.abort ? REPLY.ack : REPLY.unsupported);
    return option === OPTION.exportName || option === OPTION.go;
  }

  #answer(option, kind, data = Buffer.alloc(0)) {
    const head = Buffer.alloc(20);
    head.writeBigUInt64BE(REPLY_MAGIC);
    head.writeUInt32BE(option, 8);
    head.writeUInt32BE(kind, 12);
    head.writeUInt32BE(data.length, 16);
    this.#socket.write(Buffer.concat([head, data]));
  }

  async #serve() {
    const head = await this.#take(28);
    if (head.readUInt32BE(0) !== REQUEST_MAGIC) throw new Error('no request of NBD');
    const command = head.readUInt16BE(6);
    const offset = Number(head.readBigUInt64BE(16));
    const length = head.readUInt32BE(24);
    if (command === COMMAND.disconnect) return false;
    const data = command === COMMAND.write ? await this.#take(length) : undefined;
    const reply = Buffer.alloc(16);
    reply.writeUInt32BE(SIMPLE_REPLY_MAGIC);
    head.copy(reply, 8, 8, 16);
    if (command === COMMAND.write) this.#disk.write(offset, data);
    else if (command === COMMAND.flush) this.#disk.flush();
    else if (command !== COMMAND.read) reply.writeUInt32BE(EINVAL, 4);
    this.#socket.write(reply);
    if (command === COMMAND.read) this.#socket.write(this.#disk.read(offset, length));
    return true;
  }
}
