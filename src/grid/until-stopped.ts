import { CancelledError } from '../errors/slapos-error.ts';

/**
 * Waits for something that cannot be cancelled, such as an answer of the Master, no longer than the
 * command is wanted.
 * @throws CancelledError when the signal aborts; what it waited for is left alone.
 */
export async function untilStopped<Result>(
  signal: AbortSignal,
  waiting: Promise<Result>,
): Promise<Result> {
  const stop = new AbortController();
  const stopped = new Promise<never>((_resolve, reject) => {
    const fail = () => {
      reject(new CancelledError('SLAPOS_ERR_CANCELLED', 'Interrupted while waiting.'));
    };
    if (signal.aborted) fail();
    else signal.addEventListener('abort', fail, { once: true, signal: stop.signal });
  });
  try {
    return await Promise.race([waiting, stopped]);
  } finally {
    stop.abort();
  }
}
