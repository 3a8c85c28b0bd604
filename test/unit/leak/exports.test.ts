/** What the addon exports leaves nothing behind; `test/leak` says what is looked at. */
import { expect, it } from 'vitest';
import { judgeExports, runExports } from '../../leak/run-exports.ts';

it('the exports of the addon leave nothing behind', { timeout: 300_000 }, async () => {
  const run = await runExports({
    calls: 50,
    blocks: 2,
    facilities: [],
    isBrief: true,
    isNeeding: false,
    words: [],
  });
  expect(judgeExports(run)).toEqual([]);
  expect(run.reports.length).toBeGreaterThan(150);
});
