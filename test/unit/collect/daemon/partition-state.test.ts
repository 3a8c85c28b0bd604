import { describe, expect, it } from 'vitest';
import type { NodeSample } from '../../../../src/collect/daemon/daemon-client.ts';
import { PartitionStates } from '../../../../src/collect/daemon/partition-state.ts';
import { SampleJson } from '../../../../src/collect/daemon/sample-json.ts';

const IO = [0, 0, 0, 0];

/** What partition 0 is after an observation. */
function observe(
  states: PartitionStates,
  atS: number,
  cpuS: number,
  inBytes: number,
  rssBytes = 0,
) {
  states.add({
    monotonicMs: atS * 1000,
    usage: Float64Array.from([5000, cpuS, ...IO, rssBytes, 2, 3, 9999, 1e6, ...IO, 7, 1, 1]),
    traffic: [{ inBytes, outBytes: 0 }, undefined],
  });
  return stateOf(states, 0);
}

function stateOf({ names, rows, counters }: PartitionStates, partition: number) {
  const { partitions } = JSON.parse(
    new SampleJson(names).render(7, { rows, counters }).toString(),
  ) as NodeSample;
  return partitions[partition];
}

function begin(): PartitionStates {
  const states = new PartitionStates(['slappart0', 'slappart1']);
  states.nameUsers([5000, undefined]);
  observe(states, 10, 100, 5000);
  return states;
}

describe('the state of a partition', () => {
  it('counts from the first observation on, and tells rates', () => {
    const state = observe(begin(), 12, 103, 9000, 1024);
    expect(state?.counters).toMatchObject({ cpuS: 3, netInBytes: 4000 });
    expect(state).toMatchObject({
      cpu: 1.5,
      rssBytes: 1024,
      processes: 2,
      threads: 3,
      netInBytesPerS: 2000,
    });
  });

  it('never falls, and does not count twice what is missing for a moment', () => {
    const states = begin();
    observe(states, 11, 102, 0);
    // A thread has ended and is not counted among the ended ones yet.
    expect(observe(states, 12, 101, 0)?.counters.cpuS).toBe(2);
    expect(observe(states, 13, 102.5, 0)?.counters.cpuS).toBe(2.5);
  });

  it('takes a device that was made anew for one that begins at zero', () => {
    const states = begin();
    expect(observe(states, 11, 100, 300)?.counters.netInBytes).toBe(300);
    expect(observe(states, 12, 100, 500)?.counters.netInBytes).toBe(500);
  });

  it('leaves a partition without a user at zero', () => {
    const states = begin();
    observe(states, 11, 105, 0);
    expect(stateOf(states, 1)).toMatchObject({
      partition: 'slappart1',
      cpu: 0,
      counters: { cpuS: 0 },
    });
  });
});
