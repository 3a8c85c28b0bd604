import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { tryLock, waitLock } from '../../src/host/lock.ts';
import { packageRoot } from '../../src/host/package/package-files.ts';
import { spawnCommand } from '../../src/host/spawn.ts';

const ADDON = join(packageRoot(), 'build', 'Release', 'slapos_native.node');

let base: string;

beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), 'slapos-lock-'));
});

afterEach(() => {
  rmSync(base, { recursive: true, force: true });
});

describe('a lock', () => {
  it('has one holder, whose pid the file tells, and ends with its release', () => {
    const path = join(base, 'lock');
    const first = tryLock(path);
    expect(readFileSync(path, 'utf8')).toBe(`${process.pid}\n`);
    expect(tryLock(path)).toEqual({ lock: undefined, holderPid: process.pid });
    first.lock?.release();
    first.lock?.release();
    const second = tryLock(path);
    expect(second.lock?.path).toBe(path);
    second.lock?.release();
  });

  it('is waited for', async () => {
    const path = join(base, 'lock');
    const first = tryLock(path);
    const holders: Array<number | undefined> = [];
    setTimeout(() => first.lock?.release(), 100);
    const second = await waitLock(path, 5000, (pid) => holders.push(pid));
    expect(second.lock).toBeDefined();
    expect(holders).toEqual([process.pid]);
    const third = await waitLock(path, 50);
    expect(third.lock).toBeUndefined();
    second.lock?.release();
  });

  it('ends with its holder, even a killed one', async () => {
    const path = join(base, 'lock');
    const program = `const fs = require('fs');
      const fd = fs.openSync(${JSON.stringify(path)}, 'w');
      console.log(require(${JSON.stringify(ADDON)}).lockTry({ fd, isExclusive: true }));
      setInterval(() => {}, 1000);`;
    const abort = new AbortController();
    const holder = spawnCommand({
      argv: [process.execPath, '-e', program],
      env: {},
      cwd: '/',
      signal: abort.signal,
      onOutput: () => {
        expect(tryLock(path).lock).toBeUndefined();
        abort.abort();
      },
    });
    expect((await holder).output.toString()).toBe('true\n');
    const mine = tryLock(path);
    expect(mine.lock).toBeDefined();
    mine.lock?.release();
  });

  it('is not taken through a link', () => {
    writeFileSync(join(base, 'secret'), 'secret');
    symlinkSync(join(base, 'secret'), join(base, 'lock'));
    expect(() => tryLock(join(base, 'lock'))).toThrow(/ELOOP/);
    expect(readFileSync(join(base, 'secret'), 'utf8')).toBe('secret');
  });
});
