/**
 * The bundled example for real: zc.buildout builds it without a network, its recipe talks to the
 * real proxy, its service answers on the partition's own address.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { packageRoot } from '../../../src/host/package/package-files.ts';
import { runInstance } from '../../../src/instance/run-instance.ts';
import { encodeMarshal } from '../../../src/slap/marshal.ts';
import { softwarePath } from '../../../src/software/release.ts';
import { runSoftware } from '../../../src/software/run-software.ts';
import { createGridSite, type GridSite, partitionUid } from '../../support/grid-site.ts';
import { type ProxyFixture, startProxy } from '../../support/proxy-fixture.ts';
import { requires } from '../../support/requires.ts';

const ADDRESSES = ['2001:db8:7::10', '2001:db8:7::11'];
/** Would be a substitution for buildout. */
const DOLLARS = ['a$b $', '{c:d} %'].join('');
const EXAMPLE = '/srv/example-hello';

requires(
  'root',
  'netns',
  'buildout',
)('the hello example', () => {
  let proxy: ProxyFixture;
  let site: GridSite;
  let url: string;

  beforeAll(async () => {
    for (const address of ADDRESSES) {
      execFileSync('ip', ['-6', 'address', 'add', `${address}/128`, 'dev', 'lo', 'nodad']);
    }
    url = installExample();
    proxy = await startProxy();
    site = createGridSite({ partitions: 2, master: proxy.master, cli: { master_url: proxy.url } });
    await proxy.master.loadComputerConfiguration(computerDocument());
    await proxy.master.supplySoftware(url, 'COMP-1', 'available');
  });
  afterAll(async () => {
    await site.remove();
    await proxy.close();
    rmSync(EXAMPLE, { recursive: true });
  });

  const request = (title: string, softwareType: string, greeting: string) =>
    proxy.master.requestInstance({
      softwareRelease: url,
      softwareType,
      title,
      parameters: { greeting },
      filter: {},
      state: 'started',
      isShared: false,
    });
  const pass = () => runInstance(site.context(), site.openSupervisor);

  it('is built without a network', async () => {
    expect(await runSoftware(site.context())).toBe(0);
  });

  it('is built beside another one, each in its own folder', async () => {
    const other = installExample(`${EXAMPLE}-2`);
    await proxy.master.supplySoftware(other, 'COMP-1', 'available');
    expect(await runSoftware(site.context({ jobs: 2, force: true }))).toBe(0);
    for (const each of [url, other]) {
      const path = softwarePath(site.softwareRoot, each);
      expect(existsSync(`${path}/.completed`)).toBe(true);
      const installed = readFileSync(`${path}/.installed.cfg`, 'utf8');
      expect(installed).toContain(path);
      const strangers = [url, other].filter((one) => one !== each);
      expect(installed).not.toContain(softwarePath(site.softwareRoot, strangers[0] ?? ''));
    }
    await proxy.master.supplySoftware(other, 'COMP-1', 'destroyed');
    expect(await runSoftware(site.context())).toBe(0);
    rmSync(`${EXAMPLE}-2`, { recursive: true });
  });

  it('serves two instances on their own addresses, as their own users', async () => {
    await request('one', 'default', 'hi <there>');
    await request('two', 'echo', DOLLARS);
    expect(await pass()).toBe(0);
    for (const [index, address] of ADDRESSES.entries()) {
      const answer = await fetch(`http://[${address}]:8080/status.json`);
      expect(await answer.json()).toMatchObject({
        title: ['one', 'two'][index],
        mode: ['page', 'echo'][index],
        parameters: { greeting: ['hi <there>', DOLLARS][index] },
        uid: partitionUid(index),
        gid: partitionUid(index),
      });
      expect(site.read(`slappart${index}`, 'var/log/starts.log')).toContain(
        `started by uid ${partitionUid(index)}`,
      );
      const result = site.read(
        `slappart${index}`,
        '.slapgrid/promise/result/check-url.status.json',
      );
      expect(JSON.parse(result).result.failed).toBe(false);
    }
  });

  it('shows a page, echoes, and never takes a parameter for markup', async () => {
    const page = await (await fetch(`http://[${ADDRESSES[0]}]:8080/`)).text();
    expect(page).toContain('<h1>one</h1>');
    expect(page).toContain(`Served by uid ${partitionUid(0)}`);
    expect(page).toContain('hi &lt;there&gt;');
    const echo = await fetch(`http://[${ADDRESSES[1]}]:8080/x`, { method: 'POST', body: 'é' });
    expect(await echo.text()).toBe('é');
  });

  it('publishes where it answers', async () => {
    const answer = await request('one', 'default', 'hi <there>');
    expect(answer.partition?.connection).toEqual({ url: `http://[${ADDRESSES[0]}]:8080/` });
  });

  it('restarts the service when a parameter changes', async () => {
    const before = readFileSync(site.path('etc/supervisord.conf.d/slappart0.conf'), 'utf8');
    await request('one', 'default', 'good bye');
    expect(await pass()).toBe(0);
    const after = readFileSync(site.path('etc/supervisord.conf.d/slappart0.conf'), 'utf8');
    expect(after).not.toBe(before);
    const answer = await fetch(`http://[${ADDRESSES[0]}]:8080/status.json`);
    expect(await answer.json()).toMatchObject({ parameters: { greeting: 'good bye' } });
  });

  it('fails with one clear line for a software type that it does not have', async () => {
    await request('two', 'nonsense', 'x');
    expect(await pass()).toBe(1);
    expect(site.log.lines.join('\n')).toContain(
      "ValueError: unknown software type 'nonsense', known are: RootSoftwareInstance, default, echo",
    );
  });
});

function installExample(folder = EXAMPLE): string {
  const script = join(packageRoot(), 'scripts', 'install-example.mjs');
  return execFileSync(process.execPath, [script, folder], { encoding: 'utf8' }).trim();
}

function computerDocument(): string {
  return encodeMarshal({
    reference: 'COMP-1',
    address: '127.0.0.1',
    netmask: '255.0.0.0',
    partition_list: ADDRESSES.map((addr, index) => ({
      reference: `slappart${index}`,
      address_list: [{ addr, netmask: 'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff' }],
      tap: { name: '' },
    })),
  });
}
