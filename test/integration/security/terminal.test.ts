/** A supervisor in the foreground of a terminal: its services must not reach that terminal. */
import { spawn } from 'node:child_process';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createHostFiles } from '../../../src/host/folder/host-files.ts';
import { silentLogger } from '../../../src/log/logger.ts';
import { ensureSupervisor } from '../../../src/supervisor/launch.ts';
import { type AttackReport, AttackSite } from '../../support/attack-site.ts';
import { requires } from '../../support/requires.ts';

requires('root', 'netns')('a service of a supervisor with a terminal', () => {
  let site: AttackSite;
  let report: AttackReport;

  beforeAll(async () => {
    site = new AttackSite();
    await site.writeFiles();
    await ensureSupervisor({
      files: createHostFiles(),
      instanceRoot: site.site.instanceRoot,
      log: silentLogger,
      launch: async (program, args) => {
        const line = [program, ...args, '--nodaemon'].join(' ');
        spawn('script', ['-qfec', line, '/dev/null'], { stdio: 'ignore' });
        return { status: 0, output: '' };
      },
    });
    site.addService(0, 'attack', site.attackScript(0));
    expect(await site.pass()).toBe(0);
    report = await site.report(0);
  });
  afterAll(() => site.remove());

  it('has no controlling terminal and pushes nothing into its input', () => {
    expect(report.tries['terminal']).toBe('ENXIO');
    expect(report.tries['push-input']).not.toBe('ok');
    expect(report.facts['group-leader']).toBe('1');
    expect(report.facts['descriptors']).toBe('0 1 2');
  });
});
