import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  HISTORY_END,
  monitorWindow,
  renderHistoryRow,
  renderHistoryStart,
  renderMonitorReport,
  renderProcessList,
  repairHistory,
} from '../../../src/collect/monitor-json.ts';

const window = { date: '2019-10-06', from: '00:00:00', to: '00:00:59' };
const totals = {
  rowCount: 104,
  cpuPercent: 3.2,
  cpuTimeS: 59236.69 * 60,
  threadCount: 419,
  memoryPercent: 6.71,
  rssBytes: 1617.37 * 2 ** 20,
  ioBytes: 6085431306,
  ioCalls: 11844398924,
  diskUsedKib: null,
};

describe('monitorWindow', () => {
  test('is the minute before', () => {
    const now = Date.UTC(2026, 10, 20, 10, 5, 7);
    expect(monitorWindow(now)).toEqual({ date: '2026-11-20', from: '10:04:00', to: '10:04:59' });
  });
  test('just after midnight is the last minute under the new date', () => {
    const now = Date.UTC(2026, 10, 20, 0, 0, 10);
    expect(monitorWindow(now)).toEqual({ date: '2026-11-20', from: '23:59:00', to: '23:59:59' });
  });
});

describe('renderMonitorReport', () => {
  test('gives the rows and the status of the specification', () => {
    const report = renderMonitorReport(totals, window);
    expect(report.rows).toEqual([
      { group: 'process', row: '2019-10-06 00:00:00, 104, 3.2, 59236.69, 419.0' },
      { group: 'memory', row: '2019-10-06 00:00:00, 6.71, 1617.37' },
      { group: 'io', row: '2019-10-06 00:00:00, 6085431306.0, 11844398924.0, 0' },
    ]);
    expect(JSON.parse(report.status)).toEqual({
      total_process: 104,
      cpu_percent: 3.2,
      cpu_time: 59236.69,
      cpu_num_threads: 419,
      date: '2019-10-06 00:00:00',
      memory_percent: 6.71,
      memory_rss: 1617.37,
      io_rw_counter: 6085431306,
      io_cycles_counter: 11844398924,
      disk_used: 0,
    });
    expect(report.status).toContain('"cpu_num_threads": 419.0, ');
  });

  test('leaves out groups without activity', () => {
    const idle = { ...totals, rssBytes: 5000, ioBytes: 0 };
    const report = renderMonitorReport(idle, window);
    expect(report.rows.map((row) => row.group)).toEqual(['process']);
    expect(Object.keys(JSON.parse(report.status))).toEqual([
      'total_process',
      'cpu_percent',
      'cpu_time',
      'cpu_num_threads',
      'date',
    ]);
  });

  test('writes a sum of zero as an integer, a quotient of zero as a float', () => {
    const idle = { ...totals, cpuPercent: 0, cpuTimeS: 0, ioCalls: 0.001 };
    const report = renderMonitorReport(idle, window);
    expect(report.rows[0]?.row).toBe('2019-10-06 00:00:00, 104, 0, 0.0, 419.0');
    expect(report.rows[2]?.row).toBe('2019-10-06 00:00:00, 6085431306.0, 0.0, 0');
  });

  test('is an empty object when nothing ran', () => {
    const none = { ...totals, rowCount: 0, rssBytes: 0, ioBytes: 0 };
    expect(renderMonitorReport(none, window)).toEqual({ rows: [], status: '{}' });
  });

  test('shows the folder size in MiB, and two rows of CPU time in minutes', () => {
    const report = renderMonitorReport({ ...totals, diskUsedKib: 3080, cpuTimeS: 120 }, window);
    expect(report.rows[2]?.row).toMatch(/, 3\.01$/);
    expect(report.rows[0]?.row).toContain(', 2.0, ');
  });
});

describe('renderProcessList', () => {
  const process = {
    pid: 9999965,
    rowCount: 2,
    cpuPercent: 3,
    cpuTimeS: 120,
    maxThreadCount: 6,
    memoryPercent: 1,
    rssBytes: 2 * 2 ** 20,
    ioBytes: 3,
    ioCalls: 4,
  };
  test('divides some sums by the number of rows', () => {
    expect(renderProcessList([process], new Map())).toBe(
      '[{"pid": 9999965.0, "cpu_percent": 1.5, "cpu_time": 2.0, "cpu_num_threads": 3.0, ' +
        '"memory_percent": 0.5, "memory_rss": 2.0, "io_rw_counter": 1.5, "io_cycles_counter": 2.0}]',
    );
  });
  test('names a process that still runs, in ASCII', () => {
    const live = { name: 'é\u007f', command: ['/bin/é', '"😀'], user: 'u0', date: 'D' };
    const text = renderProcessList([process], new Map([[9999965, live]]));
    expect(JSON.parse(text)[0]).toMatchObject({ ...live, pid: 9999965 });
    expect(text).toMatch(/^[ -~]*$/);
    expect(text).toContain('"command": ["/bin/\\u00e9", "\\"\\ud83d\\ude00"]');
  });
});

describe('a history file', () => {
  const append = (text: string, row: string) =>
    text.slice(0, -HISTORY_END.length) + renderHistoryRow(row);

  test('starts with its header', () => {
    expect(renderHistoryStart('memory', 1795217489496.25)).toBe(
      '{"date": 1795217489.49625, "data": ["date, memory used percent, memory used"]}',
    );
  });
  test('stays JSON whatever is appended', () => {
    fc.assert(
      fc.property(fc.array(fc.string()), (rows) => {
        const text = rows.reduce(append, renderHistoryStart('io', 0));
        expect(JSON.parse(text).data.slice(1)).toEqual(rows);
      }),
    );
  });
  test('cut anywhere, it is repaired with every whole row', () => {
    const rows = ['2019-10-06 00:00:00, 6.71, 1617.37', '2019-10-06 00:01:00, 6.7, 1617.0'];
    const whole = rows.reduce(append, renderHistoryStart('memory', 0));
    for (let length = 0; length <= whole.length; length += 1) {
      const text = whole.slice(0, length);
      const kept = rows.filter((row) => text.includes(`"${row}"`));
      expect(JSON.parse(repairHistory('memory', text, 0)).data.slice(1)).toEqual(kept);
    }
  });
});
