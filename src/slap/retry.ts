/** When a read is sent again after a failure. */
import { setTimeout as sleep } from 'node:timers/promises';
import { isSlaposError } from '../errors/slapos-error.ts';

export interface RetryPolicy {
  /** How often a read is sent again at most; 0: never. */
  readonly maxRetries: number;
  /** Longest wait before the first repetition; it doubles with each one. */
  readonly minDelayMs: number;
  /** Longest wait of all. A server that asks for more (Retry-After) is not asked again. */
  readonly maxDelayMs: number;
}

/** @internal */
export const NO_RETRIES: RetryPolicy = { maxRetries: 0, minDelayMs: 0, maxDelayMs: 0 };
/** Too many requests, and what gateways say of a server that is away for a moment. */
const PASSING_STATUSES: readonly unknown[] = [429, 502, 503, 504];

/**
 * How long to wait before the next attempt.
 * @param repetitions how often it was repeated already
 * @param chance from 0 to 1: clients that failed together do not come back together
 * @returns milliseconds, or null to give up.
 * @internal
 */
export function planRetry(
  failure: unknown,
  repetitions: number,
  { maxRetries, minDelayMs, maxDelayMs }: RetryPolicy,
  chance: number,
): number | null {
  if (repetitions >= maxRetries || !isPassing(failure)) return null;
  const backoffMs = Math.min(minDelayMs * 2 ** repetitions, maxDelayMs);
  const askedMs = failure.context['retryAfterMs'];
  if (typeof askedMs !== 'number') return backoffMs * (0.5 + chance / 2);
  return askedMs > maxDelayMs ? null : Math.max(askedMs, backoffMs * chance);
}

function isPassing(failure: unknown): failure is { context: Readonly<Record<string, unknown>> } {
  if (!isSlaposError(failure) || failure.code !== 'SLAPOS_ERR_MASTER_UNAVAILABLE') {
    return isSlaposError(failure) && failure.context['status'] === 429;
  }
  const { status, isCertificateRefused } = failure.context;
  return status === undefined ? isCertificateRefused !== true : PASSING_STATUSES.includes(status);
}

/**
 * Runs an attempt again as long as the policy allows.
 * @throws what the last attempt threw, or the reason of the signal.
 * @internal
 */
export async function runWithRetries<T>(
  policy: RetryPolicy,
  signal: AbortSignal | undefined,
  attempt: () => Promise<T>,
): Promise<T> {
  for (let repetitions = 0; ; repetitions += 1) {
    try {
      return await attempt();
    } catch (failure) {
      signal?.throwIfAborted();
      const delayMs = planRetry(failure, repetitions, policy, Math.random());
      if (delayMs === null) throw failure;
      await pause(delayMs, signal);
    }
  }
}

async function pause(delayMs: number, signal: AbortSignal | undefined): Promise<void> {
  try {
    await sleep(delayMs, undefined, signal === undefined ? {} : { signal });
  } catch (error) {
    signal?.throwIfAborted();
    throw error;
  }
}

/**
 * The header Retry-After (RFC 9110 10.2.3): seconds or a date.
 * @returns milliseconds from `nowMs` on, or undefined when it says nothing.
 * @internal
 */
export function parseRetryAfter(text: string | undefined, nowMs: number): number | undefined {
  if (text === undefined) return undefined;
  if (/^\d{1,10}$/.test(text.trim())) return Number(text) * 1000;
  // Date.parse takes much that is no date of HTTP.
  const atMs = /^[A-Z][a-z]{2,8},? .*\d$|GMT$/.test(text) ? Date.parse(text) : Number.NaN;
  return Number.isNaN(atMs) ? undefined : Math.max(0, atMs - nowMs);
}
