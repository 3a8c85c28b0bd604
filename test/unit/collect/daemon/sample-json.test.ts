import { expect, it } from 'vitest';
import { COUNTER_FIELDS } from '../../../../src/collect/daemon/partition-state.ts';
import { SampleJson } from '../../../../src/collect/daemon/sample-json.ts';
import { SERIES_FIELDS } from '../../../../src/collect/daemon/series.ts';

it('a sample is JSON with every value of every partition at its place', () => {
  const names = ['slappart0', 'é"\n\\'];
  const rows = Float64Array.from(names.flatMap((_, p) => SERIES_FIELDS.map((_, f) => p * 100 + f)));
  const counters = Float64Array.from(
    names.flatMap((_, p) => COUNTER_FIELDS.map((_, f) => p * 1e12 + f / 7)),
  );
  const json = new SampleJson(names).render(1_700_000_000_123, { rows, counters }).toString();
  expect(json).not.toContain('\n');
  const record = (fields: readonly string[], first: number, step: number) =>
    Object.fromEntries(fields.map((field, index) => [field, first + index / step]));
  expect(JSON.parse(json)).toEqual({
    atMs: 1_700_000_000_123,
    partitions: names.map((partition, p) => ({
      partition,
      ...record(SERIES_FIELDS, p * 100, 1),
      counters: record(COUNTER_FIELDS, p * 1e12, 7),
    })),
  });
});

it('no partitions are an empty list', () => {
  const none = new Float64Array(0);
  const json = new SampleJson([]).render(1, { rows: none, counters: none }).toString();
  expect(JSON.parse(json)).toEqual({ atMs: 1, partitions: [] });
});
