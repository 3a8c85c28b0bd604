import { describe, expect, it } from 'vitest';
import { decodeProcTable, PROC_RECORD_BYTES } from '../../../../src/host/proc.ts';
import { killProcessTree, listDescendants } from '../../../../src/host/process/process-tree.ts';

/** A sample of processes given as [pid, ppid]. */
function sample(processes: ReadonlyArray<readonly [number, number]>): ArrayBuffer {
  const buffer = new ArrayBuffer(processes.length * PROC_RECORD_BYTES);
  processes.forEach(([pid, ppid], index) => {
    new Uint32Array(buffer, index * PROC_RECORD_BYTES, 2).set([pid, ppid]);
  });
  return buffer;
}

describe('the descendants of a process', () => {
  it('are found at any depth, parents first', () => {
    const table = decodeProcTable(
      sample([
        [5, 1],
        [9, 8],
        [8, 7],
        [7, 5],
        [6, 1],
        [10, 5],
      ]),
    );
    expect(listDescendants(table, 5)).toEqual([7, 10, 8, 9]);
    expect(listDescendants(table, 9)).toEqual([]);
  });
});

describe('killing a tree', () => {
  it('stops first, looks again until nothing new appears, then kills the group and the process', async () => {
    const signals: Array<[number, boolean]> = [];
    let looks = 0;
    await killProcessTree(5, {
      spawnSignal: ({ signal, isGroup }) => {
        signals.push([signal, isGroup]);
        return true;
      },
      procSample: async () => {
        looks += 1;
        // Pids that no kernel gives out.
        return sample([[2 ** 30, 5]]);
      },
    });
    expect(looks).toBe(2);
    expect(signals).toEqual([
      [19, false],
      [9, true],
      [9, false],
    ]);
  });
});
