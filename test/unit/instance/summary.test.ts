import { describe, expect, it } from 'vitest';
import { exitStatus, type PartitionReport, renderSummary } from '../../../src/instance/summary.ts';

const good: PartitionReport = {
  partitionId: 'a',
  softwareType: 'default',
  outcome: { kind: 'success' },
};
const broken: PartitionReport = {
  partitionId: 'b',
  softwareType: undefined,
  outcome: { kind: 'failure', message: 'no' },
};
const unkept: PartitionReport = {
  partitionId: 'c',
  softwareType: 'kvm',
  outcome: { kind: 'promise', message: "Promise 'x' failed with output: y" },
};

describe('exitStatus', () => {
  it.each([
    [[], 0],
    [[good], 0],
    [[good, unkept], 2],
    [[broken, unkept], 1],
  ])('of %#', (reports, status) => {
    expect(exitStatus(reports)).toBe(status);
  });
});

describe('renderSummary', () => {
  it('lists failures and promises apart', () => {
    expect(renderSummary([good, unkept, broken])).toEqual([
      'Finished computer partitions.',
      '='.repeat(80),
      'Error while processing the following partitions:',
      '  b[(not ready)]: no',
      'Error with promises for the following partitions:',
      "  c[kvm]: Promise 'x' failed with output: y",
    ]);
  });
});
