/** Processes of a partition that do harm to who looks at them. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { takePidfile } from '../../../src/cli/pidfile.ts';
import { endProcessesOf } from '../../../src/host/folder/leftovers.ts';
import { endUserProcesses } from '../../../src/host/process/end-user.ts';
import { silentLogger } from '../../../src/log/logger.ts';
import { HostileProgram } from '../../support/hostile-program.ts';
import { isAlive, until } from '../../support/keeper-run.ts';
import { requires } from '../../support/requires.ts';

const UID = 44_400;
const MEBIBYTE = 2 ** 20;

requires('root', 'netns')('a process that claims a terabyte of arguments', () => {
  const hostile = new HostileProgram();
  afterAll(() => hostile.remove());

  const growth = async (work: () => Promise<unknown> | unknown) => {
    const before = process.memoryUsage().rss;
    await work();
    return process.memoryUsage().rss - before;
  };

  it('is not read to its end for the pid of a run that was killed', async () => {
    const pid = await hostile.start(UID, 'claim', 'slapos node instance');
    const path = join(hostile.folder, 'run.pid');
    writeFileSync(path, `${pid}\n`);
    const grown = await growth(() => takePidfile(path, silentLogger).release());
    expect(grown).toBeLessThan(64 * MEBIBYTE);
  });

  it('is not read to its end for what a killed build left at work', async () => {
    const pid = await hostile.start(UID, 'claim', 'HOME=/srv/marked');
    const mark = (home: string) => ({ home, word: '' });
    const grown = await growth(async () => {
      expect(await endProcessesOf({ uid: UID }, { ...mark('/srv/other'), word: 'x' })).toBe(0);
      expect(await endProcessesOf({ uid: UID }, { ...mark('/srv/marked'), word: 'x' })).toBe(1);
    });
    expect(grown).toBeLessThan(64 * MEBIBYTE);
    await until(() => (isAlive(pid) ? undefined : true), 'the end of the marked process');
  });
});

requires('root', 'netns')('a process whose first thread has ended', () => {
  const hostile = new HostileProgram();
  afterAll(() => hostile.remove());

  it('is ended with its user all the same', async () => {
    const pid = await hostile.start(UID + 1, 'leader');
    const looksDead = () => /^State:\tZ/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
    await until(() => looksDead() || undefined, 'the end of its first thread');
    expect(await endUserProcesses({ uid: UID + 1 })).toEqual({
      found: 1,
      left: 0,
      contained: 0,
    });
    await until(() => (existsSync(`/proc/${pid}`) ? undefined : true), 'its end');
  });
});
