/** Calls that end with a signal or after a time. */
import { CancelledError, MasterError } from '../errors/slapos-error.ts';
import { describeUrl } from './bounded-text.ts';

/** How a call ends before its time. */
export interface CallLimits {
  readonly signal?: AbortSignal | undefined;
  /** Longest time of the call with its retries, instead of that of the connection. */
  readonly timeoutMs?: number | undefined;
}

/**
 * Runs work that heeds the signal it gets.
 * @param url names the work in messages
 * @throws CancelledError SLAPOS_ERR_CANCELLED once the signal of the limits aborts, with its reason
 *   as cause; MasterError SLAPOS_ERR_MASTER_UNAVAILABLE after `timeoutMs`.
 * @internal
 */
export async function runBounded<T>(
  { signal, timeoutMs }: CallLimits,
  url: URL,
  work: (signal: AbortSignal | undefined) => Promise<T>,
): Promise<T> {
  if (signal === undefined && timeoutMs === undefined) return work(undefined);
  const controller = new AbortController();
  const cancel = () => controller.abort(cancelled(url, signal?.reason));
  const expire = () => controller.abort(expired(url, timeoutMs ?? 0));
  const timer = timeoutMs === undefined ? undefined : setTimeout(expire, timeoutMs);
  signal?.addEventListener('abort', cancel, { once: true });
  if (signal?.aborted === true) cancel();
  try {
    controller.signal.throwIfAborted();
    return await work(controller.signal);
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', cancel);
  }
}

function cancelled(url: URL, cause: unknown): CancelledError {
  const message = `The call of ${describeUrl(url)} was cancelled.`;
  return new CancelledError('SLAPOS_ERR_CANCELLED', message, { cause });
}

function expired(url: URL, timeoutMs: number): MasterError {
  const message = `The SlapOS Master did not answer ${describeUrl(url)} within ${timeoutMs} ms.`;
  return new MasterError('SLAPOS_ERR_MASTER_UNAVAILABLE', message, {
    isRetryable: true,
    hint: 'Try again later, or allow the call more time.',
    context: { url: describeUrl(url), reason: 'timeout' },
  });
}
