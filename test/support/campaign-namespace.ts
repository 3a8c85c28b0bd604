/** Campaigns whose program itself works in the private namespace. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { packageRoot } from '../../src/host/package/package-files.ts';

/**
 * Starts this program again within a private namespace, unless it is in one already.
 * @param more words for the other one, such as a seed that was drawn
 * @returns true inside; outside the exit status is set when the other one has ended.
 */
export function enterNamespace(more: readonly string[] = []): boolean {
  if (process.env['SLAPOS_TEST_NAMESPACE'] === '1') return true;
  const [node = '', program = '', ...words] = process.argv;
  const inside = program.replace(packageRoot(), '/srv/slapos-node');
  const { status } = spawnSync(
    join(packageRoot(), 'scripts/in-namespace.sh'),
    [node, inside, ...words, ...more],
    { stdio: 'inherit' },
  );
  process.exitCode = status ?? 1;
  return false;
}
