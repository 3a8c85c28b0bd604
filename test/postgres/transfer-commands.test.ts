import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { CancelledError } from '../../src/errors/slapos-error.ts';
import { silentLogger } from '../../src/log/logger.ts';
import { openStore } from '../../src/proxy/store-open.ts';
import { PostgresRelay } from '../support/postgres-relay.ts';
import { type PostgresServer, startPostgres } from '../support/postgres-server.ts';
import { requires } from '../support/requires.ts';
import { runSlapos } from '../support/run-slapos.ts';

let server: PostgresServer;
let folder: string;
let address: string;
beforeAll(async () => {
  server = await startPostgres();
});
afterAll(() => server.close());
beforeEach(async () => {
  address = await server.createDatabase();
  folder = mkdtempSync(join(tmpdir(), 'slapos-migrate-'));
  const state = 'state_folder = new/state';
  const lines = ['[slapproxy]', 'computer_id = COMP-1', 'database_uri = proxy.db', state, ''];
  writeFileSync(join(folder, 'file.cfg'), lines.join('\n'));
  writeFileSync(
    join(folder, 'server.cfg'),
    lines.join('\n').replace('proxy.db', address.replaceAll('%', '%%')),
  );
});
afterEach(() => rmSync(folder, { recursive: true }));

const run = (config: string, ...words: string[]) => {
  return runSlapos([...words.slice(0, 2), '--cfg', join(folder, config), ...words.slice(2)], {
    cwd: folder,
  });
};

async function write(database: string, ...references: readonly string[]): Promise<void> {
  const store = await openStore(database, 'COMP-1', silentLogger, folder);
  for (const reference of references) {
    await store.write((tables) => tables.insertPartition({ reference, computerReference: 'C' }));
  }
  await store.close();
}

async function read(database: string): Promise<string[]> {
  const store = await openStore(database, 'COMP-1', silentLogger, folder);
  const rows = await store.read((tables) => tables.listPartitions(null));
  await store.close();
  return rows.map(({ reference }) => reference);
}

