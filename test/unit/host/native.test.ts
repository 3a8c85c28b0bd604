import { closeSync, mkdtempSync, openSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { describe, expect, it } from 'vitest';
import { loadNative, NATIVE_EXPORTS } from '../../../src/host/native.ts';
import { packageRoot } from '../../../src/host/package/package-files.ts';

const addonPath = join(packageRoot(), 'build', 'Release', 'slapos_native.node');

/** Runs a program in a worker thread and gives what it posts. */
function inWorker(program: string): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(program, { eval: true, workerData: addonPath });
    worker.once('message', resolve);
    worker.once('error', reject);
  });
}

const LOAD = `const { parentPort, workerData } = require('node:worker_threads');
  const addon = require(workerData);`;

describe('the native addon', () => {
  it('exports exactly what is declared', () => {
    expect(Object.keys(loadNative()).sort()).toEqual([...NATIVE_EXPORTS].sort());
  });

  it('tells which system calls the kernel has', () => {
    const { glibcVersion, ...capabilities } = loadNative().capabilities();
    expect(glibcVersion).toMatch(/^\d+\.\d+/);
    expect(Object.keys(capabilities).sort()).toEqual(['closeRange', 'openat2', 'pidfd']);
    expect(Object.values(capabilities).every((value) => typeof value === 'boolean')).toBe(true);
  });

  it('loads a second time in one process', () => {
    const again = createRequire(addonPath);
    delete again.cache[addonPath];
    const second = again(addonPath) as ReturnType<typeof loadNative>;
    expect(second.capabilities()).toEqual(loadNative().capabilities());
  });

  it('works in a worker', async () => {
    const program = `${LOAD}
      addon.netlinkDump({ links: true, addresses: false, routes: false })
        .then(({ links }) => parentPort.postMessage(links.some((link) => link.name === 'lo')));`;
    expect(await inWorker(program)).toBe(true);
  });

  it('survives workers that are terminated while calls are under way', async () => {
    for (let round = 0; round < 5; round += 1) {
      const program = `${LOAD}
        for (let i = 0; i < 20; i += 1) addon.netlinkDump({ links: true, addresses: true, routes: true });
        parentPort.postMessage('started');`;
      const worker = new Worker(program, { eval: true, workerData: addonPath });
      await new Promise((resolve) => worker.once('message', resolve));
      await worker.terminate();
    }
    expect(loadNative().capabilities().pidfd).toBeTypeOf('boolean');
  });

  it('ends a long wait when its worker is terminated', async () => {
    const etc = mkdtempSync(join(tmpdir(), 'slapos-etc-'));
    const fd = openSync(join(etc, '.pwd.lock'), 'w');
    try {
      expect(loadNative().lockTry({ fd, isExclusive: true })).toBe(true);
      const program = `${LOAD}
        addon.accountApply({ etc: ${JSON.stringify(etc)}, addGroups: [], addUsers: [],
          changeUsers: [], lockUsers: [], addMembers: [], removeUsers: [], removeGroups: [] })
          .finally(() => parentPort.postMessage('ended by itself'));
        setTimeout(() => parentPort.postMessage('waiting'), 50);`;
      const worker = new Worker(program, { eval: true, workerData: addonPath });
      expect(await new Promise((resolve) => worker.once('message', resolve))).toBe('waiting');
      const start = performance.now();
      await worker.terminate();
      expect(performance.now() - start).toBeLessThan(5000);
    } finally {
      closeSync(fd);
      rmSync(etc, { recursive: true });
    }
  });
});

describe('arguments of native calls', () => {
  const addon = loadNative() as unknown as Record<string, (...args: unknown[]) => unknown>;

  it.each([
    ['netlinkDump', undefined, /one request object/],
    ['netlinkDump', { links: 'yes' }, /'links' must be a boolean/],
    ['netlinkApply', {}, /'operations' must be an array/],
    ['netlinkApply', { operations: [1] }, /'operations' must be an array of objects/],
    ['netlinkApply', { operations: [{ op: 'explode' }] }, /'op' is unknown/],
    ['netlinkApply', { operations: [{ op: 'linkDel' }] }, /'dev' must be a string/],
    [
      'netlinkApply',
      { operations: [{ op: 'addrAdd', dev: 'lo', address: '::1', prefixLength: 256 }] },
      /'prefixLength' is out of range/,
    ],
    [
      'netlinkApply',
      { operations: [{ op: 'routeAdd', dev: 'lo', family: 5, prefixLength: 0 }] },
      /'family' must be 4 or 6/,
    ],
    ['netlinkAwaitDad', { addresses: [], timeoutMs: -1 }, /'timeoutMs' is out of range/],
    ['tuntapCreate', { devices: [{ name: 'a', mode: 'bridge' }] }, /'mode' must be/],
    ['tuntapDelete', { devices: 'all' }, /'devices' must be an array/],
    ['accountApply', { etc: 7 }, /'etc' must be a string/],
  ])('%s(%j) throws a TypeError', (name, argument, message) => {
    const call = () => addon[name]?.(argument);
    expect(call).toThrow(TypeError);
    expect(call).toThrow(message);
  });
});
