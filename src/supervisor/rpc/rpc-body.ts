/** Receives the bodies of requests in bounded memory, whatever clients send. */
import type { IncomingMessage } from 'node:http';

export interface RpcLimits {
  /** Longest body, and longest sum of the bodies that are being received, in bytes. */
  readonly bodyBytes: number;
  readonly allBodiesBytes: number;
  /** Longest time for a client to send a request, from its first byte. */
  readonly requestMs: number;
  /** Longest time for a client to take the answer of a call. */
  readonly answerMs: number;
}

export const RPC_LIMITS: RpcLimits = {
  bodyBytes: 16 * 1024 * 1024,
  allBodiesBytes: 64 * 1024 * 1024,
  requestMs: 30_000,
  answerMs: 60_000,
};

/** A body that is not received: HTTP status and reason. */
export class BodyRefusal extends Error {
  readonly status: number;

  constructor(status: number, reason: string) {
    super(reason);
    this.status = status;
  }
}

export class BodyReader {
  readonly #limits: RpcLimits;
  /** Bytes that clients announced and that are not all dealt with. */
  #announcedBytes = 0;

  constructor(limits: RpcLimits) {
    this.#limits = limits;
  }

  /** @throws BodyRefusal 411 without a length, 413 for a long one, 503 for one too many at a time. */
  async read(request: IncomingMessage): Promise<string> {
    const header = request.headers['content-length'];
    if (header === undefined) throw new BodyRefusal(411, 'Length Required');
    // The HTTP parser ends the body there, and accepts nothing but digits.
    const length = Number(header);
    if (length > this.#limits.bodyBytes) throw new BodyRefusal(413, 'Payload Too Large');
    if (this.#announcedBytes + length > this.#limits.allBodiesBytes) {
      throw new BodyRefusal(503, 'Service Unavailable');
    }
    this.#announcedBytes += length;
    try {
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(chunk as Buffer);
      return Buffer.concat(chunks).toString('utf8');
    } finally {
      this.#announcedBytes -= length;
    }
  }
}
