/** One HTTP connection, a request at a time, with as little work for each as possible. */
import { createConnection, type Socket } from 'node:net';

export interface WireAnswer {
  readonly status: number;
  readonly etag: string | undefined;
  /** Empty for answers longer than {@link KEPT_BYTES}. */
  readonly text: string;
}

/** Whole documents are counted and dropped: a simulated node knows what is in them. */
const KEPT_BYTES = 32 * 1024;
const HEAD_END = Buffer.from('\r\n\r\n');

interface Waiting {
  resolve(answer: WireAnswer): void;
  reject(error: Error): void;
}

interface OpenAnswer {
  readonly status: number;
  readonly etag: string | undefined;
  /** Bytes that are still to come. */
  left: number;
  readonly kept: Buffer[] | undefined;
}

export class WireConnection {
  readonly #socket: Socket;
  #waiting: Waiting | undefined;
  #head: Buffer | undefined;
  #open: OpenAnswer | undefined;
  bytesRead = 0;

  /** @param from address of loopback, so that many short connections do not run out of ports */
  constructor(port: number, from = '127.0.0.1') {
    const options = { host: '127.0.0.1', port, localAddress: from, noDelay: true };
    this.#socket = createConnection(options);
    this.#socket.on('data', (piece: Buffer) => this.#take(piece));
    this.#socket.on('error', (error) => this.#fail(error));
    this.#socket.on('close', () => this.#fail(new Error('the connection was closed')));
  }

  /** @throws Error when the connection ends or the answer is none that is understood. */
  ask(bytes: Buffer): Promise<WireAnswer> {
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject };
      this.#socket.write(bytes);
    });
  }

  close(): void {
    this.#socket.destroy();
  }

  #fail(error: Error): void {
    this.#waiting?.reject(error);
    this.#waiting = undefined;
  }

  #take(piece: Buffer): void {
    this.bytesRead += piece.length;
    if (this.#open === undefined) this.#takeHead(piece);
    else this.#takeBody(this.#open, piece);
  }

  #takeHead(piece: Buffer): void {
    const head = this.#head === undefined ? piece : Buffer.concat([this.#head, piece]);
    const end = head.indexOf(HEAD_END);
    this.#head = end < 0 ? head : undefined;
    if (end < 0) return;
    const text = head.toString('latin1', 0, end);
    const length = lengthOf(text);
    if (length === undefined) {
      this.#fail(new Error(`an answer without length:\n${text}`));
      return;
    }
    const etag = /\r\netag: ([^\r]+)/i.exec(text)?.[1];
    const kept = length > KEPT_BYTES ? undefined : [];
    this.#open = { status: Number(text.slice(9, 12)), etag, left: length, kept };
    this.#takeBody(this.#open, head.subarray(end + HEAD_END.length));
  }

  #takeBody(open: OpenAnswer, piece: Buffer): void {
    open.left -= piece.length;
    open.kept?.push(piece);
    if (open.left > 0) return;
    this.#open = undefined;
    const waiting = this.#waiting;
    this.#waiting = undefined;
    const text = open.kept === undefined ? '' : Buffer.concat(open.kept).toString('latin1');
    waiting?.resolve({ status: open.status, etag: open.etag, text });
  }
}

/** Of the body, undefined where the head does not tell. */
function lengthOf(head: string): number | undefined {
  if (head.startsWith('HTTP/1.1 304')) return 0;
  const length = /\r\ncontent-length: (\d+)/i.exec(head)?.[1];
  return length === undefined ? undefined : Number(length);
}
