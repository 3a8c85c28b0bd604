import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { build } from 'esbuild';
import { expect, it } from 'vitest';
import { type PostgresServer, startPostgres } from '../support/postgres-server.ts';
import { requires } from '../support/requires.ts';

const PROGRAM = `
import { startPostgres } from './test/support/postgres-server.ts';
startPostgres().then((server) => {
  process.stdout.write(JSON.stringify({ folder: server.folder, pid: server.pid }));
  setInterval(() => undefined, 1000);
});`;

async function using<T>(work: (server: PostgresServer) => Promise<T>): Promise<T> {
  const server = await startPostgres();
  try {
    return await work(server);
  } finally {
    await server.close();
  }
}

function isRunning(pid: number): boolean {
  return existsSync(`/proc/${pid}/exe`);
}

requires('postgres')('the PostgreSQL server of tests', () => {
  it('keeps what was committed over kill -9 of all of it, and over each kind of stop', async () => {
    await using(async (server) => {
      await server.createDatabase('kept');
      await server.query('CREATE TABLE t (n integer)', 'kept');
      const ends = [
        () => server.kill(),
        () => server.stop('immediate'),
        () => server.stop('fast'),
        () => server.stop('smart'),
      ];
      for (const [n, end] of ends.entries()) {
        await server.query('INSERT INTO t VALUES ($1)', 'kept', [n]);
        await end();
        await expect(server.query('SELECT 1', 'kept')).rejects.toThrow(/ECONNREFUSED/);
        await server.start();
      }
      const rows = await server.query('SELECT n FROM t ORDER BY n', 'kept');
      expect(rows).toEqual([{ n: 0 }, { n: 1 }, { n: 2 }, { n: 3 }]);
      expect(server.log()).toContain('database system was not properly shut down');
    });
  });

  it('ends and leaves nothing behind when its test is killed', async () => {
    const { outputFiles } = await build({
      stdin: { contents: PROGRAM, resolveDir: process.cwd(), loader: 'ts' },
      bundle: true,
      platform: 'node',
      format: 'cjs',
      packages: 'external',
      write: false,
    });
    const child = spawn(process.execPath, ['-e', String(outputFiles[0]?.text)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const [line] = (await once(child.stdout, 'data')) as [Buffer];
    const { folder, pid } = JSON.parse(line.toString()) as { folder: string; pid: number };
    expect(isRunning(pid)).toBe(true);
    child.kill('SIGKILL');
    while (existsSync(folder) || isRunning(pid)) await delay(10);
  });
});