requires('postgres')('slapos proxy', () => {
  test('migrate goes there and back, and never shows the password', async () => {
    const file = join(folder, 'proxy.db');
    await write(file, 'b', 'a');
    const dry = await run('file.cfg', 'proxy', 'migrate', '--to', address, '--dry-run');
    expect(dry.stdout).toMatch(/^ {2}partition +2$/m);
    expect(dry.stdout).toMatch(/Nothing was changed\.\n$/);
    const there = await run('file.cfg', 'proxy', 'migrate', '--to', address);
    expect(there).toMatchObject({ status: 0, stderr: '' });
    expect(there.stdout).toMatch(
      /^From .*proxy\.db \(schema version 17\) to test\d+ of slapos at 127/,
    );
    expect(there.stdout).toContain('database_uri = postgres://slapos:***@127.0.0.1:');
    expect(await read(address)).toEqual(['b', 'a']);
    const again = await run('file.cfg', 'proxy', 'migrate', '--to', address);
    expect(again.status).toBe(1);
    expect(again.stderr).toContain('is not empty: it holds 2 rows');
    const back = await run('server.cfg', 'proxy', 'migrate', '--to', 'back.db');
    expect(back.status).toBe(0);
    expect(await read(join(folder, 'back.db'))).toEqual(['b', 'a']);
    const all = [dry, there, again, back].map(({ stdout, stderr }) => stdout + stderr).join('');
    expect(all).not.toContain(new URL(address).password);
  });

  test('migrate and restore end with 130 before the commit, and with 0 from then on', async () => {
    const file = join(folder, 'proxy.db');
    await write(file, 'b', 'a');
    const reason = new CancelledError('SLAPOS_ERR_CANCELLED', 'Interrupted.', { exitCode: 130 });
    const relay = await PostgresRelay.start(server.port);
    const moveUntil = (text: string) => {
      const controller = new AbortController();
      relay.decide = (statement) => {
        if (statement.startsWith(text)) controller.abort(reason);
        return undefined;
      };
      const words = ['proxy', 'migrate', '--cfg', join(folder, 'file.cfg'), '--to'];
      const { signal } = controller;
      return runSlapos([...words, relay.uri(address)], { cwd: folder, signal });
    };
    expect(await moveUntil('DELETE FROM')).toMatchObject({ status: 130, stdout: '' });
    await expect
      .poll(() => server.query("SELECT 1 FROM pg_locks WHERE locktype = 'advisory'"))
      .toEqual([]);
    expect(await moveUntil('COMMIT')).toMatchObject({ status: 0, stderr: '' });
    await relay.close();
    expect(await read(address)).toEqual(['b', 'a']);
    const copy = join(folder, 'copy.db');
    await run('file.cfg', 'proxy', 'backup', copy);
    await write(file, 'later');
    for (const config of ['file.cfg', 'server.cfg']) {
      const words = ['proxy', 'restore', '--cfg', join(folder, config), copy];
      const result = await runSlapos(words, { cwd: folder, signal: AbortSignal.abort(reason) });
      expect(result).toMatchObject({ status: 130, stdout: '' });
    }
    expect(await read(file)).toEqual(['b', 'a', 'later']);
  });

  test('migrate without a target, or from a file to a file, ends with 2', async () => {
    expect(await run('file.cfg', 'proxy', 'migrate')).toMatchObject({ status: 2 });
    const files = await run('file.cfg', 'proxy', 'migrate', '--to', 'other.db');
    expect(files).toMatchObject({ status: 2 });
    expect(files.stderr).toContain('Neither of the two is a PostgreSQL server.');
  });

  test('backup and restore work with a server, and with what the other kind wrote', async () => {
    const copy = join(folder, 'copy.db');
    await write(address, 'b', 'a');
    const store = await openStore(address, 'COMP-1', silentLogger, folder);
    const saved = await run('server.cfg', 'proxy', 'backup', copy);
    expect(saved.stdout).toMatch(
      /^Saved test\d+ of slapos at .* to .*copy\.db: .* 2 partitions\.\n$/,
    );
    expect(statSync(copy).mode & 0o777).toBe(0o600);
    expect((await run('server.cfg', 'proxy', 'backup', copy)).stderr).toContain('EEXIST');
    const busy = await run('server.cfg', 'proxy', 'restore', copy);
    expect(busy).toMatchObject({ status: 10 });
    await store.close();
    await write(address, 'later');
    const restored = await run('server.cfg', 'proxy', 'restore', copy);
    expect(restored.stdout).toMatch(/ 2 partitions\.\nThe former content is in .*\.sql\n$/);
    expect(await read(address)).toEqual(['b', 'a']);
    const former = /is in (.*)\n/.exec(restored.stdout)?.[1] ?? '';
    expect(dirname(former)).toBe(join(folder, 'new/state'));
    expect(statSync(dirname(former)).mode & 0o777).toBe(0o700);
    expect((await run('file.cfg', 'proxy', 'restore', former)).status).toBe(0);
    expect(await read(join(folder, 'proxy.db'))).toEqual(['b', 'a', 'later']);
  });

  test('nothing is replaced that cannot be kept', async () => {
    await write(address, 'here');
    await write(join(folder, 'proxy.db'), 'other');
    const config = readFileSync(join(folder, 'server.cfg'), 'utf8');
    // Nobody makes a folder there, root neither.
    writeFileSync(join(folder, 'server.cfg'), config.replace('new/state', '/proc/state'));
    const { status, stderr } = await run('server.cfg', 'proxy', 'restore', 'proxy.db');
    expect({ status, stderr }).toMatchObject({
      status: 1,
      stderr: expect.stringMatching(
        /folder \/proc\/state: ENOENT\. .*Set state_folder in \[slapproxy\]/,
      ),
    });
    expect(stderr).toContain('[SLAPOS_ERR_FILE]');
    expect(await read(address)).toEqual(['here']);
  });
});
