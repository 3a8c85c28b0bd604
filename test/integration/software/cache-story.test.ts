/** A release goes through the cache of our real proxy. */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { it } from 'vitest';
import { NO_WEB } from '../../../src/proxy/web/web-options.ts';
import { tellCacheStory } from '../../support/cache-story.ts';
import { startProxy } from '../../support/proxy-fixture.ts';
import { requires } from '../../support/requires.ts';

requires(
  'root',
  'netns',
  'buildout',
)('the cache of the proxy', () => {
  it('gives the next node what the first one built', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'slapos-cache-'));
    const [contentFolder, metadataFolder] = [join(folder, 'data'), join(folder, 'dir')];
    for (const path of [contentFolder, metadataFolder]) mkdirSync(path);
    const shacache = { ...NO_WEB.shacache, contentFolder, metadataFolder };
    const proxy = await startProxy({ web: { ...NO_WEB, shacache } });
    try {
      const base = `${proxy.url}shacache`;
      await tellCacheStory({ cacheUrl: `${base}/cache`, dirUrl: `${base}/dir` });
    } finally {
      await proxy.close();
      rmSync(folder, { recursive: true });
    }
  });
});
