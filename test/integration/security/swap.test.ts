/** A partition that exchanges folders and files for links while root works on it. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { packageRoot } from '../../../src/host/package/package-files.ts';
import { runCommand } from '../../../src/host/process/run-command.ts';
import { runInstance } from '../../../src/instance/run-instance.ts';
import { runPromisePass } from '../../../src/instance/run-promise-pass.ts';
import { runReport } from '../../../src/report/run-report.ts';
import { partitionUid } from '../../support/grid-site.ts';
import { createHostileSite } from '../../support/hostile-site.ts';
import { requires } from '../../support/requires.ts';

const RACE_SECONDS = 4;

requires('root', 'netns')('a partition that exchanges what root works on', () => {
  let hostile: ReturnType<typeof createHostileSite>;

  beforeEach(() => {
    hostile = createHostileSite(2);
    for (const index of [0, 1]) {
      hostile.site.write(index, 'etc/promise/ok', '#!/bin/sh\nexit 0\n', 0o755);
      hostile.site.write(index, 'etc/report/report', '#!/bin/sh\n', 0o755);
    }
  });
  afterEach(() => hostile.site.remove());

  /** As the partition's user; tells how often it exchanged something. */
  async function race(): Promise<number> {
    const uid = partitionUid(0);
    const script = join(process.env['SLAPOS_PACKAGE'] ?? packageRoot(), 'test/support/swap.py');
    const { site, outside } = hostile;
    const { output } = await runCommand({
      argv: [
        '/usr/bin/python3',
        script,
        String(RACE_SECONDS),
        site.path('slappart0'),
        outside.folder,
      ],
      env: {},
      cwd: '/',
      user: { uid, gid: uid, groups: [uid] },
    });
    return Number(output);
  }

  it('gains nothing by it, keeps no other partition from being processed, and can be destroyed', async () => {
    const { site, outside, context } = hostile;
    await runInstance(context({ force: true }), site.openSupervisor);
    const ends = Date.now() + RACE_SECONDS * 1000;
    const racing = race();
    let passes = 0;
    for (; Date.now() < ends; passes += 1) {
      site.master.calls.length = 0;
      site.wish(0, { requestedState: passes % 5 === 4 ? 'destroyed' : 'started' });
      expect([0, 1, 2]).toContain(await runInstance(context({ force: true }), site.openSupervisor));
      expect(site.master.calls).toContain('reportStarted slappart1');
      expect([0, 2]).toContain(await runPromisePass(context()));
      expect([0, 1]).toContain(await runReport(context(), site.openSupervisor));
      expect(outside.changes).toBe('');
    }
    expect(await racing).toBeGreaterThan(1000);
    expect(passes).toBeGreaterThan(3);
    expect(hostile.leaks()).toEqual([]);
    site.wish(0, { requestedState: 'destroyed' });
    site.master.calls.length = 0;
    // 1 where the race ended with a link in place of the report scripts.
    expect([0, 1]).toContain(await runReport(context(), site.openSupervisor));
    expect(site.master.calls).toContain('reportDestroyed slappart0');
    expect(readdirSync(site.path('slappart0'))).toEqual([]);
    expect(outside.changes).toBe('');
  }, 60_000);
});
