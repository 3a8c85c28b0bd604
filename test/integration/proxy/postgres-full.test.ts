/** A proxy whose PostgreSQL server has no space left: a tablespace on a small file system. */
import { execFileSync } from 'node:child_process';
import { chmodSync, chownSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { silentLogger } from '../../../src/log/logger.ts';
import { createProxyServer } from '../../../src/proxy/server.ts';
import { openStore } from '../../../src/proxy/store-open.ts';
import { startPostgres } from '../../support/postgres-server.ts';
import { computerDocument, postForm, requestFields } from '../../support/proxy-fixture.ts';
import { requires } from '../../support/requires.ts';

const NOBODY = 65534;

requires(
  'root',
  'netns',
  'postgres',
)('a database server without space', () => {
  it('is a 503 that says so, loses nothing, and works again with space', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'slapos-full-'));
    chmodSync(folder, 0o755);
    const space = join(folder, 'space');
    mkdirSync(space);
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=16m', 'small', space]);
    chownSync(space, NOBODY, NOBODY);
    const server = await startPostgres();
    try {
      await server.query(`CREATE TABLESPACE small LOCATION '${space}'`);
      await server.query('CREATE DATABASE small TABLESPACE small');
      const store = await openStore(server.uri('small'), 'COMP-1', silentLogger);
      const proxy = createProxyServer({ store, log: silentLogger, defaultComputerId: 'COMP-1' });
      const url = `${await proxy.listen('127.0.0.1', 0)}/`;
      await postForm(`${url}loadComputerConfigurationFromXML`, { xml: computerDocument(40) });
      const request = (title: string) => {
        // Random, or the server would compress it.
        const text = Array.from({ length: 100_000 }, () => Math.random().toString(36)).join('');
        const parameters = { partition_parameter_xml: { text }, partition_reference: title };
        return postForm(`${url}requestComputerPartition`, requestFields(parameters));
      };
      const acknowledged: string[] = [];
      let last = await request('t0');
      for (let index = 1; last.status === 200 && index < 40; index += 1) {
        acknowledged.push(`t${index - 1}`);
        last = await request(`t${index}`);
      }
      expect(last.status).toBe(503);
      expect(last.text).toContain('no space left');
      const titles = async () => {
        const rows = await store.read((tables) => tables.listPartitions('COMP-1'));
        return rows.flatMap(({ title }) => (title === null ? [] : [title]));
      };
      expect(acknowledged.length).toBeGreaterThan(0);
      expect(await titles()).toEqual(acknowledged);
      execFileSync('mount', ['-o', 'remount,size=64m', space]);
      expect((await request('later')).status).toBe(200);
      expect(await titles()).toEqual([...acknowledged, 'later']);
      await proxy.close();
    } finally {
      await server.close();
      execFileSync('umount', [space]);
      rmSync(folder, { recursive: true });
    }
  });
});
