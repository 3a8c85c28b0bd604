/** How far an archive of gigabytes is on its way. */
import { renderByteSize } from '../config/byte-size.ts';
import type { Build } from './build.ts';

/** Between the first two lines about a transfer; it doubles up to the second. */
const FIRST_LINE_MS = 10_000;
const LAST_LINE_MS = 300_000;
const MEBIBYTE = 1024 * 1024;

/** Hears how many bytes there are, and will be when that is known. */
type Teller = (doneBytes: number, totalBytes: number | undefined) => void;

/** The bar of a terminal hears of every piece; the log gets a line now and then. */
export function createTeller(
  { context, log, url }: Build,
  verb: 'Downloaded' | 'Uploaded',
  preposition: 'from' | 'to',
): Teller {
  let toldMs = performance.now();
  let pauseMs = FIRST_LINE_MS;
  return (doneBytes, totalBytes) => {
    const [done, total] = [doneBytes, totalBytes ?? doneBytes].map(inMebibytes);
    context.progress({ done: done ?? 0, total: total ?? 0, label: `MiB of ${url}` });
    if (performance.now() - toldMs < pauseMs) return;
    toldMs = performance.now();
    pauseMs = Math.min(2 * pauseMs, LAST_LINE_MS);
    const of = totalBytes === undefined ? '' : ` of ${renderByteSize(totalBytes)}`;
    log.info(`${verb} ${renderByteSize(doneBytes)}${of} of ${url} ${preposition} network cache.`);
  };
}

/** The pieces of a file that is sent, told of as they go. */
export async function* tellSent(
  build: Build,
  chunks: AsyncIterable<Uint8Array>,
  totalBytes: number,
): AsyncGenerator<Uint8Array> {
  const tell = createTeller(build, 'Uploaded', 'to');
  let doneBytes = 0;
  for await (const chunk of chunks) {
    yield chunk;
    doneBytes += chunk.length;
    tell(doneBytes, totalBytes);
  }
}

function inMebibytes(bytes: number): number {
  return Math.round(bytes / MEBIBYTE);
}
