/** What a cache does wrong, and what is left of it: nothing. */
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import {
  chownSync,
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { type CacheSite, createCacheSite, HASH } from '../../support/cache-site.ts';
import { SOFTWARE_UID } from '../../support/grid-site.ts';
import { requires } from '../../support/requires.ts';
import { type Member, renderTar } from '../../support/tar-members.ts';

const top: Member = { name: `${HASH}/`, type: '5' };
const tool: Member = { name: `${HASH}/tool`, type: '0', content: '#!/bin/sh\n' };
const FORCED = { 'download-from-binary-cache-force-url-list': 'https://host/' };

/** Large enough to be cut off in the middle, and not to be compressed. */
function renderLarge(sizeBytes = 300_000): Buffer {
  const content = randomBytes(sizeBytes / 2).toString('hex');
  return renderTar([top, tool, { name: `${HASH}/data`, type: '0', content }]);
}

requires('root', 'netns')('a binary cache with faults', () => {
  let scene: CacheSite;
  let mounted: string | undefined;

  beforeEach(async () => {
    scene = await createCacheSite();
    mounted = undefined;
  });
  afterEach(async () => {
    if (mounted !== undefined) execFileSync('umount', [mounted]);
    await scene.remove();
  });

  const archivesAsked = () =>
    scene.server.seen
      .filter((line) => line.startsWith('GET /cache/'))
      .map((line) => line.replace(/^GET \S+ ?/, ''));
  const isInstalled = () => existsSync(`${scene.path}/tool`);

  /** Leaves what a node that was killed in the middle of a download leaves. */
  function leavePart(sha512: string, content: Buffer): string {
    mkdirSync(scene.work, { mode: 0o700 });
    chownSync(scene.work, SOFTWARE_UID, SOFTWARE_UID);
    const part = `${scene.work}/${sha512}.part`;
    writeFileSync(part, content);
    chownSync(part, SOFTWARE_UID, SOFTWARE_UID);
    return part;
  }

  it.each<[string, () => void]>([
    ['500 to a key', () => Object.assign(scene.server.faults, { dirStatus: 500 })],
    ['302 to a key', () => Object.assign(scene.server.faults, { dirStatus: 302 })],
    ['404 to an archive', () => Object.assign(scene.server.faults, { cacheStatus: 404 })],
    ['503 to an archive', () => Object.assign(scene.server.faults, { cacheStatus: 503 })],
    ['301 to an archive', () => Object.assign(scene.server.faults, { cacheStatus: 301 })],
    ['three cut connections', () => scene.server.faults.cutAfter.push(9, 9, 9)],
    ['no JSON', () => scene.server.entries.set(HASH, 'x' as never)],
  ])('makes the node build by %s', async (_what, arrange) => {
    await scene.offer(renderLarge());
    arrange();
    expect(await scene.pass()).toBe(0);
    expect(scene.isBuilt()).toBe(true);
    expect(scene.leftovers()).toEqual([]);
    expect(scene.said()).toMatch(/Failed to download from network cache|No binary of/);
  });

  it.each<[string, () => Buffer, string]>([
    ['is cut off', () => renderLarge().subarray(0, 100_000), 'cut off'],
    ['is half a gzip', () => gzipSync(renderLarge()).subarray(0, 50_000), 'unexpected end of file'],
    ['is nonsense', () => randomBytes(5000), 'no tar archive'],
    // As a number of base 256 begins.
    ['is the same byte', () => Buffer.alloc(5000, 0x81), 'no tar archive'],
    ['is empty', () => Buffer.alloc(0), 'empty'],
    ['is a bomb of gzip', () => bomb('gzip'), 'it holds more than 67108864 bytes'],
    ['is a bomb of xz', () => bomb('xz'), '/usr/bin/xz failed'],
    ['is a bomb of bzip2', () => bomb('bzip2'), '/usr/bin/bzip2 failed'],
    [
      'has a file through a link',
      () =>
        renderTar([
          top,
          { name: `${HASH}/l`, type: '2', linkName: '/srv' },
          { name: `${HASH}/l/slapos-x`, type: '0', content: 'x' },
        ]),
      'would be written through a link',
    ],
    [
      'has a second name of a file elsewhere',
      () => renderTar([top, { name: `${HASH}/x`, type: '1', linkName: '../../../etc/shadow' }]),
      'is not below',
    ],
    [
      'has a newline in a name',
      () => renderTar([top, { name: `${HASH}/a\nb`, type: '0', content: 'x' }]),
      'control character',
    ],
    [
      'is a release without a folder',
      () => renderTar([{ name: HASH, type: '0', content: 'x' }]),
      'is no folder',
    ],
  ])('makes the node build when the archive %s', async (_what, archive, why) => {
    await scene.offer(archive());
    expect(await scene.pass()).toBe(0);
    expect(scene.isBuilt()).toBe(true);
    expect(scene.leftovers()).toEqual([]);
    expect(existsSync('/srv/slapos-x')).toBe(false);
    expect(scene.said()).toContain('Failed to download from network cache');
    expect(scene.said()).toContain(why);
  });

  it('gives nothing its set-user-id, set-group-id and sticky bits', async () => {
    const members: readonly Member[] = [
      { ...top, mode: 0o6777 },
      { name: `${HASH}/bin/`, type: '5', mode: 0o7777 },
      { name: `${HASH}/bin/su`, type: '0', content: 'x', mode: 0o7777 },
      { name: `${HASH}/bin/su2`, type: '1', linkName: `${HASH}/bin/su`, mode: 0o6755 },
    ];
    await scene.offer(renderTar(members));
    expect(await scene.pass()).toBe(0);
    for (const name of ['', 'bin', 'bin/su', 'bin/su2']) {
      expect(`${name} ${(statSync(`${scene.path}/${name}`).mode & 0o7777).toString(8)}`).toBe(
        `${name} 755`,
      );
    }
  });

  it('goes on in the next run with what a run that was stopped has', async () => {
    const { faults } = scene.server;
    await scene.offer(renderLarge());
    const abort = new AbortController();
    Object.assign(faults, { hasRanges: true, cutAfter: [100_000], onCut: () => abort.abort() });
    await expect(scene.pass({}, abort.signal)).rejects.toMatchObject({
      code: 'SLAPOS_ERR_CANCELLED',
    });
    expect(isInstalled() || scene.isBuilt()).toBe(false);
    const [part = ''] = readdirSync(scene.work);
    const keptBytes = statSync(`${scene.work}/${part}`).size;
    expect(keptBytes).toBeGreaterThan(0);
    scene.server.seen.length = 0;
    expect(await scene.pass()).toBe(0);
    expect(archivesAsked()).toEqual([`bytes=${keptBytes}-`]);
    expect(isInstalled()).toBe(true);
    expect(scene.leftovers()).toEqual([]);
    expect(scene.site.progress.map(({ label }) => label)).toContainEqual(
      expect.stringMatching(/^MiB of /),
    );
  });

  it('believes nothing of what is left', async () => {
    scene.server.faults.hasRanges = true;
    const archive = renderLarge();
    const sha512 = await scene.offer(archive);
    leavePart(sha512, randomBytes(1000));
    writeFileSync(`${scene.work}/stranger`, '');
    expect(await scene.pass()).toBe(0);
    expect(archivesAsked()).toEqual(['bytes=1000-', '']);
    expect(isInstalled()).toBe(true);
    expect(scene.leftovers()).toEqual([]);
  });

  it.each<[string, (part: string, precious: string) => void]>([
    ['a link', (part, precious) => symlinkSync(precious, part)],
    ['a second name', (part, precious) => linkSync(precious, part)],
    ['a pipe', (part) => void execFileSync('mkfifo', [part])],
    ['a folder', (part) => mkdirSync(part)],
    ['a file of somebody else', (part) => writeFileSync(part, 'x')],
  ])('writes to no file in whose place the software user put %s', async (_what, replace) => {
    const precious = `${scene.site.root}/precious`;
    writeFileSync(precious, 'precious');
    const part = leavePart(await scene.offer(renderLarge()), Buffer.from('x'));
    unlinkSync(part);
    replace(part, precious);
    expect(await scene.pass()).toBe(0);
    expect(isInstalled()).toBe(true);
    expect(readFileSync(precious, 'utf8')).toBe('precious');
    expect(statSync(precious).uid).toBe(0);
    expect(scene.leftovers()).toEqual([]);
  });

  it('keeps what came of a release that may not be built', async () => {
    const { faults, server } = { ...scene, faults: scene.server.faults };
    await scene.offer(renderLarge());
    Object.assign(faults, { hasRanges: true, cutAfter: [100_000], cacheStatus: undefined });
    faults.onCut = () => {
      faults.cacheStatus = 503;
    };
    expect(await scene.pass(FORCED)).toBe(1);
    expect(scene.leftovers()).toEqual([`.${HASH}.download`]);
    faults.cacheStatus = undefined;
    server.seen.length = 0;
    expect(await scene.pass(FORCED)).toBe(0);
    expect(archivesAsked()).toEqual(['bytes=100000-']);
    expect(scene.leftovers()).toEqual([]);
  });

  it('forgets what is left of a release that nobody wants any more, or that is built', async () => {
    const sha512 = await scene.offer(renderLarge());
    leavePart(sha512, Buffer.from('x'));
    expect(
      await scene.pass({ 'download-binary-dir-url': '', 'download-binary-cache-url': '' }),
    ).toBe(0);
    expect(scene.isBuilt()).toBe(true);
    expect(scene.leftovers()).toEqual([]);
    leavePart(sha512, Buffer.from('x'));
    scene.site.master.softwareReleases = [];
    expect(await scene.pass()).toBe(0);
    expect(scene.leftovers()).toEqual([]);
  });

  function mountSmall(size: string): void {
    mounted = scene.site.softwareRoot;
    const options = `size=${size},mode=755,uid=${SOFTWARE_UID},gid=${SOFTWARE_UID}`;
    execFileSync('mount', ['-t', 'tmpfs', '-o', options, 'none', mounted]);
  }

  it.each<[string, boolean, string]>([
    ['before anything comes', false, 'Not enough space'],
    ['while it comes', true, 'ENOSPC'],
  ])('notices a disk that is too small %s', async (_when, hasNoLength, said) => {
    mountSmall('400k');
    scene.server.faults.hasNoLength = hasNoLength;
    await scene.offer(renderLarge(800_000));
    expect(await scene.pass()).toBe(0);
    expect(scene.said()).toContain(said);
    expect(scene.isBuilt()).toBe(true);
    expect(scene.leftovers()).toEqual([]);
  });

  it('notices before it unpacks that the disk is too small', async () => {
    mountSmall('600k');
    await scene.offer(gzipSync(renderTar([top, { ...tool, content: 'x'.repeat(900_000) }])));
    expect(await scene.pass()).toBe(0);
    expect(scene.said()).toContain('bytes that are free');
    expect(scene.isBuilt()).toBe(true);
    expect(scene.leftovers()).toEqual([]);
  });
});

/** An archive of a hundred MiB of nothing. */
function bomb(program: 'gzip' | 'xz' | 'bzip2'): Buffer {
  const member = renderTar([top, { ...tool, content: '' }]).subarray(0, 1024);
  const sizeBytes = 100 * 1024 * 1024;
  const header = Buffer.from(member.subarray(512));
  header.write(`${sizeBytes.toString(8).padStart(11, '0')}\0`, 124);
  header.fill(' ', 148, 156);
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  const tar = Buffer.concat([member.subarray(0, 512), header, Buffer.alloc(sizeBytes + 1024)]);
  const fast = program === 'bzip2' ? [] : ['-1'];
  return execFileSync(program, ['-c', ...fast], { input: tar, maxBuffer: 1 << 26 });
}
