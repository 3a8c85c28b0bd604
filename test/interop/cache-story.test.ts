/** A release goes through the cache of upstream's real proxy. */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'vitest';
import { tellCacheStory } from '../support/cache-story.ts';
import { missingFacilities } from '../support/facilities.ts';
import { findPeerPython } from '../support/peer-python.ts';
import { startUpstreamProxy } from '../support/upstream-proxy-server.ts';

const peer = findPeerPython('slapos.proxy.views');
const missing = missingFacilities(['root', 'netns', 'buildout']);
const reason = 'reason' in peer ? peer.reason : (missing[0]?.reason ?? '');
const python = 'python' in peer ? peer.python : '';

describe.skipIf(reason !== '')(
  `the cache of upstream's proxy${reason && ` (skipped: ${reason})`}`,
  () => {
    it('gives the next node what the first one built', async () => {
      const folder = mkdtempSync(join(tmpdir(), 'slapos-cache-'));
      const [content, metadata] = [join(folder, 'data'), join(folder, 'dir')];
      for (const path of [content, metadata]) mkdirSync(path);
      const proxy = await startUpstreamProxy(python, {
        SHACACHE_CONTENT_DIRECTORY: content,
        SHACACHE_METADATA_DIRECTORY: metadata,
      });
      try {
        const base = `${proxy.url}shacache`;
        await tellCacheStory({ cacheUrl: `${base}/cache`, dirUrl: `${base}/dir` });
      } finally {
        await proxy.close();
        rmSync(folder, { recursive: true });
      }
    });
  },
);
