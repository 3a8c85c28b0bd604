/** `proxy start` and `proxy show` as commands (spec/proxy.md 1 and 12). */
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { CancelledError } from '../../../../src/errors/slapos-error.ts';
import { createSlapClient } from '../../../../src/slap/slap-client.ts';
import { computerDocument, instanceRequest } from '../../../support/proxy-fixture.ts';
import { runSlapos } from '../../../support/run-slapos.ts';

let folder: string;
let port: number;
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'slapos-proxy-'));
  port = await freePort();
});
afterEach(() => rmSync(folder, { recursive: true }));

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

function config(more = ''): string {
  const path = join(folder, 'proxy.cfg');
  writeFileSync(
    path,
    `[slapos]\ncomputer_id = COMP-1\n[slapproxy]\nport = ${port}\ndatabase_uri = proxy.db\n${more}`,
  );
  return path;
}

async function start(...words: string[]) {
  const controller = new AbortController();
  const running = runSlapos(['proxy', 'start', ...words], {
    cwd: folder,
    signal: controller.signal,
  });
  const master = createSlapClient({ masterUrl: `http://127.0.0.1:${port}/` });
  for (let attempt = 0; ; attempt += 1) {
    const isUp = await master.getHateoasUrl().then(
      () => true,
      () => false,
    );
    if (isUp) break;
    if (attempt > 100) throw new Error('the proxy does not start');
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return {
    master,
    async stop() {
      await master.close();
      controller.abort(new CancelledError('SLAPOS_ERR_CANCELLED', 'stopped', { exitCode: 143 }));
      return running;
    },
  };
}

test('serves until it is told to stop, then show prints what it knew', async () => {
  const path = config(
    `log_file = ${join(folder, 'proxy.log')}\n[multimaster/https://other/]\nkey = k\n`,
  );
  const { master, stop } = await start('--cfg', path);
  await master.loadComputerConfiguration(computerDocument(2));
  await master.requestInstance(instanceRequest('first'));
  await master.setConnection(
    { computerId: 'COMP-1', partitionId: 'slappart0' },
    { url: 'http://x/' },
  );
  const { status, stderr } = await stop();
  expect(status).toBe(0);
  expect(stderr).toContain(`Proxy of COMP-1 listens on http://127.0.0.1:${port} with proxy.db`);
  expect(existsSync(join(folder, 'proxy.log'))).toBe(true);

  const all = await runSlapos(['proxy', 'show', '--cfg', path], { cwd: folder });
  expect(all.status).toBe(0);
  expect(all.stdout.split('\n').slice(0, 5)).toEqual([
    'Using database: proxy.db',
    'table computer17',
    '----------------------------------',
    ' reference address     netmask    ',
    '----------------------------------',
  ]);
  expect(all.stdout).toContain('\n \ntable software17: empty\n \ntable partition17: skipping xml');
  const some = await runSlapos(['proxy', 'show', '--cfg', path, '--params', '--network'], {
    cwd: folder,
  });
  expect(some.stdout).toBe(
    'Using database: proxy.db\nslappart0: first (type default)\n    url = http://x/\n \nslappart0: 10.0.1.0, fd00::0\n',
  );
});

test('a started proxy keeps what an earlier one knew', async () => {
  const path = config();
  const first = await start('--cfg', path);
  await first.master.loadComputerConfiguration(computerDocument(2));
  await first.master.requestInstance(instanceRequest('first'));
  await first.stop();
  const second = await start('--cfg', path);
  const { partitions } = await second.master.getFullComputerInformation('COMP-1');
  await second.stop();
  expect(partitions.map((partition) => partition.requestedState)).toEqual(['started', 'destroyed']);
});

test('an address in use, a missing folder and a missing key are one line each', async () => {
  const { stop } = await start('--cfg', config());
  const used = await runSlapos(['proxy', 'start', '--cfg', config(), '-u', 'other.db'], {
    cwd: folder,
  });
  expect([used.status, used.stderr]).toEqual([
    1,
    expect.stringMatching(/Cannot listen on 127\.0\.0\.1 port \d+: already in use/),
  ]);
  await stop();
  const noFolder = await runSlapos(['proxy', 'start', '--cfg', config(), '-u', 'no/such.db'], {
    cwd: folder,
  });
  expect([noFolder.status, noFolder.stderr]).toEqual([
    1,
    expect.stringContaining('unable to open database file'),
  ]);
  writeFileSync(join(folder, 'empty.cfg'), '[slapos]\ncomputer_id = C\n');
  const noUri = await runSlapos(['proxy', 'start', '--cfg', join(folder, 'empty.cfg')]);
  expect([noUri.status, noUri.stderr]).toEqual([
    1,
    expect.stringContaining('database-uri is required.'),
  ]);
  const noDatabase = await runSlapos(['proxy', 'show', '--cfg', config(), '-u', 'absent.db'], {
    cwd: folder,
  });
  expect([noDatabase.status, existsSync(join(folder, 'absent.db'))]).toEqual([1, false]);
});
