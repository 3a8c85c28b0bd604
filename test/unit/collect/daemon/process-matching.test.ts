import fc from 'fast-check';
import { expect, it } from 'vitest';
import {
  findProcess,
  matchProcesses,
  NOBODY,
} from '../../../../src/collect/daemon/process-matching.ts';
import { scriptedTable } from '../../../support/collect-machine.ts';

const sample = fc
  .uniqueArray(fc.record({ pid: fc.integer({ min: 1, max: 12 }), startTicks: fc.nat(2) }), {
    selector: ({ pid }) => pid,
  })
  .map((processes) => processes.sort((a, b) => a.pid - b.pid));

it('processes are found again by pid and start, in samples in the order of pids', () => {
  fc.assert(
    fc.property(sample, sample, (last, now) => {
      const { before, after } = matchProcesses(scriptedTable(last), scriptedTable(now));
      const indexIn = (list: typeof now, one: (typeof now)[number]) =>
        list.findIndex(({ pid, startTicks }) => pid === one.pid && startTicks === one.startTicks);
      expect([...before]).toEqual(now.map((process) => indexIn(last, process)));
      expect([...after]).toEqual(last.map((process) => indexIn(now, process)));
      for (let pid = 0; pid < 14; pid += 1) {
        const wanted = now.findIndex((process) => process.pid === pid);
        expect(findProcess(scriptedTable(now), pid)).toBe(wanted < 0 ? NOBODY : wanted);
      }
    }),
  );
});
