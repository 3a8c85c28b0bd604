/** A node whose only release is a shell script, with a binary cache in memory. */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { renderBinaryEntry } from '../../src/networkcache/entry.ts';
import { readMachine } from '../../src/networkcache/read-machine.ts';
import { signText } from '../../src/networkcache/signature.ts';
import { softwareHash, softwarePath } from '../../src/software/release.ts';
import { runSoftware } from '../../src/software/run-software.ts';
import { startCacheServer } from './cache-server.ts';
import { createGridSite, SOFTWARE } from './grid-site.ts';
import { createSigner } from './signer.ts';

export const HASH = softwareHash(SOFTWARE);

const BOOTSTRAP = `#!/bin/sh
mkdir -p bin
echo '#!/bin/sh' > bin/buildout
echo 'echo built > built' >> bin/buildout
chmod 755 bin/buildout
`;
const signer = createSigner();

export async function createCacheSite() {
  const server = await startCacheServer();
  const site = createGridSite({ partitions: 0 });
  const path = softwarePath(site.softwareRoot, SOFTWARE);
  writeFileSync(`${site.root}/bootstrap`, BOOTSTRAP, { mode: 0o755 });
  site.master.softwareReleases = [
    { url: SOFTWARE, computerId: 'COMP-1', requestedState: 'available' },
  ];
  return {
    ...{ server, site, path },
    /** Work folder of a download. */
    work: `${site.softwareRoot}/.${HASH}.download`,
    isBuilt: () => existsSync(`${path}/built`),
    /** What is in `software_root` besides the release and logs. */
    leftovers: () =>
      readdirSync(site.softwareRoot).filter((name) => name !== HASH && name !== '.log'),
    said: () => site.log.lines.join('\n'),
    /** Puts an archive in the cache, signed. @returns its digest. */
    async offer(archive: Buffer): Promise<string> {
      const machine = await readMachine({
        arch: process.arch,
        readText: async (file) => (existsSync(file) ? readFileSync(file, 'utf8') : undefined),
        ask: async () => execFileSync('gcc', ['-dumpmachine'], { encoding: 'utf8' }).trim(),
      });
      if (machine === undefined) throw new Error('unknown machine');
      const sha512 = createHash('sha512').update(archive).digest('hex');
      const { softwareRoot } = site;
      const text = renderBinaryEntry({ sha512, softwareUrl: SOFTWARE, softwareRoot, machine });
      server.blobs.set(sha512, archive);
      const known = server.entries.get(HASH) ?? [];
      server.entries.set(HASH, [...known, [text, signText(text, signer.key)]]);
      return sha512;
    },
    /** A pass that may download. */
    pass(more: Record<string, string | boolean> = {}, signal?: AbortSignal): Promise<number> {
      site.log.lines.length = 0;
      const keys = {
        buildout: `${site.root}/bootstrap`,
        'download-binary-cache-url': server.cacheUrl,
        'download-binary-dir-url': server.dirUrl,
        'signature-certificate-list': signer.certificate,
      };
      return runSoftware(site.context({ ...keys, ...more }, signal));
    },
    async remove() {
      await site.remove();
      await server.close();
    },
  };
}

export type CacheSite = Awaited<ReturnType<typeof createCacheSite>>;
