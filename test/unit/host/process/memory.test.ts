import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { MemoryRelease, releaseMemory } from '../../../../src/host/process/memory.ts';

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

  it('happens at most once a minute', () => {
    heapIs(100);
    const collect = vi.fn(() => heapIs(40));
    const memory = new MemoryRelease(1000, collect);
    memory.touch();
    vi.advanceTimersByTime(20_000);
    expect(collect).toHaveBeenCalledTimes(3);
    heapIs(100);
    memory.touch();
    vi.advanceTimersByTime(20_000);
    expect(collect).toHaveBeenCalledTimes(3);
    vi.advanceTimersByTime(60_000);
    expect(collect).toHaveBeenCalledTimes(6);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('really collects', () => {
    const readUsage = process.memoryUsage;
    const usedBytes = () => readUsage().heapUsed;
    let garbage: object[] | undefined = Array.from({ length: 300_000 }, () => ({ a: [1, 2, 3] }));
    expect(garbage.length).toBe(300_000);
    garbage = undefined;
    const before = usedBytes();
    heapIs(1000);
    new MemoryRelease(10).touch();
    vi.advanceTimersByTime(30_000);
    expect(before - usedBytes()).toBeGreaterThan(20 * 1024 * 1024);
    expect('gc' in globalThis).toBe(false);
  });
});

it('what nobody holds is gone at once, and free memory trimmed', async () => {
  const memoryTrim = vi.fn(() => true);
  const left = new WeakRef({ text: 'left' });
  await new Promise((done) => setImmediate(done));
  releaseMemory({ memoryTrim });
  expect(left.deref()).toBeUndefined();
  expect(memoryTrim).toHaveBeenCalledOnce();
  releaseMemory();
});
