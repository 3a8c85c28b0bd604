import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  cpuPercent,
  type ProcessReading,
  type ProcessScale,
  processKey,
  processRows,
} from '../../../src/collect/process-values.ts';

const scale: ProcessScale = {
  ticksPerSecond: 100,
  bootTimeS: 1700000000,
  memoryTotalBytes: 25276514304,
  userNames: new Map([[1000, 'slapuser0']]),
};

function reading(changes: Partial<ProcessReading> = {}): ProcessReading {
  return {
    pid: 4242,
    startTicks: 123456,
    uid: 1000,
    userTicks: 120,
    systemTicks: 30,
    childUserTicks: 50,
    childSystemTicks: 0,
    blockIoTicks: 0,
    threadCount: 3,
    rssBytes: 451 * 4096,
    readBytes: 4096,
    writeBytes: 8192,
    readCalls: 20,
    writeCalls: 12,
    ...changes,
  };
}

describe('processRows', () => {
  test('gives the worked examples of the specification', () => {
    const first = { monotonicMs: 0, readings: [reading()] };
    const second = { monotonicMs: 5020, readings: [reading({ userTicks: 157 })] };
    expect(processRows(first, second, scale)).toEqual([
      {
        partition: 'slapuser0',
        pid: 4242,
        process: '4242-1700001234.56',
        cpuPercent: 7.4,
        cpuTimeS: 2,
        threadCount: 3,
        memoryPercent: 0.007308349473280285,
        rssBytes: 1847296,
        ioBytes: 12288,
        ioCalls: 32,
      },
    ]);
  });

  test('keeps a process that ended between the two scans, without CPU use', () => {
    const first = { monotonicMs: 0, readings: [reading()] };
    const rows = processRows(first, { monotonicMs: 5000, readings: [] }, scale);
    expect(rows).toMatchObject([{ pid: 4242, cpuPercent: 0, cpuTimeS: 2 }]);
  });

  test('does not take another process with the same pid for the first', () => {
    const first = { monotonicMs: 0, readings: [reading()] };
    const reused = reading({ startTicks: 200000, userTicks: 900 });
    const rows = processRows(first, { monotonicMs: 5000, readings: [reused] }, scale);
    expect(rows).toMatchObject([{ process: '4242-1700001234.56', cpuPercent: 0 }]);
  });

  test('leaves out other users and processes that came later', () => {
    const first = { monotonicMs: 0, readings: [reading({ uid: 0 })] };
    const second = { monotonicMs: 5000, readings: [reading()] };
    expect(processRows(first, second, scale)).toEqual([]);
  });

  test('counts waited-for children and block I/O in the time, not in the percentage', () => {
    const busy = reading({ childSystemTicks: 7, blockIoTicks: 3 });
    const rows = processRows(
      { monotonicMs: 0, readings: [busy] },
      { monotonicMs: 5000, readings: [{ ...busy, childSystemTicks: 5000 }] },
      scale,
    );
    expect(rows).toMatchObject([{ cpuPercent: 0, cpuTimeS: 2.1 }]);
  });
});

test('cpuPercent may exceed one core and is 0 without time', () => {
  const later = reading({ userTicks: 120 + 2000 });
  expect(cpuPercent(reading(), later, 5, 100)).toBe(400);
  expect(cpuPercent(reading(), later, 0, 100)).toBe(0);
  expect(cpuPercent(later, reading(), 5, 100)).toBe(0);
});

test('processKey writes the start time as Python does', () => {
  expect(processKey(1, 0, scale)).toBe('1-1700000000.0');
});

test('rows are never more than readings, and never negative', () => {
  const anyReading = fc
    .record({
      pid: fc.integer({ min: 1, max: 20 }),
      startTicks: fc.nat(3),
      userTicks: fc.nat(1e9),
      systemTicks: fc.nat(1e9),
      uid: fc.constantFrom(0, 1000),
    })
    .map((changes) => reading(changes));
  fc.assert(
    fc.property(fc.array(anyReading), fc.array(anyReading), fc.nat(10000), (a, b, elapsedMs) => {
      const rows = processRows(
        { monotonicMs: 0, readings: a },
        { monotonicMs: elapsedMs, readings: b },
        scale,
      );
      expect(rows.length).toBe(a.filter((one) => one.uid === 1000).length);
      expect(rows.every((row) => row.cpuPercent >= 0 && Number.isFinite(row.cpuPercent))).toBe(
        true,
      );
    }),
  );
});
