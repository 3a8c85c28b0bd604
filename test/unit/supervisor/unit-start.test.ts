import { describe, expect, it } from 'vitest';
import type { HostFiles } from '../../../src/host/host.ts';
import { silentLogger } from '../../../src/log/logger.ts';
import { awaitUnitStart } from '../../../src/supervisor/unit-start.ts';

const UNIT = '/sys/fs/cgroup/system.slice/slapos-supervisord.service';

/** Waits in no time; `looks` answers of the supervisor, the last one again and again. */
async function wait(own: string, folders: readonly string[], looks: readonly boolean[] = [false]) {
  let asked = 0;
  const files = {
    readText: () => Promise.resolve(own),
    stat: (path: string) =>
      Promise.resolve(folders.includes(path) ? { kind: 'directory' } : undefined),
  } as unknown as HostFiles;
  const isUp = await awaitUnitStart({
    files,
    log: silentLogger,
    isRunning: () => Promise.resolve(looks[Math.min(asked++, looks.length - 1)] as boolean),
    pause: () => Promise.resolve(),
  });
  return { isUp, asked };
}

describe('a pass that finds no supervisor', () => {
  it('waits for that of the unit, when systemd runs both', async () => {
    const own = '1:cpu:/\n0::/system.slice/slapos-instance.service\n';
    expect(await wait(own, [UNIT], [false, false, true])).toEqual({ isUp: true, asked: 3 });
    const report = '0::/system.slice/slapos-report.service\n';
    expect(await wait(report, [UNIT], [true])).toEqual({ isUp: true, asked: 1 });
  });

  it('goes on without it in the end', async () => {
    const own = '0::/system.slice/slapos-instance.service\n';
    expect(await wait(own, [UNIT])).toEqual({ isUp: false, asked: 120 });
  });

  it('waits for nothing where the unit was stopped, and outside of systemd', async () => {
    const stopped = '0::/system.slice/slapos-instance.service\n';
    expect(await wait(stopped, [])).toEqual({ isUp: false, asked: 0 });
    for (const own of ['0::/user.slice/session-1.scope\n', '0::/\n', '']) {
      expect(await wait(own, [UNIT])).toEqual({ isUp: false, asked: 0 });
    }
  });
});
