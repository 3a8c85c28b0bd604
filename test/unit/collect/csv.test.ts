import { spawnSync } from 'node:child_process';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { renderCsvRow, renderSystemCsv, type SystemEntry } from '../../../src/collect/csv.ts';

const PYTHON = '/usr/bin/python3';
const hasPython = spawnSync(PYTHON, ['-c', '']).status === 0;

describe('renderCsvRow', () => {
  test('writes reals as Python floats and integers without a point', () => {
    expect(renderCsvRow([0.1, 10, 100, '1983-01-10', 'TIME', 0n])).toBe(
      '0.1,10.0,100.0,1983-01-10,TIME,0\r\n',
    );
  });
  test('writes nothing for a missing value', () => {
    expect(renderCsvRow([null, '/dev/vda'])).toBe(',/dev/vda\r\n');
  });
  test.skipIf(!hasPython)('agrees with the csv module of Python', () => {
    const cell = fc.oneof(
      fc.string(),
      fc.constantFrom('a,b', 'a"b', 'a\nb', 'a\r', ' a ', '', "'"),
    );
    const rows = fc.sample(fc.array(cell, { minLength: 2, maxLength: 4 }), 2000);
    const script = `import csv,json,sys
csv.writer(open(1,'w',newline='',encoding='utf-8')).writerows(json.load(open(0,encoding='utf-8')))`;
    const run = spawnSync(PYTHON, ['-c', script], { input: JSON.stringify(rows) });
    expect(rows.map(renderCsvRow).join('')).toBe(run.stdout.toString());
  });
});

function entry(instant: string, changes: Partial<SystemEntry> = {}): SystemEntry {
  return {
    instant,
    loadavg: 0.1,
    cpu_percent: 10,
    memory_used: 100,
    memory_free: 100,
    net_in_bytes: 10,
    net_in_errors: 1,
    net_in_dropped: 2,
    net_out_bytes: 12,
    net_out_errors: 1,
    net_out_dropped: 1,
    ...changes,
  };
}

describe('renderSystemCsv', () => {
  const first = '2026-11-20 10:00:01';
  const second = '2026-11-20 10:01:01';

  test('skips the first row of the day, which has nothing to be compared with', () => {
    const files = renderSystemCsv([entry(first), entry(second)], []);
    expect([...files.keys()].length).toBe(10);
    expect(files.get('system_memory_used.csv')).toBe(`time,entry\r\n${second},0.09765625\r\n`);
    expect(files.get('system_net_in_bytes.csv')).toBe(`time,entry\r\n${second},0.0\r\n`);
    expect(files.get('system_net_in_errors.csv')).toBe(`time,entry\r\n${second},1.0\r\n`);
  });

  test('shows network bytes since the row before, in KiB', () => {
    const rows = [
      entry(first, { net_in_bytes: 1048576, net_out_bytes: 4096 }),
      entry(second, { net_in_bytes: 3145728, net_out_bytes: 2048 }),
    ];
    const files = renderSystemCsv(rows, []);
    expect(files.get('system_net_in_bytes.csv')).toContain(`${second},2048.0\r\n`);
    expect(files.get('system_net_out_bytes.csv')).toContain(`${second},-2.0\r\n`);
  });

  test('has a pair of files for each disk, first row included', () => {
    const disk = { partition: '/dev/mapper/vg-root', used: '10', free: '10' };
    const files = renderSystemCsv(
      [],
      [
        { ...disk, instant: first },
        { ...disk, instant: second },
      ],
    );
    expect(files.get('system_disk_memory_free__dev_mapper_vg_root.csv')).toBe(
      `time,entry\r\n${first},0.009765625\r\n${second},0.009765625\r\n`,
    );
    expect(files.get('system_loadavg.csv')).toBe('time,entry\r\n');
  });
});
