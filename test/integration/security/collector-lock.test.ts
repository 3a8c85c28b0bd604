/** Local users who keep `collector.db` locked, which all may read, against `node collect`. */
import { on, once } from 'node:events';
import { copyFileSync, renameSync, rmSync, statSync, watch } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { packageRoot } from '../../../src/host/package/package-files.ts';
import { CollectNode, describeCollectorDatabase } from '../../support/collect-node.ts';
import { inCopy } from '../../support/database-copy.ts';
import { HostileProgram } from '../../support/hostile-program.ts';
import { BEGIN_TEARING, leaveByKill } from '../../support/killed-writer.ts';
import { requires } from '../../support/requires.ts';
import { until } from '../../support/supervisor-run.ts';

const NOBODY = 65_534;
const EARLY_MINUTE = join(packageRoot(), 'test', 'support', 'early-minute.cjs');

requires('root', 'netns')('while users hold read locks on the database of samples', () => {
  let node: CollectNode;
  let hostile: HostileProgram;
  const pids: number[] = [];

  beforeAll(async () => {
    node = new CollectNode('/srv/locked-collect', 2);
    node.create();
    expect(node.collect().status).toBe(0);
    hostile = new HostileProgram();
    for (const uid of [node.uid(0), NOBODY]) {
      pids.push(await hostile.start(uid, 'lock', node.database));
    }
  }, 60_000);
  afterAll(() => {
    hostile.remove();
    node.remove();
  });

  const runs = () => node.systemRows().size;

  it('node collect writes the rows of each run, and says who they are', () => {
    const before = runs();
    for (let run = 1; run <= 2; run += 1) {
      const { log, status } = node.collect();
      expect([status, log]).toEqual([0, expect.stringContaining('is kept locked by process')]);
      for (const pid of pids) expect(log).toMatch(new RegExp(`process .*\\b${pid}\\b`));
      expect(runs()).toBe(before + run);
    }
    expect(describeCollectorDatabase(node.database).integrity).toBe('ok');
    const { mode, uid } = statSync(node.database);
    expect([mode & 0o777, uid]).toEqual([0o644, 0]);
  }, 120_000);

  it('the daemon writes the rows of the minute', async () => {
    const before = runs();
    const daemon = node.startDaemon(EARLY_MINUTE);
    try {
      await until(() => (runs() > before ? true : undefined), 'the rows of a minute', 100_000);
    } finally {
      daemon.kill('SIGTERM');
      await once(daemon, 'exit');
    }
  }, 120_000);

  /** What is there when a writer is killed in the middle of a change of most pages. */
  function tear(): void {
    const torn = join(node.root, 'torn.db');
    copyFileSync(node.database, torn);
    const wide = 'INSERT INTO wide VALUES (zeroblob(3000));'.repeat(10);
    const change = 'UPDATE system SET loadavg = -1; UPDATE wide SET x = zeroblob(2000)';
    const table = 'CREATE TABLE IF NOT EXISTS wide (x)';
    leaveByKill(torn, `${table}; ${wide}`, `${BEGIN_TEARING}; ${change}; ${wide}`);
    for (const suffix of ['-journal', '']) renameSync(torn + suffix, node.database + suffix);
  }

  it.each(['.collector.db.private', 'collector.db'])(
    'a run that is killed while it replaces a torn file, at %s, loses no row',
    async (moment) => {
      const before = node.systemRows();
      const dataLog = join(node.root, 'var', 'data-log');
      rmSync(join(dataLog, '.collector.db.private'), { recursive: true, force: true });
      tear();
      const watcher = watch(dataLog);
      const daemon = node.startDaemon(EARLY_MINUTE);
      const exit = once(daemon, 'exit');
      for await (const [, name] of on(watcher, 'change')) {
        if (name === moment) break;
      }
      watcher.close();
      daemon.kill('SIGKILL');
      await exit;
      expect([...node.systemRows(inCopy)]).toEqual(expect.arrayContaining([...before]));
      expect(node.collect().status).toBe(0);
      const after = node.systemRows();
      expect([...after]).toEqual(expect.arrayContaining([...before]));
      expect(after.size).toBeGreaterThan(before.size);
      expect(describeCollectorDatabase(node.database).integrity).toBe('ok');
    },
    120_000,
  );

  it('a run without locks goes on with that file', () => {
    const before = runs();
    hostile.end();
    expect(node.collect().status).toBe(0);
    expect(runs()).toBe(before + 1);
  }, 60_000);
});
