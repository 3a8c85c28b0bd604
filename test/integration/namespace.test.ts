/** What `scripts/in-namespace.sh` keeps apart: two runs of the tests never meet. */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { packageRoot } from '../../src/host/package/package-files.ts';
import { requires } from '../support/requires.ts';

requires('root', 'netns')('a run of the tests', () => {
  it.each(['/dev/shm', '/tmp', '/srv', '/etc', '/mnt'])('has a %s of its own', (folder) => {
    const file = join(folder, 'slapos-of-another-run');
    const program = join(packageRoot(), 'scripts/in-namespace.sh');
    // Another one altogether, not one within ours.
    const env = { ...process.env, SLAPOS_TEST_NAMESPACE: '' };
    const { status, stderr } = spawnSync(program, ['touch', file], { encoding: 'utf8', env });
    expect([status, stderr]).toEqual([0, '']);
    expect(existsSync(file)).toBe(false);
  });
});
