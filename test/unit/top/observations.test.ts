import { describe, expect, it } from 'vitest';
import type { ProcTable } from '../../../src/host/proc.ts';
import { History } from '../../../src/top/history.ts';
import { parseMachineLoad } from '../../../src/top/machine-load.ts';
import { ProcessListReader } from '../../../src/top/process-list.ts';
import { consumption, NOW_MS, partition, topData } from '../../support/top-data.ts';

describe('parseMachineLoad', () => {
  const nothing = { loadavg: '', meminfo: '', cpuPressure: '', memoryPressure: '', ioPressure: '' };

  it('reads what there is', () => {
    const some = (avg10: string) =>
      `some avg10=${avg10} avg60=0.00 avg300=0.00 total=1\nfull avg10=9.00 avg60=0.00 avg300=0.00 total=1\n`;
    const texts = {
      loadavg: '0.52 0.40 0.31 2/345 6789\n',
      meminfo: 'MemTotal:        1000 kB\nMemFree:  1 kB\nMemAvailable:     250 kB\n',
      cpuPressure: some('1.50'),
      memoryPressure: some('0.00'),
      ioPressure: some('12.25'),
    };
    expect(parseMachineLoad(texts)).toEqual({
      load: [0.52, 0.4, 0.31],
      memoryBytes: { total: 1_024_000, available: 256_000 },
      pressure: { cpu: 1.5, memory: 0, io: 12.25 },
    });
  });

  it('goes without what the kernel does not tell', () => {
    expect(parseMachineLoad(nothing)).toEqual({ load: [], memoryBytes: null, pressure: null });
  });
});

describe('History', () => {
  const at = (atMs: number, cpu: number) =>
    topData([partition(0, 'x', { consumption: consumption({ atMs, cpu }) })]).status;

  it('takes each sample once, and forgets partitions that are gone', () => {
    const history = new History();
    history.add(at(NOW_MS, 1));
    history.add(at(NOW_MS, 1));
    history.add(at(NOW_MS + 1000, 2));
    expect(history.of('slappart0').cpu).toEqual([1, 2]);
    history.add(topData([partition(1, 'y')]).status);
    expect(history.of('slappart0').cpu).toEqual([]);
  });

  it('puts what others have kept before what it knows, once', () => {
    const history = new History();
    history.add(at(NOW_MS, 3));
    const past = { timesMs: [1, 2, NOW_MS, NOW_MS + 1], cpu: [1, 2, 9, 9], rssBytes: [5, 6, 7, 8] };
    history.addPast('slappart0', past);
    history.addPast('slappart0', past);
    expect(history.of('slappart0')).toMatchObject({ cpu: [1, 2, 3], rssBytes: [5, 6, 0] });
    history.add(at(NOW_MS + 1000, 4));
    expect(history.of('slappart0').cpu).toEqual([1, 2, 3, 4]);
  });

  it('keeps what others have kept of a partition that is new to it', () => {
    const history = new History();
    const timesMs = Array.from({ length: 400 }, (_, index) => NOW_MS + index);
    history.addPast('slappart0', { timesMs, cpu: timesMs, rssBytes: timesMs });
    expect(history.of('slappart0').cpu).toEqual(timesMs.slice(-300));
    history.add(at(NOW_MS + 10, 1));
    expect(history.of('slappart0').cpu.at(-1)).toBe(NOW_MS + 399);
  });

  it('does not grow for ever', () => {
    const history = new History();
    for (let second = 0; second < 5000; second += 1) history.add(at(NOW_MS + second, second));
    const { cpu } = history.of('slappart0');
    expect(cpu.length).toBeLessThanOrEqual(600);
    expect(cpu.length).toBeGreaterThanOrEqual(300);
    expect(cpu.at(-1)).toBe(4999);
  });
});

describe('ProcessListReader', () => {
  interface Process {
    readonly pid: number;
    readonly startTicks: number;
    readonly ticks: number;
    readonly comm?: string;
  }
  const table = (processes: readonly Process[]) =>
    ({
      length: processes.length,
      sample: (index: number) => {
        const { comm = 'sh', pid, startTicks, ticks } = processes[index] as Process;
        return { pid, startTicks, utimeTicks: ticks, stimeTicks: 0, rssBytes: 1, threads: 1, comm };
      },
    }) as unknown as ProcTable;

  it('tells what each has used between two looks, of the same process only', () => {
    const reader = new ProcessListReader();
    const first = reader.add(
      table([
        { pid: 1, startTicks: 5, ticks: 100 },
        { pid: 2, startTicks: 5, ticks: 100 },
      ]),
      1000,
    );
    expect(first.map(({ cpu }) => cpu)).toEqual([null, null]);
    const second = reader.add(
      table([
        { pid: 1, startTicks: 5, ticks: 110 },
        { pid: 2, startTicks: 9, ticks: 5000 },
        { pid: 3, startTicks: 9, ticks: 7 },
      ]),
      3000,
    );
    expect(second.map(({ cpu, pid }) => [pid, cpu])).toEqual([
      [1, 0.05],
      [2, null],
      [3, null],
    ]);
  });

  it('decodes names that are UTF-8, and shows what is none as such', () => {
    const latin1 = (bytes: readonly number[]) => Buffer.from(bytes).toString('latin1');
    const names = [latin1([0xe6, 0x97, 0xa5]), latin1([0xff, 0x41])];
    const rows = new ProcessListReader().add(
      table(names.map((comm, pid) => ({ pid, startTicks: 1, ticks: 0, comm }))),
      1,
    );
    expect(rows.map(({ name }) => name)).toEqual(['日', '\ufffdA']);
  });
});
