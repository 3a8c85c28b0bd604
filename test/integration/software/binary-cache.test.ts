/** Releases from a binary cache and into it, with real tar and a cache server in memory. */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { renderBinaryEntry } from '../../../src/networkcache/entry.ts';
import { readMachine } from '../../../src/networkcache/read-machine.ts';
import { signText } from '../../../src/networkcache/signature.ts';
import { softwareHash, softwarePath } from '../../../src/software/release.ts';
import { runSoftware } from '../../../src/software/run-software.ts';
import { type CacheServer, startCacheServer } from '../../support/cache-server.ts';
import { createGridSite, type GridSite, SOFTWARE, SOFTWARE_UID } from '../../support/grid-site.ts';
import { requires } from '../../support/requires.ts';
import { createSigner } from '../../support/signer.ts';
import { type Member, renderTar } from '../../support/tar-members.ts';

const BOOTSTRAP = `#!/bin/sh
mkdir -p bin
echo '#!/bin/sh' > bin/buildout
echo 'echo built > built; umask 022; mkdir -p open; echo x > open/x; chmod 4755 open/x; ln -sf /opt/x link' >> bin/buildout
chmod 755 bin/buildout
`;
const HASH = softwareHash(SOFTWARE);

requires('root', 'netns')('the binary cache', () => {
  const signer = createSigner();
  let multiarch: string;
  let site: GridSite;
  let server: CacheServer;
  let path: string;

  beforeAll(() => {
    multiarch = execFileSync('gcc', ['-dumpmachine'], { encoding: 'utf8' }).trim();
  });
  beforeEach(async () => {
    server = await startCacheServer();
    site = createGridSite({ partitions: 0 });
    writeFileSync(`${site.root}/bootstrap`, BOOTSTRAP, { mode: 0o755 });
    writeFileSync(`${site.root}/key.pem`, signer.key);
    path = softwarePath(site.softwareRoot, SOFTWARE);
    site.master.softwareReleases = [
      { url: SOFTWARE, computerId: 'COMP-1', requestedState: 'available' },
    ];
  });
  afterEach(async () => {
    await site.remove();
    await server.close();
  });

  const download = () => ({
    'download-binary-cache-url': server.cacheUrl,
    'download-binary-dir-url': server.dirUrl,
    'signature-certificate-list': signer.certificate,
  });
  const upload = () => ({
    'upload-binary-cache-url': server.cacheUrl,
    'upload-binary-dir-url': server.dirUrl,
    'signature-certificate-list': signer.certificate,
    'signature-private-key-file': `${site.root}/key.pem`,
  });
  const pass = (cli: Record<string, string | boolean> = {}) => {
    site.log.lines.length = 0;
    site.master.posted.length = 0;
    return runSoftware(site.context({ buildout: `${site.root}/bootstrap`, ...cli }));
  };
  const isBuilt = () => existsSync(`${path}/built`);

  async function offer(archive: Buffer, changes: object = {}): Promise<void> {
    const machine = await readMachine({
      arch: process.arch,
      readText: async (file) => (existsSync(file) ? readFileSync(file, 'utf8') : undefined),
      ask: async () => multiarch,
    });
    if (machine === undefined) throw new Error('unknown machine');
    const sha512 = createHash('sha512').update(archive).digest('hex');
    const rendered = renderBinaryEntry({
      ...{ sha512, softwareUrl: SOFTWARE, softwareRoot: site.softwareRoot, machine },
    });
    const text = JSON.stringify({ ...JSON.parse(rendered), ...changes });
    server.blobs.set(sha512, archive);
    const known = server.entries.get(HASH) ?? [];
    server.entries.set(HASH, [...known, [text, signText(text, signer.key)]]);
  }

  const tree: readonly Member[] = [
    { name: `${HASH}/`, type: '5' },
    { name: `${HASH}/bin/`, type: '5' },
    { name: `${HASH}/bin/tool`, type: '0', content: '#!/bin/sh\n', mode: 0o4775 },
    { name: `${HASH}/.completed`, type: '0', content: 'elsewhere' },
    { name: `${HASH}/link`, type: '2', linkName: '/opt/slapgrid/shared' },
  ];

  it.each<[string, (tar: Buffer) => Buffer]>([
    ['gzip', (tar) => gzipSync(tar)],
    ['no compression', (tar) => tar],
    ['xz', (tar) => execFileSync('xz', ['-c'], { input: tar })],
    ['bzip2', (tar) => execFileSync('bzip2', ['-c'], { input: tar })],
  ])('gives a release instead of a build: %s', async (_name, compress) => {
    await offer(compress(renderTar(tree)));
    expect(await pass(download())).toBe(0);
    expect(isBuilt()).toBe(false);
    expect(statSync(`${path}/bin/tool`)).toMatchObject({ uid: SOFTWARE_UID, gid: SOFTWARE_UID });
    expect(statSync(`${path}/bin/tool`).mode & 0o7777).toBe(0o755);
    expect(readlinkSync(`${path}/link`)).toBe('/opt/slapgrid/shared');
    expect(readFileSync(`${path}/.completed`, 'utf8')).not.toBe('elsewhere');
    expect(site.master.calls).toContain(`reportAvailableSoftware ${SOFTWARE}`);
    expect(readdirSync(site.softwareRoot).filter((name) => name.endsWith('load'))).toEqual([]);
    await pass(download());
    expect(server.seen.filter((line) => line.startsWith('GET /dir/'))).toHaveLength(1);
  });

  it('builds what the cache does not have, or nobody trusted signed', async () => {
    await offer(gzipSync(renderTar(tree)));
    server.entries.set(
      HASH,
      (server.entries.get(HASH) ?? []).map(([text]) => [text, 'c2lnbmF0dXJl'] as const),
    );
    expect(await pass(download())).toBe(0);
    expect(isBuilt()).toBe(true);
    expect(site.log.lines).toContain(
      'INFO Entry 1 is not used: nobody in signature-certificate-list signed it.',
    );
  });

  it('never downloads without certificates', async () => {
    await offer(gzipSync(renderTar(tree)));
    expect(await pass({ ...download(), 'signature-certificate-list': '' })).toBe(0);
    expect(isBuilt()).toBe(true);
  });

  it('takes the next entry when the content of one is wrong', async () => {
    await offer(gzipSync(renderTar(tree)));
    for (const sha512 of server.blobs.keys()) server.blobs.set(sha512, Buffer.from('wrong'));
    await offer(renderTar(tree));
    expect(await pass(download())).toBe(0);
    expect(isBuilt()).toBe(false);
    expect(site.log.lines.join('\n')).toContain('invalid checksum');
  });

  it.each<[string, readonly Member[]]>([
    ['a way out', [{ name: `${HASH}/../../x`, type: '0', content: 'x' }]],
    ['an absolute name', [{ name: '/etc/slapos-x', type: '0', content: 'x' }]],
    ['another release', [{ name: `${'0'.repeat(32)}/x`, type: '0', content: 'x' }]],
    [
      'a file through a link',
      [
        { name: `${HASH}/l`, type: '2', linkName: '/srv' },
        { name: `${HASH}/l/slapos-x`, type: '0', content: 'x' },
      ],
    ],
    ['a device', [{ name: `${HASH}/null`, type: '3' }]],
  ])('refuses an archive with %s, and builds', async (_what, members) => {
    await offer(gzipSync(renderTar([{ name: `${HASH}/`, type: '5' }, ...members])));
    expect(await pass(download())).toBe(0);
    expect(isBuilt()).toBe(true);
    expect(site.log.lines.join('\n')).toContain('The archive is refused');
    expect(existsSync('/etc/slapos-x') || existsSync('/srv/slapos-x')).toBe(false);
    expect(existsSync(`${site.root}/x`)).toBe(false);
    expect(readdirSync(site.softwareRoot)).not.toContain('0'.repeat(32));
  });

  it('builds when the server is away, and when the URL is blacklisted', async () => {
    await offer(gzipSync(renderTar(tree)));
    const away = { ...download(), 'download-binary-dir-url': 'http://127.0.0.1:1/dir' };
    expect(await pass(away)).toBe(0);
    expect(site.log.lines.join('\n')).toContain(
      `Failed to download from network cache ${SOFTWARE}`,
    );
    rmSync(path, { recursive: true });
    const list = 'other\nhttps://host';
    expect(await pass({ ...download(), 'download-from-binary-cache-url-blacklist': list })).toBe(0);
    expect(site.log.lines).toContain('WARNING URL https://host is blacklisted');
    expect(server.seen).toEqual([]);
  });

  it('says when only one of the two addresses is set', async () => {
    expect(await pass({ 'download-binary-cache-url': server.cacheUrl })).toBe(0);
    expect(site.log.lines.join('\n')).toContain('WARNING networkcache badly configured');
  });

  it('never builds what must come from the cache', async () => {
    const forced = { ...download(), 'download-from-binary-cache-force-url-list': 'https://host/' };
    expect(await pass(forced)).toBe(1);
    expect(site.master.posted).toEqual([
      `Binary cache forced for '${SOFTWARE}', but failed to download, will retry again`,
    ]);
    expect(existsSync(path)).toBe(false);
    mkdirSync(path);
    expect(await pass(forced)).toBe(1);
    expect(site.master.posted).toEqual([
      `Binary cache forced for '${SOFTWARE}', but directory ${path} already exists, will retry again`,
    ]);
    rmSync(path, { recursive: true });
    await offer(gzipSync(renderTar(tree)));
    expect(await pass(forced)).toBe(0);
  });

  it('clears what a download or an upload that was killed left', async () => {
    for (const name of ['download', 'upload']) {
      mkdirSync(`${site.softwareRoot}/.${HASH}.${name}`);
      writeFileSync(`${site.softwareRoot}/.${HASH}.${name}/archive`, 'half');
    }
    site.master.softwareReleases = [];
    expect(await pass()).toBe(0);
    expect(readdirSync(site.softwareRoot)).toEqual([]);
  });

  it('does not write through a link that the software user put there', async () => {
    await offer(gzipSync(renderTar(tree)));
    mkdirSync(`${site.root}/elsewhere`);
    symlinkSync(`${site.root}/elsewhere`, `${site.softwareRoot}/.${HASH}.download`);
    expect(await pass(download())).toBe(0);
    expect(readdirSync(`${site.root}/elsewhere`)).toEqual([]);
  });

  it('gets what was built, signed, and another node installs it', async () => {
    expect(await pass(upload())).toBe(0);
    expect(isBuilt()).toBe(true);
    const [text = '', signature] = server.entries.get(HASH)?.[0] ?? [];
    expect(JSON.parse(text)).toMatchObject({ software_url: SOFTWARE, multiarch });
    expect(signature).toMatch(/^[A-Za-z0-9+/]+=*$/);
    rmSync(path, { recursive: true });
    expect(await pass(download())).toBe(0);
    expect(site.log.lines).toContain('INFO Extracting archive of cached software release...');
    expect(isBuilt()).toBe(true);
    expect(readlinkSync(`${path}/link`)).toBe('/opt/x');
    // Set-user-id bits do not travel.
    expect(statSync(`${path}/open/x`).mode & 0o7777).toBe(0o755);
    expect(lstatSync(path).mode & 0o777).toBe(0o755);
  });

  it('gets no credentials, and no blob twice', async () => {
    writeFileSync('/srv/.netrc', 'machine host login me password secret\n');
    expect(await pass(upload())).toBe(0);
    expect(existsSync(`${path}/.netrc`)).toBe(true);
    const [archive] = server.blobs.values();
    const names = execFileSync('tar', ['tz'], { input: archive as Buffer, encoding: 'utf8' });
    expect(names).toContain(`${HASH}/buildout.cfg`);
    expect(names).not.toContain('.netrc');
    rmSync('/srv/.netrc');
  });

  it('is not bothered by what must not be uploaded', async () => {
    const list = { 'upload-to-binary-cache-url-blacklist': 'https://host' };
    expect(await pass({ ...upload(), ...list })).toBe(0);
    expect(site.log.lines.join('\n')).toContain('Software Release URL is blacklisted');
    writeFileSync(`${path}/.shared`, '');
    expect(await pass({ ...upload(), force: true })).toBe(0);
    expect(server.seen).toEqual([]);
  });

  it('is not given what nobody would trust', async () => {
    const other = createSigner('other');
    expect(await pass({ ...upload(), 'signature-certificate-list': other.certificate })).toBe(0);
    expect(site.log.lines.join('\n')).toContain('no matching certificate for private key');
    expect(server.seen).toEqual([]);
  });
});
