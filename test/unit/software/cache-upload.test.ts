import { afterEach, beforeEach, expect, it } from 'vitest';
import { readGridOptions } from '../../../src/config/grid-options.ts';
import { parseConfig } from '../../../src/config/read.ts';
import type { GridContext } from '../../../src/grid/context.ts';
import { type Logger, silentLogger } from '../../../src/log/logger.ts';
import type { Build } from '../../../src/software/build.ts';
import { uploadRelease } from '../../../src/software/cache-upload.ts';
import { softwareHash } from '../../../src/software/release.ts';
import { type CacheServer, startCacheServer } from '../../support/cache-server.ts';
import { createFakeMaster } from '../../support/fake-master.ts';
import { MemoryMachine } from '../../support/memory-machine.ts';

const URL = 'https://host/software.cfg';
const HASH = softwareHash(URL);

let server: CacheServer;
let machine: MemoryMachine;
let lines: string[];

beforeEach(async () => {
  server = await startCacheServer();
  machine = new MemoryMachine('/nowhere');
  machine.putFolder('/software', { uid: 5, gid: 5 });
  machine.putFolder(`/software/${HASH}`, { uid: 5, gid: 5 });
  machine.command = (argv, cwd) => {
    machine.put(`${cwd}/archive`, argv.join(' '));
    return 0;
  };
  lines = [];
});
afterEach(() => server.close());

function openBuild(signal = new AbortController().signal): Build {
  const text = `[slapos]
computer_id = COMP-1
master_url = http://master/
software_root = /software
instance_root = /instance
[networkcache]
upload-binary-cache-url = ${server.cacheUrl}
upload-binary-dir-url = ${server.dirUrl}
`;
  const note = (message: string) => void lines.push(message);
  const log: Logger = { ...silentLogger, info: note, warning: note };
  const host = machine.host();
  const context: GridContext = {
    options: readGridOptions(parseConfig(text, 'slapos.cfg'), {}),
    master: createFakeMaster(),
    host,
    managers: [],
    firewall: undefined,
    log,
    progress: () => {},
    env: {},
    now: () => new Date(0),
    random: () => 0.5,
    signal,
    jobs: 1,
  };
  return {
    ...{ context, url: URL, hash: HASH, path: `/software/${HASH}`, log },
    owner: { uid: 5, gid: 5, groups: [5], name: 'soft', home: '/home' },
    root: host.openFolder('/software'),
    folder: host.openFolder('/software', HASH),
    runAlone: (work) => work(),
  };
}

const tries = () => lines.filter((line) => line.startsWith('Trying'));

it('tries three times and leaves nothing behind', async () => {
  server.faults.uploadStatuses = [503, 503];
  await uploadRelease(openBuild(), [1, 1]);
  expect(tries()).toEqual(
    [0, 1, 2].map((number) => `Trying to upload archive of software release (try ${number})...`),
  );
  expect(server.entries.get(HASH)?.[0]?.[1]).toBe('');
  expect([...machine.entries.keys()].filter((path) => path.includes('.upload'))).toEqual([]);
});

it('does not wait after the last try, and is no failure', async () => {
  server.faults.uploadStatuses = [503, 503, 503];
  const startMs = performance.now();
  await uploadRelease(openBuild(), [1, 1]);
  expect(performance.now() - startMs).toBeLessThan(5000);
  expect(tries()).toHaveLength(3);
  expect(lines.at(-1)).toBe('Failed to upload file. shacache answers 503 to an upload');
});

it('sends a blob that is there already no second time', async () => {
  await uploadRelease(openBuild(), []);
  await uploadRelease(openBuild(), []);
  expect(server.seen.map((line) => line.split(' ')[0])).toEqual([
    'GET',
    'POST',
    'PUT',
    'GET',
    'PUT',
  ]);
});

it('packs no credentials', async () => {
  await uploadRelease(openBuild(), []);
  const [archive] = server.blobs.values();
  expect(`${archive}`).toContain(`--exclude=${HASH}/.netrc`);
});

it('is no failure when it cannot be packed', async () => {
  machine.command = () => 2;
  await uploadRelease(openBuild(), []);
  expect(lines.at(-1)).toMatch(/^Failed to upload .*: \/usr\/bin\/tar failed: .*, ignoring$/);
  expect(server.seen).toEqual([]);
});

it('stops while it waits', async () => {
  const abort = new AbortController();
  server.faults.uploadStatuses = [503];
  const running = uploadRelease(openBuild(abort.signal), [60_000]);
  setTimeout(() => abort.abort(), 200);
  await expect(running).rejects.toMatchObject({ code: 'SLAPOS_ERR_CANCELLED' });
});
