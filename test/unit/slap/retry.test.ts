import { describe, expect, test } from 'vitest';
import { MasterError, UsageError } from '../../../src/errors/slapos-error.ts';
import { parseRetryAfter, planRetry } from '../../../src/slap/retry.ts';

const POLICY = { maxRetries: 3, minDelayMs: 100, maxDelayMs: 300 };

function failure(context: Readonly<Record<string, unknown>>, code = 'UNAVAILABLE'): MasterError {
  return new MasterError(`SLAPOS_ERR_MASTER_${code}` as 'SLAPOS_ERR_MASTER_UNAVAILABLE', 'away', {
    context,
  });
}

describe('what is repeated', () => {
  const plan = (error: unknown, repetitions = 0) => planRetry(error, repetitions, POLICY, 1);

  test.each([429, 502, 503, 504])('status %i', (status) => {
    const code = status === 429 ? 'REFUSED' : 'UNAVAILABLE';
    expect(plan(failure({ status }, code))).toBe(100);
  });

  test('no answer at all', () => {
    expect(plan(failure({ reason: 'ECONNREFUSED' }))).toBe(100);
  });

  test.each([500, 501, 400, 404, 408])('not status %i', (status) => {
    expect(plan(failure({ status }))).toBeNull();
  });

  test('neither a refused certificate nor anything else', () => {
    expect(plan(failure({ isCertificateRefused: true }))).toBeNull();
    expect(plan(new UsageError('SLAPOS_ERR_USAGE', 'wrong'))).toBeNull();
    expect(plan(new Error('bug'))).toBeNull();
    expect(plan(undefined)).toBeNull();
  });

  test('not more often than allowed', () => {
    expect([0, 1, 2, 3].map((count) => plan(failure({}), count))).toEqual([100, 200, 300, null]);
  });
});

test('clients that failed together come back apart', () => {
  const delays = [0, 0.5, 1].map((chance) => planRetry(failure({}), 1, POLICY, chance));
  expect(delays).toEqual([100, 150, 200]);
});

test('what the server asks for is waited, up to the bound', () => {
  const after = (retryAfterMs: number) => planRetry(failure({ retryAfterMs }), 0, POLICY, 1);
  expect([0, 250, 300, 301].map(after)).toEqual([100, 250, 300, null]);
});

test.each([
  ['0', 0],
  ['120', 120_000],
  [' 7 ', 7000],
  ['Sat, 21 Nov 2026 00:00:10 GMT', 10_000],
  ['Fri, 20 Nov 2026 23:59:00 GMT', 0],
  ['-1', undefined],
  ['soon', undefined],
  ['1.5e300', undefined],
  ['', undefined],
  [undefined, undefined],
])('Retry-After: %s', (text, expected) => {
  expect(parseRetryAfter(text, Date.parse('2026-11-21T00:00:00Z'))).toBe(expected);
});
