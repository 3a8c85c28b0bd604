/**
 * The life of a release in a binary cache, for real: zc.buildout builds the example, `node software`
 * uploads it, the software is wiped, and the next pass takes it from the cache.
 */
import { execFileSync } from 'node:child_process';
import {
  chownSync,
  existsSync,
  lstatSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { packageRoot } from '../../src/host/package/package-files.ts';
import { softwarePath } from '../../src/software/release.ts';
import { runSoftware } from '../../src/software/run-software.ts';
import { createGridSite, SOFTWARE_UID } from './grid-site.ts';
import { createSigner } from './signer.ts';

interface CacheUrls {
  readonly cacheUrl: string;
  readonly dirUrl: string;
}

/** Names of a tree with what tells one entry from another; what only a build or a download has is left out. */
function describeTree(root: string): string[] {
  const own = ['.completed', '.downloaded', '.netrc'];
  const walk = (path: string): string[] => {
    const status = lstatSync(join(root, path));
    const about = `${path} ${(status.mode & 0o7777).toString(8)} ${status.uid}`;
    if (status.isSymbolicLink()) return [`${about} -> ${readlinkSync(join(root, path))}`];
    if (!status.isDirectory()) return [`${about} ${readFileSync(join(root, path), 'latin1')}`];
    const names = readdirSync(join(root, path)).sort();
    return [about, ...names.flatMap((name) => walk(path === '' ? name : `${path}/${name}`))];
  };
  return walk('').filter((line) => !own.some((name) => line.startsWith(`${name} `)));
}

/** Plays the story with a cache that is empty yet. */
export async function tellCacheStory({ cacheUrl, dirUrl }: CacheUrls): Promise<void> {
  const folder = mkdtempSync('/srv/cache-story-');
  const site = createGridSite({ partitions: 0 });
  try {
    execFileSync('chmod', ['755', folder]);
    const url = installExample(join(folder, 'hello'));
    const signer = createSigner();
    writeFileSync(join(folder, 'key.pem'), signer.key, { mode: 0o600 });
    site.master.softwareReleases = [{ url, computerId: 'COMP-1', requestedState: 'available' }];
    const keys = {
      'signature-certificate-list': signer.certificate,
      'signature-private-key-file': join(folder, 'key.pem'),
    };
    const path = softwarePath(site.softwareRoot, url);
    const upload = { 'upload-binary-cache-url': cacheUrl, 'upload-binary-dir-url': dirUrl };
    expect(await runSoftware(site.context({ ...keys, ...upload }))).toBe(0);
    const built = describeTree(path);
    rmSync(site.softwareRoot, { recursive: true });
    execFileSync('mkdir', [site.softwareRoot]);
    chownSync(site.softwareRoot, SOFTWARE_UID, SOFTWARE_UID);
    site.log.lines.length = 0;
    const download = { 'download-binary-cache-url': cacheUrl, 'download-binary-dir-url': dirUrl };
    // Only the cache can give it: the profile is gone.
    rmSync(join(folder, 'hello'), { recursive: true });
    expect(await runSoftware(site.context({ ...keys, ...download }))).toBe(0);
    expect(site.log.lines).toContain('INFO Extracting archive of cached software release...');
    expect(describeTree(path)).toEqual(built);
    expect(existsSync(join(path, '.completed'))).toBe(true);
    expect(readdirSync(site.softwareRoot).sort()).toEqual(['.log', path.split('/').pop()].sort());
    execFileSync(join(path, 'bin', 'buildout'), ['--version'], { uid: SOFTWARE_UID });
  } finally {
    await site.remove();
    rmSync(folder, { recursive: true });
  }
}

function installExample(folder: string): string {
  const script = join(packageRoot(), 'scripts', 'install-example.mjs');
  return execFileSync(process.execPath, [script, folder], { encoding: 'utf8' }).trim();
}
