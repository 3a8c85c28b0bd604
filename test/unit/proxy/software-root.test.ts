import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import Sqlite from 'better-sqlite3';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { silentLogger } from '../../../src/log/logger.ts';
import { applySoftwareRoot, planRootChange, rebaseUrl } from '../../../src/proxy/software-root.ts';
import {
  computerDocument,
  instanceRequest,
  type ProxyFixture,
  startProxy,
} from '../../support/proxy-fixture.ts';

describe('the plan', () => {
  test.each([
    [null, undefined, null],
    ['/', '/', null],
    ['/a/', '/a/', null],
    [null, '/srv', { change: { oldRoot: '/', newRoot: '/srv' }, isMove: false }],
    ['/srv', undefined, { change: { oldRoot: '/srv', newRoot: '/' }, isMove: false }],
    ['/srv', '/srv/x', { change: { oldRoot: '/srv', newRoot: '/srv/x' }, isMove: false }],
    ['/srv', '/srv2', { change: { oldRoot: '/srv', newRoot: '/srv2' }, isMove: true }],
  ])('%j to %j', (stored, configured, expected) => {
    expect(planRootChange(stored, configured)).toEqual(expected);
  });
});

describe('an address', () => {
  const change = { oldRoot: '/0/opt', newRoot: '/1/opt' };
  test.each<[string, readonly string[], string]>([
    ['/0/opt/s/software.cfg', [], '/1/opt/s/software.cfg'],
    [
      '/0/opt/s/software.cfg',
      ['/1/opt/s/software.cfg', '/0/opt/s/software.cfg'],
      '/1/opt/s/software.cfg',
    ],
    ['/0/opt/s/software.cfg', ['/0/opt/s/software.cfg'], '/0/opt/s/software.cfg'],
    ['/0/opting/s.cfg', [], '/0/opting/s.cfg'],
    ['/0/opt/..a/s.cfg', [], '/1/opt/..a/s.cfg'],
    ['https://0/opt/s.cfg', [], 'https://0/opt/s.cfg'],
    ['', [], ''],
  ])('%s with %j', (url, files, expected) => {
    expect(rebaseUrl(url, change, (path) => files.includes(path))).toBe(expected);
  });
});

describe('the database', () => {
  let proxy: ProxyFixture;
  beforeEach(async () => {
    proxy = await startProxy();
  });
  afterEach(() => proxy.close());

  test('follows a moved root, after a dump that can be read back', async () => {
    const apply = (root: string) => applySoftwareRoot(proxy.store, root, () => false, silentLogger);
    await apply(join(proxy.folder, 'old'));
    await proxy.master.loadComputerConfiguration(computerDocument(1));
    const url = join(proxy.folder, 'old/s/software.cfg');
    await proxy.master.supplySoftware(url, 'COMP-1', 'available');
    await proxy.master.requestInstance(
      instanceRequest("it's", { softwareRelease: url, parameters: { a: 'x\ny' } }),
    );
    mkdirSync(join(proxy.folder, 'new'));
    await apply(join(proxy.folder, 'new'));
    const computer = await proxy.master.getFullComputerInformation('COMP-1');
    const moved = join(proxy.folder, 'new/s/software.cfg');
    expect(computer.softwareReleases[0]?.url).toBe(moved);
    expect(computer.partitions[0]?.softwareReleaseUrl).toBe(moved);

    const dumps = readdirSync(proxy.folder).filter((name) => name.includes('-backup-'));
    expect(dumps).toHaveLength(1);
    const restored = new Sqlite(':memory:');
    restored.exec(readFileSync(join(proxy.folder, dumps[0] ?? ''), 'utf8'));
    expect(
      restored
        .prepare('SELECT partition_reference, software_release, requested_by FROM partition17')
        .all(),
    ).toEqual([{ partition_reference: "it's", software_release: url, requested_by: '' }]);
    expect(restored.prepare('SELECT xml FROM partition17').pluck().get()).toContain('x\ny');
    await apply(join(proxy.folder, 'new'));
    expect(readdirSync(proxy.folder).filter((name) => name.includes('-backup-'))).toHaveLength(1);
  });

  test('keeps an address whose file did not move', async () => {
    const file = join(proxy.folder, 'old.cfg');
    writeFileSync(file, '');
    const apply = (root: string) =>
      applySoftwareRoot(proxy.store, root, (path) => path === file, silentLogger);
    await apply(proxy.folder);
    await proxy.master.supplySoftware(file, 'COMP-1', 'available');
    await apply('/elsewhere');
    expect((await proxy.master.getFullComputerInformation('COMP-1')).softwareReleases[0]?.url).toBe(
      file,
    );
  });
});
