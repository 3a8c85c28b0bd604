import { expect, test } from 'vitest';
import { renderConsumption, reportDays } from '../../../src/collect/consumption-xml.ts';

const SAMPLE = `<?xml version='1.0' encoding='utf-8'?><journal><transaction type="Sale Packing List">
<title>Eco Information for COMP-1 </title>
<start_date>2026-11-19 00:00:00</start_date><stop_date>2026-11-19 23:59:59</stop_date>
<reference>2026-11-19-global</reference><currency></currency><payment_mode></payment_mode><category></category>
<arrow type="Destination"/>
<movement><resource>service_module/cpu_load_percent</resource><title>CPU Load Percent Average</title><reference>COMP-1</reference>
<quantity>32.0</quantity><price>0.0</price><VAT></VAT><category></category></movement>
<movement><resource>service_module/memory_used</resource><title>Used Memory</title><reference>COMP-1</reference>
<quantity>819515392.0</quantity><price>0.0</price><VAT></VAT><category></category></movement>
<movement><resource>service_module/zero_emission_ratio</resource><title>Zero Emission Ratio</title><reference>COMP-1</reference>
<quantity>-1</quantity><price>0.0</price><VAT></VAT><category></category></movement>
<movement><resource>service_module/cpu_load_percent</resource><title>CPU Load Percent Average for slapuser0</title><reference>slapuser0</reference>
<quantity>3.0</quantity><price>0.0</price><VAT></VAT><category></category></movement>
<movement><resource>service_module/memory_used</resource><title>Memory Used Average for slapuser0</title><reference>slapuser0</reference>
<quantity>120.0</quantity><price>0.0</price><VAT></VAT><category></category></movement>
<movement><resource>service_module/disk_used</resource><title>Partition Disk Used Average for slapuser0</title><reference>slapuser0</reference>
<quantity>3.0078125</quantity><price>0.0</price><VAT></VAT><category></category></movement>
</transaction></journal>`;

const nothing = { cpuPercent: null, memoryMib: null, diskMib: null };

test('is the sample of the specification, in one line', () => {
  const day = {
    cpuPercent: 32,
    memoryBytes: 819515392,
    zeroEmissionRatio: null,
    users: [
      { name: 'slapuser0', cpuPercent: 3, memoryMib: 120, diskMib: 3.0078125 },
      { name: 'slapuser1', ...nothing },
    ],
  };
  expect(renderConsumption('COMP-1', '2026-11-19', day)).toBe(SAMPLE.replaceAll('\n', ''));
});

test('has only the zero emission movement on a day without rows', () => {
  const day = { cpuPercent: null, memoryBytes: null, zeroEmissionRatio: 100, users: [] };
  const text = renderConsumption('A&B', '2026-11-19', day);
  expect(text.match(/<movement>/g)).toHaveLength(1);
  expect(text).toContain('<quantity>100.0</quantity>');
  expect(text).toContain('<title>Eco Information for A&amp;B </title>');
});

test('groups movements by resource, then by user', () => {
  const user = (name: string) => ({ name, cpuPercent: 1, memoryMib: 1, diskMib: 1 });
  const day = {
    cpuPercent: 1,
    memoryBytes: 1,
    zeroEmissionRatio: null,
    users: [user('u0'), user('u1')],
  };
  const text = renderConsumption('C', '2026-11-19', day);
  const order = [...text.matchAll(/service_module\/(\w+)<\/resource>.*?<reference>(\w+)</g)];
  expect(order.map(([, resource, reference]) => `${resource} ${reference}`)).toEqual([
    'cpu_load_percent C',
    'memory_used C',
    'zero_emission_ratio C',
    'cpu_load_percent u0',
    'cpu_load_percent u1',
    'memory_used u0',
    'memory_used u1',
    'disk_used u0',
    'disk_used u1',
  ]);
});

test('yesterday and the day before are reported, over a change of month', () => {
  expect(reportDays('2026-03-01')).toEqual(['2026-02-28', '2026-02-27']);
});
