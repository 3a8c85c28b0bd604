/** Our client of the binary cache and upstream's take what the other one put there. */
import { spawn, spawnSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createCacheClient } from '../../src/networkcache/client.ts';
import { chooseBinaries, renderBinaryEntry } from '../../src/networkcache/entry.ts';
import type { Machine } from '../../src/networkcache/machine.ts';
import { readMachine } from '../../src/networkcache/read-machine.ts';
import { readTrustedKeys, signText } from '../../src/networkcache/signature.ts';
import { NO_WEB } from '../../src/proxy/web/web-options.ts';
import { softwareHash } from '../../src/software/release.ts';
import { startCacheServer } from '../support/cache-server.ts';
import { findPeerPython } from '../support/peer-python.ts';
import { startProxy } from '../support/proxy-fixture.ts';
import { createSigner } from '../support/signer.ts';
import { startUpstreamProxy } from '../support/upstream-proxy-server.ts';

const peer = findPeerPython('slapos.libnetworkcache, slapos.grid.networkcache, slapos.proxy');
const hasGcc = spawnSync('gcc', ['-dumpmachine']).status === 0;
const reason = 'reason' in peer ? peer.reason : hasGcc ? '' : 'gcc is not installed';
const python = 'python' in peer ? peer.python : '';

const URL = 'http://example.com/software.cfg';
const ROOT = '/opt/slapgrid';
const KEY = softwareHash(URL);

/** argv: verb, cache URL, dir URL, file, key file, certificate file. */
const PEER = `
import json, logging, sys
from slapos.grid import networkcache
verb, cache, directory, path, key, certificate = sys.argv[1:]
log = logging.getLogger()
certificates = [open(certificate).read()]
if verb == 'machine':
  result = networkcache.machine_info_tuple()
elif verb == 'upload':
  result = networkcache.upload_network_cached(
    '${ROOT}', '${URL}', '${KEY}', cache, directory, path, log, key, certificates,
    None, None, None, None, None, None)
else:
  result = networkcache.download_network_cached(
    cache, directory, '${URL}', '${ROOT}', '${KEY}', path, log, certificates, [])
print()
print(json.dumps(result))
`;

interface Servers {
  readonly cacheUrl: string;
  readonly dirUrl: string;
  close(): Promise<void>;
}

/** The cache that our proxy keeps. */
async function startProxyCache(): Promise<Servers> {
  const folder = mkdtempSync(join(tmpdir(), 'slapos-cache-'));
  const [contentFolder, metadataFolder] = [join(folder, 'data'), join(folder, 'dir')];
  for (const path of [contentFolder, metadataFolder]) mkdirSync(path);
  const shacache = { ...NO_WEB.shacache, contentFolder, metadataFolder };
  const proxy = await startProxy({ web: { ...NO_WEB, shacache } });
  return {
    cacheUrl: `${proxy.url}shacache/cache`,
    dirUrl: `${proxy.url}shacache/dir/`,
    async close() {
      await proxy.close();
      rmSync(folder, { recursive: true });
    },
  };
}

/** The cache that upstream's proxy keeps. */
async function startStockCache(): Promise<Servers> {
  const folder = mkdtempSync(join(tmpdir(), 'slapos-cache-'));
  const folders = ['data', 'dir'].map((name) => join(folder, name)) as [string, string];
  for (const path of folders) mkdirSync(path);
  const proxy = await startUpstreamProxy(python, {
    SHACACHE_CONTENT_DIRECTORY: folders[0],
    SHACACHE_METADATA_DIRECTORY: folders[1],
  });
  return {
    cacheUrl: `${proxy.url}shacache/cache`,
    dirUrl: `${proxy.url}shacache/dir/`,
    async close() {
      await proxy.close();
      rmSync(folder, { recursive: true });
    },
  };
}

const SERVERS: ReadonlyArray<readonly [what: string, start: () => Promise<Servers>]> = [
  ['a bare server', startCacheServer],
  ['the cache of our proxy', startProxyCache],
  ['the cache of its own proxy', startStockCache],
];

describe.skipIf(reason !== '').each(SERVERS)(
  `the binary cache client of upstream, with %s${reason && ` (skipped: ${reason})`}`,
  (_what, startServer) => {
    const signer = createSigner();
    const content = randomBytes(200_000);
    const sha512 = createHash('sha512').update(content).digest('hex');
    const { keys } = readTrustedKeys([signer.certificate]);
    const folder = mkdtempSync(join(tmpdir(), 'slapos-cache-'));
    const file = (name: string) => join(folder, name);
    let server: Servers;
    let machine: Machine;

    beforeAll(async () => {
      writeFileSync(file('key.pem'), signer.key);
      writeFileSync(file('certificate.pem'), signer.certificate);
      writeFileSync(file('archive'), content);
      const read = await readMachine({
        arch: process.arch,
        readText: (path) => readFile(path, 'utf8').catch(() => undefined),
        ask: async ([program = '', ...words]) =>
          spawnSync(program, words, { encoding: 'utf8' }).stdout.trim(),
      });
      machine = read as Machine;
    });
    afterAll(() => rmSync(folder, { recursive: true }));
    beforeEach(async () => {
      server = await startServer();
    });
    afterEach(() => server.close());

    const open = () => {
      const servers = {
        cacheUrl: server.cacheUrl,
        dirUrl: server.dirUrl,
        cacheTls: {},
        dirTls: {},
      };
      return createCacheClient(servers, new AbortController().signal);
    };

    /** The server lives in this process: it must go on while the peer runs. */
    async function runPeer(verb: string, path: string): Promise<unknown> {
      const urls = [server.cacheUrl, server.dirUrl];
      const files = [path, file('key.pem'), file('certificate.pem')];
      const child = spawn(python, ['-c', PEER, verb, ...urls, ...files]);
      let output = '';
      for (const stream of [child.stdout, child.stderr])
        stream.on('data', (more) => (output += more));
      await new Promise((resolve) => child.once('close', resolve));
      try {
        return JSON.parse(output.trim().split('\n').pop() ?? '');
      } catch {
        throw new Error(output);
      }
    }

    it('is of the same machine', async () => {
      const { codename, id, version } = machine.distribution;
      expect(await runPeer('machine', '')).toEqual([machine.multiarch, [id, version, codename]]);
    });

    it('takes what we upload', async () => {
      const text = renderBinaryEntry({ sha512, softwareUrl: URL, softwareRoot: ROOT, machine });
      const client = open();
      await client.sendBlob({
        sha512,
        sizeBytes: content.length,
        open: () => Readable.from([content]),
      });
      await client.sendEntry(KEY, { text, signature: 'YmFk' });
      expect(await runPeer('download', file('none'))).toBe(false);
      await client.sendEntry(KEY, { text, signature: signText(text, signer.key) });
      expect(await runPeer('download', file('got'))).toBe(true);
      expect(readFileSync(file('got')).equals(content)).toBe(true);
    });

    it('gives us what it uploads', async () => {
      expect(await runPeer('upload', file('archive'))).toBe(sha512);
      const client = open();
      const entries = (await client.lookUp(KEY)) ?? [];
      const search = { url: URL, softwareRoot: ROOT, machine, trustedKeys: keys };
      expect(chooseBinaries(entries, search)).toMatchObject({ refusals: [], usable: [{ sha512 }] });
      const chunks: Uint8Array[] = [];
      for await (const chunk of client.stream(sha512)) chunks.push(chunk);
      expect(Buffer.concat(chunks).equals(content)).toBe(true);
      expect(chooseBinaries(entries, { ...search, trustedKeys: [] }).usable).toEqual([]);
    });
  },
);
