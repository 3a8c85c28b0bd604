/** A slice of the kill campaign (test/campaign/format-kill.ts), always with the same seed. */
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import { runKillCampaign } from '../../support/format-kill.ts';
import { requires } from '../../support/requires.ts';

beforeAll(() => {
  execFileSync('node', [join(import.meta.dirname, '../../../scripts/build.mjs')]);
});

requires(
  'root',
  'netns',
  'tun',
)('node format killed at any moment', () => {
  it('ends as if nothing had happened, with taps, tuns and external storage', () => {
    const { kills, differences } = runKillCampaign({
      partitions: 60,
      kills: 8,
      seed: 20261121,
      onLine: (line) => process.stdout.write(`${line}\n`),
    });
    expect(differences).toEqual([]);
    expect(kills).toHaveLength(8);
  }, 120_000);
});
