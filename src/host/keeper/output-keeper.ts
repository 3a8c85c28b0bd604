/**
 * What is kept of the output of a command: all of it up to 1 MiB, else its beginning, where builds say
 * what they do, and its end, where they say why they fail. However it comes, in single bytes or in
 * gigabytes, no more memory is used.
 */

const HEAD_BYTES = 256 * 1024;
const TAIL_BYTES = 768 * 1024;
const FIRST_BYTES = 4096;

export interface OutputKeeper {
  take(chunk: Buffer): void;
  /** Invalid UTF-8 becomes U+FFFD; a line in the middle says how much is left out. */
  text(): string;
}

export function createOutputKeeper(headBytes = HEAD_BYTES, tailBytes = TAIL_BYTES): OutputKeeper {
  const head = createHead(headBytes);
  const tail = createRing(tailBytes);
  return {
    take: (chunk) => tail.add(head.add(chunk)),
    text() {
      const missing = tail.missingBytes();
      if (missing === 0) return Buffer.concat([head.content(), tail.content()]).toString();
      return `${head.content()}\n[... ${missing} bytes left out ...]\n${tail.content()}`;
    },
  };
}

function createHead(limit: number) {
  let buffer = Buffer.alloc(0);
  let used = 0;
  return {
    /** @returns what does not fit. */
    add(chunk: Buffer): Buffer {
      const taken = Math.min(limit - used, chunk.length);
      if (used + taken > buffer.length) {
        const size = Math.max(FIRST_BYTES, 2 * buffer.length, used + taken);
        buffer = Buffer.concat([buffer], Math.min(limit, size));
      }
      used += chunk.copy(buffer, used, 0, taken);
      return chunk.subarray(taken);
    },
    content: () => buffer.subarray(0, used),
  };
}

/** The last bytes, written round and round. */
function createRing(size: number) {
  let buffer: Buffer | undefined;
  let total = 0;
  return {
    add(chunk: Buffer): void {
      if (chunk.length === 0) return;
      buffer ??= Buffer.alloc(size);
      const last = chunk.subarray(Math.max(0, chunk.length - size));
      const start = (total + chunk.length - last.length) % size;
      const first = last.copy(buffer, start);
      last.copy(buffer, 0, first);
      total += chunk.length;
    },
    missingBytes: () => Math.max(0, total - size),
    content(): Buffer {
      if (buffer === undefined || total <= size) return (buffer ?? EMPTY).subarray(0, total);
      return Buffer.concat([buffer.subarray(total % size), buffer.subarray(0, total % size)]);
    },
  };
}

const EMPTY = Buffer.alloc(0);
