/** One blob from a shacache server, over as many requests as it takes (spec/networkcache.md 2). */
import { createHash, type Hash } from 'node:crypto';
import { PassThrough } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { CancelledError, errorCode } from '../errors/slapos-error.ts';
import { cacheError, statusError } from './cache-error.ts';
import type { CacheAnswer, Patience } from './http.ts';

/** Where the bytes of a blob go. */
export interface BlobTarget {
  /** What an earlier transfer of this blob left; absent: nothing. */
  read?(): AsyncIterable<Uint8Array>;
  append(chunk: Uint8Array): Promise<void>;
  /** Forgets all that is there; absent: nothing can be taken back. */
  clear?(): Promise<void>;
  /**
   * Hears how much there is and will be, if the server says, before more of it comes. What it
   * throws ends the transfer.
   */
  expect?(progress: { readonly doneBytes: number; readonly totalBytes?: number }): Promise<void>;
}

export type GetBlob = (headers: Record<string, string>) => Promise<CacheAnswer>;

/** Whole answers that are begun again, by a server without ranges or because of a wrong digest. */
const MAX_RESTARTS = 2;
/** A server that gives a byte for each request must not be asked for ever. */
const MAX_REQUESTS = 200;

/** How far a transfer is. */
interface Transfer {
  readonly get: GetBlob;
  readonly target: BlobTarget;
  readonly signal: AbortSignal;
  readonly patience: Patience;
  readonly sha512: string;
  hash: Hash;
  doneBytes: number;
  /** Strong validator of what came until now (RFC 9110 8.8.3). */
  etag: string | undefined;
  /** The last answer said that it can be asked for parts. */
  hasRanges: boolean;
  restarts: number;
  /** Requests that brought nothing, one after the other. */
  failures: number;
  /** Whether all bytes are of one answer. */
  isOneAnswer: boolean;
}

/**
 * Brings a blob into the target, verified; what is there already is not asked for again. A server
 * without ranges, or one that has something else by now, is asked for all of it again.
 * @throws SlaposError SLAPOS_ERR_CACHE, CancelledError, or what the target throws.
 */
export async function transferBlob(
  request: Pick<Transfer, 'get' | 'target' | 'signal' | 'patience' | 'sha512'>,
): Promise<void> {
  const transfer: Transfer = {
    ...{ ...request, hash: createHash('sha512'), doneBytes: 0, etag: undefined },
    // Whether it has is seen from its answer.
    ...{ hasRanges: true, restarts: 0, failures: 0, isOneAnswer: true },
  };
  for await (const chunk of request.target.read?.() ?? []) take(transfer, chunk);
  if (transfer.doneBytes > 0 && isVerified(transfer)) return;
  for (let requests = 0; requests < MAX_REQUESTS; requests += 1) {
    if (await bringMore(transfer)) return;
  }
  throw cacheError(`the transfer did not end in ${MAX_REQUESTS} requests`);
}

/** One request. @returns whether the blob is whole. */
async function bringMore(transfer: Transfer): Promise<boolean> {
  const startBytes = transfer.doneBytes;
  let answer: CacheAnswer | undefined;
  try {
    answer = await transfer.get(rangeHeaders(transfer));
    if (!(await begin(transfer, answer))) return false;
    await receive(transfer, answer);
  } catch (error) {
    // A server may be wrong about the length.
    if (transfer.doneBytes > startBytes && isVerified(transfer)) return true;
    await endureLoss(transfer, error, startBytes);
    return false;
  } finally {
    answer?.drop();
  }
  return await finish(transfer);
}

function rangeHeaders({ doneBytes, etag }: Transfer): Record<string, string> {
  if (doneBytes === 0) return {};
  const range = `bytes=${doneBytes}-`;
  return etag === undefined ? { range } : { range, 'if-range': etag };
}

/** Looks at the head of an answer. @returns false when another request has to be made. */
async function begin(transfer: Transfer, { headers, status }: CacheAnswer): Promise<boolean> {
  // Nothing is left of it from there: what we have is not what the server has.
  const isElsewhere = status === 416 || (status === 206 && !beginsWhereWeAre(transfer, headers));
  if (transfer.doneBytes > 0 && isElsewhere) {
    await restart(transfer);
    return false;
  }
  if (status === 206 ? transfer.doneBytes === 0 : status < 200 || status > 299) {
    throw statusError(status, `shacache answers ${status}`);
  }
  if (status === 206) transfer.isOneAnswer = false;
  else if (transfer.doneBytes > 0) await forget(transfer, 'shacache begins again');
  transfer.hasRanges = headers['accept-ranges'] === 'bytes' || status === 206;
  const { etag } = headers;
  transfer.etag = etag?.startsWith('"') === true ? etag : undefined;
  return true;
}

