import { describe, expect, it } from 'vitest';
import {
  exitStatus,
  logSummary,
  type PartitionReport,
  renderSummary,
} from '../../../src/instance/summary.ts';
import { type LogFields, silentLogger } from '../../../src/log/logger.ts';

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

describe('logSummary', () => {
  it('tells programs which partitions failed', () => {
    const records: Array<readonly [string, LogFields | undefined]> = [];
    const info = (message: string, fields?: LogFields) => void records.push([message, fields]);
    logSummary({ ...silentLogger, info }, [good, unkept, broken]);
    expect(records.map(([message]) => message)).toEqual(renderSummary([good, unkept, broken]));
    expect(records[0]?.[1]).toEqual({
      event: 'instance.finished',
      processed: 3,
      failed: ['b'],
      promise_failed: ['c'],
      offline: [],
    });
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
