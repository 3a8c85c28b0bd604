/** A slice of the walks on the real kernel (test/campaign/format-walk.ts), always with one seed. */
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import { runWalkCampaign } from '../../support/format-walk-run.ts';
import { requires } from '../../support/requires.ts';

beforeAll(() => {
  execFileSync('node', [join(import.meta.dirname, '../../../scripts/build.mjs')]);
});

requires(
  'root',
  'netns',
  'tun',
)('node format on a machine that changes again and again', () => {
  it('leaves what a fresh machine of the last configuration has, and what is kept', () => {
    const found = runWalkCampaign({
      walks: 8,
      stages: 6,
      seed: 20261121,
      onLine: (line) => process.stdout.write(`${line}\n`),
    });
    expect(found).toEqual([]);
  }, 120_000);
});
