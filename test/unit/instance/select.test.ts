import { describe, expect, it } from 'vitest';
import { isFreePartition, listLeftovers, selectPartitions } from '../../../src/instance/select.ts';
import { slapPartition } from '../../support/slap-partition.ts';

describe('selectPartitions', () => {
  const all = [slapPartition({ partitionId: 'a' }), slapPartition({ partitionId: 'b' })];

  it('keeps all without a filter, else those named, in the Master’s order', () => {
    expect(selectPartitions(all, [])).toEqual(all);
    expect(selectPartitions(all, ['b', 'a'])).toEqual(all);
  });

  it('names every unknown one and processes nothing', () => {
    expect(() => selectPartitions(all, ['a', 'y', 'x', 'y'])).toThrow(
      expect.objectContaining({ message: 'Unknown partitions: x, y', exitCode: 1 }),
    );
    expect(() => selectPartitions(all, ['x'])).toThrow('Unknown partition: x');
  });
});

describe('isFreePartition', () => {
  it.each([
    ['destroyed', null, true],
    ['destroyed', 'https://x', false],
    ['stopped', null, false],
  ])('%s with %s: %s', (requestedState, softwareReleaseUrl, isFree) => {
    expect(isFreePartition(slapPartition({ requestedState, softwareReleaseUrl }))).toBe(isFree);
  });
});

describe('listLeftovers', () => {
  it('does not count what format wrote', () => {
    expect(listLeftovers(['.slapos-resource', 'var'])).toEqual(['var']);
  });
});
