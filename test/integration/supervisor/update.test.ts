/** One update of five hundred groups at once, as a pass of `node instance` makes it. */
import { readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { connectSupervisor } from '../../../src/instance/open-supervisor.ts';
import { silentLogger } from '../../../src/log/logger.ts';
import { requires } from '../../support/requires.ts';
import { SupervisorRun, until } from '../../support/supervisor-run.ts';

const GROUPS = 500;
const NAMES = Array.from({ length: GROUPS }, (_, index) => `slappart${index}`);

/** Groups whose service sleeps so long. */
async function secondsOf(run: SupervisorRun, seconds: string): Promise<string[]> {
  const running = (await run.services()).filter(({ pid }) => pid !== 0);
  const isThat = (pid: number) =>
    readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0')[1] === seconds;
  return running.filter(({ pid }) => isThat(pid)).map(({ group }) => group);
}

requires('root', 'netns')('an update of five hundred groups', () => {
  let run: SupervisorRun;

  beforeEach(async () => {
    run = new SupervisorRun();
    await run.launch();
    for (const name of NAMES) run.writeGroup(name, { service: '/bin/sleep 1000' });
  });
  afterEach(() => run.stop());

  const edit = (group: string, change: (text: string) => string) => {
    const path = join(run.paths.groupFolder, `${group}.conf`);
    writeFileSync(path, change(readFileSync(path, 'utf8')));
  };

  it('changes all but those that cannot be understood, and says which', async () => {
    const supervisor = connectSupervisor(run.client, silentLogger);
    await supervisor.update();
    await Promise.all(NAMES.map((name) => supervisor.startGroup(name)));
    for (const name of NAMES) run.writeGroup(name, { service: '/bin/sleep 2000' });
    edit('slappart3', (text) => text.replace(/^user=.*$/m, 'user=99999'));
    edit('slappart4', (text) => `${text}\nautostart=perhaps\n`);
    edit('slappart5', (text) => `no section\n${text}`);
    edit('slappart6', (text) => text.replace(/^directory=.*$/m, 'directory=/nowhere'));
    edit('slappart7', (text) =>
      text.replace(/^stdout_logfile=.*$/m, 'stdout_logfile=/nowhere/log'),
    );

    const problems = await supervisor.update();
    const files = problems.map(({ file }) => basename(file, '.conf')).sort();
    expect(files).toEqual(['slappart3', 'slappart4', 'slappart5', 'slappart7']);
    await Promise.all(NAMES.map((name) => supervisor.startGroup(name)));
    await until(async () => {
      return (await secondsOf(run, '2000')).length === GROUPS - 5 ? true : undefined;
    }, 'the changed services');
    // Those with a wrong file go on as they were; a missing folder is found when one starts.
    expect((await secondsOf(run, '1000')).sort()).toEqual(files);
    const [lost] = (await run.services()).filter(({ group }) => group === 'slappart6');
    expect(lost?.statename).toBe('EXITED');
  }, 60_000);
});