/** @param headers of an answer with status 206; a server that tells no range is believed. */
function beginsWhereWeAre({ doneBytes }: Transfer, headers: CacheAnswer['headers']): boolean {
  const range = headers['content-range'];
  return range === undefined || Number(/^bytes (\d{1,15})-/.exec(range)?.[1]) === doneBytes;
}

async function receive(transfer: Transfer, { chunks, headers }: CacheAnswer): Promise<void> {
  const { target } = transfer;
  const length = headers['content-length'];
  const totalBytes = length === undefined ? undefined : transfer.doneBytes + Number(length);
  const expect = async () => {
    const { doneBytes } = transfer;
    await target.expect?.({ doneBytes, ...(totalBytes === undefined ? {} : { totalBytes }) });
  };
  await expect();
  for await (const chunk of chunks) {
    await target.append(chunk);
    take(transfer, chunk);
    await expect();
  }
  if (totalBytes !== undefined && transfer.doneBytes < totalBytes) {
    throw cacheError('the answer ended too early');
  }
}

function take(transfer: Transfer, chunk: Uint8Array): void {
  transfer.hash.update(chunk);
  transfer.doneBytes += chunk.length;
}

/** Goes on after a connection that was lost in the middle. @throws the error when that is no use. */
async function endureLoss(transfer: Transfer, error: unknown, startBytes: number): Promise<void> {
  const { doneBytes, patience, signal } = transfer;
  const isLoss = errorCode(error) === 'SLAPOS_ERR_CACHE' && statusOf(error) === undefined;
  if (signal.aborted || !isLoss || doneBytes === 0) throw error;
  transfer.failures = doneBytes > startBytes ? 0 : transfer.failures + 1;
  if (!transfer.hasRanges && !(await mayRestart(transfer))) throw error;
  if (transfer.failures === 0) return;
  const pauseMs = patience.retryMs[transfer.failures - 1];
  if (pauseMs === undefined) throw error;
  await sleep(pauseMs, undefined, { signal }).catch((cause: unknown) => {
    throw new CancelledError('SLAPOS_ERR_CANCELLED', 'The transfer was cut off.', { cause });
  });
}

function statusOf(error: unknown): unknown {
  return (error as { context?: Readonly<Record<string, unknown>> }).context?.['status'];
}

/** Compares the digest. @returns false when all of it has to come again. */
async function finish(transfer: Transfer): Promise<boolean> {
  if (isVerified(transfer)) return true;
  // Parts of different answers may not belong together.
  if (!transfer.isOneAnswer && (await mayRestart(transfer))) return false;
  await transfer.target.clear?.();
  throw cacheError('Failed to download data to SHACACHE Server: invalid checksum.');
}

function isVerified({ hash, sha512 }: Transfer): boolean {
  return hash.copy().digest('hex') === sha512;
}

async function restart(transfer: Transfer): Promise<void> {
  if (!(await mayRestart(transfer))) throw cacheError('shacache gives no part of what it has');
}

async function mayRestart(transfer: Transfer): Promise<boolean> {
  if (transfer.restarts >= MAX_RESTARTS || transfer.target.clear === undefined) return false;
  transfer.restarts += 1;
  await forget(transfer, '');
  return true;
}

/** @throws SlaposError SLAPOS_ERR_CACHE with the words of `why` where nothing can be taken back. */
async function forget(transfer: Transfer, why: string): Promise<void> {
  if (transfer.target.clear === undefined) throw cacheError(why);
  await transfer.target.clear();
  transfer.hash = createHash('sha512');
  transfer.doneBytes = 0;
  transfer.etag = undefined;
  transfer.isOneAnswer = true;
}

/** What a transfer brings, as it comes; its failure is that of the stream. */
export async function* streamBlob(
  transfer: (target: BlobTarget) => Promise<void>,
): AsyncGenerator<Uint8Array> {
  const pipe = new PassThrough();
  let wake = () => {};
  for (const event of ['drain', 'close']) pipe.on(event, () => wake());
  const append = async (chunk: Uint8Array) => {
    if (!pipe.destroyed && !pipe.write(chunk)) {
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
    // Nobody reads on.
    if (pipe.destroyed) throw cacheError('the transfer was given up');
  };
  const failed = (error: Error) => void pipe.destroy(error);
  transfer({ append }).then(() => void pipe.end(), failed);
  yield* pipe as AsyncIterable<Uint8Array>;
}
