import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeLook, encodeLook } from '../../../src/collect/last-look.ts';
import { type ProcessReading, processRowsSince } from '../../../src/collect/process-values.ts';

const BOOT = '5c2b0b47-0f2b-4c39-9a1d-3c8f2f3b9a11';
const CPU = { idle: 4, fields: [1, 2, 3, 4, 5, 6, 7, 8] };

function reading(changes: Partial<ProcessReading>): ProcessReading {
  const zero = { childUserTicks: 0, childSystemTicks: 0, blockIoTicks: 0, threadCount: 1 };
  const none = { rssBytes: 0, readBytes: 0, writeBytes: 0, readCalls: 0, writeCalls: 0 };
  return {
    pid: 1,
    startTicks: 0,
    uid: 7,
    userTicks: 0,
    systemTicks: 0,
    ...zero,
    ...none,
    ...changes,
  };
}

describe('what the run before saw', () => {
  it('comes back as it was', () => {
    const process = fc.record({
      pid: fc.integer({ min: 1, max: 4_194_304 }),
      startTicks: fc.nat(),
      userTicks: fc.nat(),
      systemTicks: fc.nat(),
    });
    fc.assert(
      fc.property(fc.uniqueArray(process, { selector: ({ pid }) => pid }), (processes) => {
        const look = decodeLook(encodeLook(BOOT, 5000, CPU, processes.map(reading)), BOOT, 65_000);
        expect(look?.cpu).toEqual(CPU);
        expect(look?.monotonicMs).toBe(5000);
        expect([...(look?.processes ?? [])]).toEqual(
          processes.map(({ pid, ...ticks }) => [pid, ticks]),
        );
      }),
    );
  });

  const text = encodeLook(BOOT, 100_000, CPU, [reading({ pid: 3 })]);

  it.each([
    ['another boot', text, 'b', 160_000],
    ['a moment ago', text, BOOT, 100_500],
    ['long ago', text, BOOT, 300_000],
    ['the future', text, BOOT, 50_000],
  ])('of %s is not used', (_what, given, boot, nowMs) => {
    expect(decodeLook(given, boot, nowMs)).toBeUndefined();
  });

  it('that is cut, or anything else, is not used', () => {
    for (let length = 0; length < text.length - 1; length += 1) {
      expect(decodeLook(text.slice(0, length), BOOT, 160_000)).toBeUndefined();
    }
    fc.assert(
      fc.property(fc.json(), (json) => {
        expect(decodeLook(json, BOOT, 160_000)).toBeUndefined();
      }),
    );
  });
});

describe('CPU use since then', () => {
  const scale = {
    ticksPerSecond: 100,
    bootTimeS: 1_700_000_000,
    memoryTotalBytes: 1,
    userNames: new Map([[7, 'slapuser0']]),
  };
  const percentOf = (known: Partial<ProcessReading> | undefined, now: Partial<ProcessReading>) => {
    const processes = new Map(known === undefined ? [] : [[1, reading(known)]]);
    const readings = [reading({ pid: 1, ...now })];
    const earlier = { monotonicMs: 1_000_000, processes };
    return processRowsSince(earlier, { monotonicMs: 1_060_000, readings }, scale)[0]?.cpuPercent;
  };

  it('is the growth of the counters of the same process', () => {
    const known = { startTicks: 500, userTicks: 1000, systemTicks: 50 };
    expect(percentOf(known, { ...known, userTicks: 3400, systemTicks: 650 })).toBe(50);
    expect(percentOf(known, known)).toBe(0);
  });

  it('of a process that started since is that over its life', () => {
    expect(percentOf(undefined, { startTicks: 104_000, userTicks: 1000 })).toBe(50);
    // Another process had the pid.
    expect(percentOf({ startTicks: 500 }, { startTicks: 104_000, userTicks: 1000 })).toBe(50);
  });

  it('never is of more than the time between', () => {
    expect(percentOf(undefined, { startTicks: 0, userTicks: 600 })).toBe(10);
    expect(percentOf(undefined, { startTicks: 200_000, userTicks: 600 })).toBe(10);
  });
});
