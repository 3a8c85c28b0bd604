import { expect, it } from 'vitest';
import { untilStopped } from '../../../src/grid/until-stopped.ts';

const never = () => new Promise<never>(() => {});

it('gives what it waited for', async () => {
  const { signal } = new AbortController();
  expect(await untilStopped(signal, Promise.resolve(1))).toBe(1);
  await expect(untilStopped(signal, Promise.reject(new Error('lost')))).rejects.toThrow('lost');
});

it('ends when the command is stopped, or was before', async () => {
  const abort = new AbortController();
  const waiting = untilStopped(abort.signal, never());
  abort.abort();
  await expect(waiting).rejects.toMatchObject({ code: 'SLAPOS_ERR_CANCELLED' });
  const again = untilStopped(abort.signal, never());
  await expect(again).rejects.toMatchObject({ code: 'SLAPOS_ERR_CANCELLED' });
});
