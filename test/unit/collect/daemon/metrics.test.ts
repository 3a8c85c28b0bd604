import { expect, it } from 'vitest';
import { MetricsPage } from '../../../../src/collect/daemon/metrics.ts';
import { PartitionStates } from '../../../../src/collect/daemon/partition-state.ts';
import { parsePressure, parseTapTraffic } from '../../../../src/collect/daemon/pressure.ts';

const names = ['slappart0', 'odd"\\\nname'];
const page = new MetricsPage(names);
const input = {
  states: new PartitionStates(names),
  pressure: parsePressure(
    'io',
    'some avg10=0.00 avg60=0.00 avg300=0.00 total=1500000\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=7\n',
  ),
  cost: { cpuS: 1.5, rssBytes: 4096, sampleCount: 3, skippedCount: 1, sampleS: 0.002 },
  reader: 'procfs',
  failingPromises: [2, undefined],
  certificates: [{ name: 'node', notAfterMs: 1_800_000_000_999 }],
} as const;

it('OpenMetrics has types, units, escaped labels and an end', () => {
  const lines = page.render(input, true).toString().split('\n');
  expect(lines.slice(0, 5)).toEqual([
    '# TYPE slapos_partition_cpu_seconds counter',
    '# UNIT slapos_partition_cpu_seconds seconds',
    '# HELP slapos_partition_cpu_seconds CPU time of its processes',
    'slapos_partition_cpu_seconds_total{partition="slappart0"} 0',
    'slapos_partition_cpu_seconds_total{partition="odd\\"\\\\\\nname"} 0',
  ]);
  expect(lines).toContain('slapos_node_pressure_seconds_total{resource="io",kind="some"} 1.5');
  expect(lines).toContain('slapos_partition_failing_promises{partition="slappart0"} 2');
  expect(lines).toContain('slapos_collector_reader_info{reader="procfs"} 1');
  expect(lines).toContain('slapos_certificate_expiry_timestamp_seconds{name="node"} 1800000000');
  expect(lines.slice(-2)).toEqual(['# EOF', '']);
});

it('the older text format names counters in full and knows no units', () => {
  const text = page.render(input, false).toString();
  expect(text).toContain('# TYPE slapos_partition_cpu_seconds_total counter\n');
  expect(text).toContain('# TYPE slapos_collector_reader_info gauge\n');
  expect(text).not.toMatch(/# (UNIT|EOF)/);
});

it('traffic is seen from the partition, whatever the device is called', () => {
  const text = `Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
slaptap0:     100       1    0    0    0     0          0         0       90       1    0    0    0     0       0          0
  eth0:1:       1       1    0    0    0     0          0         0        2       1    0    0    0     0       0          0
`;
  expect(parseTapTraffic(text).get('slaptap0')).toEqual({ inBytes: 90, outBytes: 100 });
  expect(parseTapTraffic(text).get('eth0:1')).toEqual({ inBytes: 2, outBytes: 1 });
  expect(parsePressure('cpu', 'nothing of this kind')).toEqual([]);
});
