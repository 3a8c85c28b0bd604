/** The cases of `test/leak` that need root: devices, other users, the BPF reader where there is one. */
import { expect, it } from 'vitest';
import { judgeExports, runExports } from '../leak/run-exports.ts';
import { missingFacilities } from '../support/facilities.ts';
import { requires } from '../support/requires.ts';

requires('root', 'netns')('the exports of the addon', () => {
  it('leave nothing behind as root', { timeout: 300_000 }, async () => {
    const extra = (['tun', 'bpf'] as const).filter(
      (name) => missingFacilities([name]).length === 0,
    );
    const run = await runExports({
      calls: 60,
      blocks: 2,
      facilities: ['namespace', ...extra],
      isBrief: true,
      isNeeding: true,
      words: [],
    });
    expect(judgeExports(run)).toEqual([]);
  });
});
