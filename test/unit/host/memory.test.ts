import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { MemoryRelease } from '../../../src/host/memory.ts';

describe('giving memory back', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => {
    vi.useRealTimers();
    vi.restoreAllMocks();
  });

  const heapIs = (megabytes: number) => {
    const usage = { ...process.memoryUsage(), heapTotal: megabytes * 1024 * 1024 };
    const read = Object.assign(() => usage, { rss: () => 0 });
    vi.spyOn(process, 'memoryUsage').mockImplementation(read);
  };

  it('happens once there was a pause after work that left garbage, and then no more', () => {
    heapIs(100);
    const collect = vi.fn(() => heapIs(40));
    const memory = new MemoryRelease(1000, collect);
    for (let second = 0; second < 5; second += 1) {
      memory.touch();
      vi.advanceTimersByTime(900);
    }
    expect(collect).not.toHaveBeenCalled();
    vi.advanceTimersByTime(30_000);
    expect(collect).toHaveBeenCalledTimes(3);
    expect(vi.getTimerCount()).toBe(0);
    heapIs(45);
    memory.touch();
    vi.advanceTimersByTime(30_000);
    expect(collect).toHaveBeenCalledTimes(3);
  });

  it('really collects', () => {
    vi.useRealTimers();
    vi.useFakeTimers({ toFake: ['setTimeout'] });
    const memory = new MemoryRelease(10);
    let garbage: object[] | undefined = Array.from({ length: 100_000 }, () => ({ a: [1, 2, 3] }));
    const reference = new WeakRef(garbage);
    garbage = undefined;
    heapIs(1000);
    memory.touch();
    vi.advanceTimersByTime(30_000);
    return Promise.resolve().then(() => {
      // A WeakRef lives until the end of the turn in which it was made or read.
      expect(reference).toBeInstanceOf(WeakRef);
      expect('gc' in globalThis).toBe(false);
    });
  });
});
