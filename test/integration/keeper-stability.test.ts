import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { packageRoot } from '../../src/host/package/package-files.ts';
import { isAlive, KeeperRun, killQuietly, until } from '../support/keeper-run.ts';
import { requires } from '../support/requires.ts';

const RESTARTS = 1000;
/** What the allocator may need more for a burst. */
const MOST_GROWTH_KB = 512;

requires('root', 'netns')('a keeper whose controller dies again and again', () => {
  let run: KeeperRun;
  let keeper = 0;

  beforeEach(() => {
    run = new KeeperRun();
  });

  afterEach(async () => {
    killQuietly(keeper, 'SIGTERM');
    await until(() => (isAlive(keeper) ? undefined : true), 'the end of the keeper');
    await run.dispose();
  });

  const usage = () => ({
    fds: readdirSync(`/proc/${keeper}/fd`).length,
    rssKb: Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${keeper}/status`, 'utf8'))?.[1]),
  });

  it(`needs no more descriptors and memory after ${RESTARTS} of them`, async () => {
    const program = join(run.folder, 'brief-controller');
    const counter = join(run.folder, 'count');
    const source = join(packageRoot(), 'test/fixtures/brief-controller.c');
    execFileSync('cc', ['-O1', '-static', '-o', program, source]);
    const args = ['--node', program, '--longest-pause', '0', '--', counter];
    expect((await run.launch({ args })).status).toBe(0);
    keeper = run.pid;
    const count = () => statSync(counter).size;
    const reach = (wanted: number) =>
      until(() => (count() >= wanted ? true : undefined), `${wanted} controllers`, 60_000);
    await reach(100);
    const before = usage();
    await reach(RESTARTS);
    const after = usage();
    // A controller that is there at this moment has its channel, its output and its pidfd.
    expect(Math.abs(after.fds - before.fds)).toBeLessThanOrEqual(8);
    expect(after.rssKb - before.rssKb).toBeLessThan(MOST_GROWTH_KB);
    // Children belong to the thread that started them.
    const children = readdirSync(`/proc/${keeper}/task`).flatMap((thread) => {
      const text = readFileSync(`/proc/${keeper}/task/${thread}/children`, 'utf8');
      return text.split(' ').filter((pid) => pid !== '');
    });
    expect(children.length).toBeGreaterThanOrEqual(20);
  });
});
