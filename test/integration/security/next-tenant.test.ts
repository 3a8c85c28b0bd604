/** What the user of a destroyed instance gave others of its folder, for the instance after it. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { packageRoot } from '../../../src/host/package/package-files.ts';
import { runReport } from '../../../src/report/run-report.ts';
import { createGridSite, type GridSite, partitionUid } from '../../support/grid-site.ts';
import { requires } from '../../support/requires.ts';

const SCRIPT = readFileSync(join(packageRoot(), 'test/support/accomplice.py'), 'utf8');
const words = (...rest: string[]) => ['-c', SCRIPT, ...rest];
const as = (uid: number) => ({ uid, gid: uid, cwd: '/', encoding: 'utf8' }) as const;

requires('root', 'netns')('the folder of a partition whose instance was destroyed', () => {
  let site: GridSite;

  beforeEach(() => {
    site = createGridSite({ partitions: 2 });
    site.installSoftware();
    chmodSync(site.root, 0o755);
  });
  afterEach(() => site.remove());

  it('is nothing that a friend of its user from before can look into', async () => {
    const home = site.path('slappart0');
    const [user, friend] = [partitionUid(0), partitionUid(1)];
    site.write(0, '.slapos-resource', '{"tap": {}}');
    const given = spawnSync('/usr/bin/python3', words('give', home, String(friend)), as(user));
    // File systems without such lists give him a descriptor in another way.
    const opener = given.stdout === 'given\n' ? friend : user;
    expect([given.stderr, statSync(home).mode & 0o7777]).toEqual(['', 0o750]);
    const holder = spawn('/usr/bin/python3', words('hold', home), as(opener));
    await once(holder.stdout, 'data');
    const before = statSync(home);
    site.wish(0, { requestedState: 'destroyed' });
    expect(await runReport(site.context(), site.openSupervisor)).toBe(0);
    site.write(0, 'secret', 'of the next one', 0o644);
    holder.stdin.end('\n');
    const [text] = await once(holder.stdout.setEncoding('utf8'), 'data');
    expect(JSON.parse(String(text))).toMatchObject({
      held: [],
      ...(opener === friend ? { path: 'Permission denied', file: 'Permission denied' } : {}),
    });
    const { gid, mode, uid } = statSync(home);
    expect([uid, gid, mode & 0o7777]).toEqual([before.uid, before.gid, 0o750]);
    expect(readdirSync(home).sort()).toEqual(['.slapos-resource', 'secret']);
    expect(readFileSync(join(home, '.slapos-resource'), 'utf8')).toBe('{"tap": {}}');
    expect(readdirSync(site.instanceRoot).filter((name) => name.endsWith('.slapos-new'))).toEqual(
      [],
    );
  });
});
