import { describe, expect, test } from 'vitest';
import {
  parseLoadAverage,
  parseMeminfo,
  parseNetworkTotals,
  parseStat,
  systemCpuPercent,
} from '../../../src/collect/system-values.ts';

const STAT = `cpu  1000 10 500 8000 100 5 6 7 90 1
cpu0 500 5 250 4000 50 3 3 4 45 1
cpu1 500 5 250 4000 50 2 3 3 45 0
intr 1 2 3
ctxt 4
btime 1700000000
processes 99
`;

describe('parseStat', () => {
  test('leaves guest time out and counts the CPUs', () => {
    expect(parseStat(STAT)).toEqual({
      cpu: { idle: 8000, fields: [1000, 10, 500, 8000, 100, 5, 6, 7] },
      coreCount: 2,
      bootTimeS: 1700000000,
    });
  });
  test('refuses a text without the line for all CPUs', () => {
    expect(() => parseStat('btime 1\n')).toThrow('no line for all CPUs');
  });
});

describe('systemCpuPercent', () => {
  const ticks = (user: number, system: number, idle: number, iowait: number) => ({
    idle,
    fields: [user, 0, system, idle, iowait, 0, 0, 0],
  });
  test('counts waiting for I/O as load', () => {
    expect(systemCpuPercent(ticks(0, 0, 0, 0), ticks(210, 90, 680, 20), 100)).toBe(32);
  });
  test('keeps the raw subtraction', () => {
    expect(systemCpuPercent(ticks(0, 0, 0, 0), ticks(254, 0, 746, 0), 100)).toBe(
      25.400000000000006,
    );
  });
  test('takes a counter that went back for one that stood still', () => {
    expect(systemCpuPercent(ticks(500, 0, 0, 0), ticks(400, 0, 1000, 0), 100)).toBe(0);
  });
  test('divides by at least one second', () => {
    expect(systemCpuPercent(ticks(0, 0, 0, 0), ticks(0, 0, 50, 0), 100)).toBe(50);
  });
});

describe('parseMeminfo', () => {
  test('takes what the kernel says is available', () => {
    const text = 'MemTotal: 1000 kB\nMemFree: 100 kB\nMemAvailable: 400 kB\n';
    expect(parseMeminfo(text, '', 4096)).toEqual({
      totalBytes: 1024000,
      availableBytes: 409600,
    });
  });
  test('takes the free memory when more is said to be available than there is', () => {
    const text = 'MemTotal: 1000 kB\nMemFree: 100 kB\nMemAvailable: 4000 kB\n';
    expect(parseMeminfo(text, '', 4096).availableBytes).toBe(102400);
  });
  test('estimates as kernel 3.14 where nothing is said', () => {
    const text =
      'MemTotal: 10000 kB\nMemFree: 1000 kB\nCached: 800 kB\nActive(file): 400 kB\n' +
      'Inactive(file): 400 kB\nSReclaimable: 60 kB\n';
    const zoneinfo = 'Node 0, zone DMA\n  pages free 3\n        min 1\n        low 10\n';
    // free 1000 - low 40 + cache (800 - 40) + slab (60 - 30), in KiB.
    expect(parseMeminfo(text, zoneinfo, 4096).availableBytes).toBe(1750 * 1024);
  });
  test('falls back on free plus cached', () => {
    const text = 'MemTotal: 10000 kB\nMemFree: 1000 kB\nCached: 800 kB\n';
    expect(parseMeminfo(text, '', 4096).availableBytes).toBe(1800 * 1024);
  });
});

test('parseNetworkTotals sums every interface', () => {
  const text = `Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
    lo:    1000      10    1    2    0     0          0         0     3000      10    4    5    0     0       0          0
slaptap0: 24       1    0    0    0     0          0         0       70       1    0    0    0     0       0          0
eth0:1:5 0 0 1 0 0 0 0 6 0 0 0 0 0 0 0
`;
  expect(parseNetworkTotals(text)).toEqual({
    inBytes: 1029,
    inErrors: 1,
    inDropped: 3,
    outBytes: 3076,
    outErrors: 4,
    outDropped: 5,
  });
});

test('parseLoadAverage takes the first minute', () => {
  expect(parseLoadAverage('0.52 0.40 0.30 1/200 999\n')).toBe(0.52);
});

test('parseMeminfo looks at a zoneinfo of empty lines once', () => {
  const text = 'MemTotal: 9 kB\nActive(file): 1 kB\nInactive(file): 1 kB\nSReclaimable: 1 kB\n';
  // Looking for a word behind all white space took the square of this.
  const zones = `${'\n'.repeat(500_000)}  low   1\n`;
  expect(parseMeminfo(text, zones, 1024).totalBytes).toBe(9 * 1024);
});
