/** The cache of the proxy on a small disk, and our node building for another one through it. */
import { execFileSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { NO_WEB } from '../../../src/proxy/web/web-options.ts';
import { softwareHash, softwarePath } from '../../../src/software/release.ts';
import { runSoftware } from '../../../src/software/run-software.ts';
import { createGridSite, type GridSite, SOFTWARE } from '../../support/grid-site.ts';
import { type ProxyFixture, startProxy } from '../../support/proxy-fixture.ts';
import { rawRequest } from '../../support/raw-request.ts';
import { requires } from '../../support/requires.ts';
import { createSigner } from '../../support/signer.ts';

requires('root', 'netns')('the cache of the proxy', () => {
  let folder: string;
  let proxy: ProxyFixture;
  const content = () => join(folder, 'data');
  const metadata = () => join(folder, 'dir');
  const names = () => readdirSync(content());

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'slapos-shacache-'));
    for (const path of [content(), metadata()]) mkdirSync(path);
    const shacache = {
      ...NO_WEB.shacache,
      contentFolder: content(),
      metadataFolder: metadata(),
    };
    proxy = await startProxy({ web: { ...NO_WEB, shacache } });
  });
  afterEach(async () => {
    await proxy.close();
    rmSync(folder, { recursive: true });
  });

  describe('on a small disk', () => {
    beforeEach(() => {
      for (const path of [content(), metadata()]) {
        execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'small', path]);
      }
    });
    afterEach(() => {
      for (const path of [content(), metadata()]) execFileSync('umount', [path]);
    });
    const send = (method: string, path: string, body: string | Uint8Array) =>
      rawRequest(proxy.url, `/shacache/${path}`, { method, body });

    it('answers 507 when it is full and keeps nothing of it', async () => {
      const large = randomBytes(3 * 1024 * 1024);
      const sha512 = createHash('sha512').update(large).digest('hex');
      expect((await send('POST', 'cache', large)).status).toBe(507);
      expect((await send('PUT', `cache/${sha512}`, large)).status).toBe(507);
      expect(names()).toEqual([]);
      expect((await send('POST', 'cache', large.subarray(0, 500_000))).status).toBe(201);
    });

    it('keeps the entries of a key that cannot be added to', async () => {
      const entry = (text: string) => JSON.stringify([text, 's']);
      expect((await send('PUT', 'dir/key', entry('first'))).status).toBe(201);
      writeFileSync(join(metadata(), 'other'), Buffer.alloc(1024 * 1024 - 8192));
      expect((await send('PUT', 'dir/key', entry('x'.repeat(100_000)))).status).toBe(507);
      expect(readFileSync(join(metadata(), 'key'), 'utf8')).toBe('[["first","s"]]');
      expect(readdirSync(metadata()).sort()).toEqual(['key', 'other']);
    });

    it('answers 503 when it may not be written', async () => {
      execFileSync('mount', ['-o', 'remount,ro', content()]);
      expect((await send('POST', 'cache', 'x')).status).toBe(503);
    });
  });

  describe('between nodes', () => {
    const signer = createSigner();
    let site: GridSite;
    let path: string;
    beforeEach(() => {
      site = createGridSite({ partitions: 0 });
      path = softwarePath(site.softwareRoot, SOFTWARE);
      const script = [
        '#!/bin/sh',
        'mkdir -p bin',
        "printf '#!/bin/sh\\ndate +%%N > built\\nln -sf built link\\n' > bin/buildout",
        'chmod 755 bin/buildout',
      ];
      writeFileSync(`${site.root}/bootstrap`, `${script.join('\n')}\n`);
      chmodSync(`${site.root}/bootstrap`, 0o755);
      writeFileSync(`${site.root}/key.pem`, signer.key);
      const available = { computerId: 'COMP-1', requestedState: 'available' } as const;
      site.master.softwareReleases = [{ url: SOFTWARE, ...available }];
    });
    afterEach(() => site.remove());

    it('takes what one has built and gives it to the other', async () => {
      const urls = (verb: string) => ({
        [`${verb}-binary-cache-url`]: `${proxy.url}shacache/cache`,
        [`${verb}-binary-dir-url`]: `${proxy.url}shacache/dir`,
        'signature-certificate-list': signer.certificate,
      });
      const keys = { 'signature-private-key-file': `${site.root}/key.pem` };
      const buildout = `${site.root}/bootstrap`;
      expect(await runSoftware(site.context({ buildout, ...urls('upload'), ...keys }))).toBe(0);
      const built = readFileSync(join(path, 'built'), 'utf8');
      expect(readdirSync(metadata())).toEqual([softwareHash(SOFTWARE)]);
      expect(names()).toHaveLength(1);
      rmSync(path, { recursive: true });
      rmSync(buildout);
      expect(await runSoftware(site.context({ buildout, ...urls('download') }))).toBe(0);
      expect(readFileSync(join(path, 'built'), 'utf8')).toBe(built);
      expect(existsSync(join(path, '.completed'))).toBe(true);
      expect(statSync(join(content(), names()[0] ?? '')).mode & 0o777).toBe(0o644);
    });
  });
});
