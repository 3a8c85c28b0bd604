/** Bodies as they come, with a limit. */
import type { Readable } from 'node:stream';
import { badRequest, HttpProblem } from '../http-problem.ts';

/**
 * The pieces of a body. Whoever stops early leaves the rest to be thrown away by the server, so that
 * the client, which is still sending, gets to see the answer.
 * @throws HttpProblem 413 for more than so many bytes, 400 for a connection that is cut.
 */
export async function* readBounded(body: Readable, maxBytes: number): AsyncGenerator<Uint8Array> {
  let sizeBytes = 0;
  const iterator = body.iterator({ destroyOnReturn: false })[Symbol.asyncIterator]();
  try {
    for (;;) {
      const next = await iterator.next().catch(() => {
        throw badRequest('The body was cut off.');
      });
      if (next.done === true) return;
      const chunk = next.value as Uint8Array;
      sizeBytes += chunk.length;
      if (sizeBytes > maxBytes) throw new HttpProblem(413, `More than ${maxBytes} bytes.`);
      yield chunk;
    }
  } finally {
    await iterator.return?.();
  }
}
