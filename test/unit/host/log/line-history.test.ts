import {
  chmodSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openLineHistory } from '../../../../src/host/log/line-history.ts';

describe('line history', () => {
  let folder: string;
  let path: string;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'slapos-history-'));
    path = join(folder, 'a', 'b', 'history');
  });

  afterEach(() => rmSync(folder, { recursive: true }));

  it('gives back what was added, for its user alone', async () => {
    const history = openLineHistory(path);
    expect(await history.load()).toEqual([]);
    await history.append('one');
    await history.append('two\nthree');
    await history.append('x'.repeat(5000));
    await history.append('four');
    expect(await openLineHistory(path).load()).toEqual(['one', 'four']);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(statSync(join(folder, 'a')).mode & 0o777).toBe(0o700);
  });

  it('closes a file that others could read', async () => {
    path = join(folder, 'history');
    writeFileSync(path, 'one\n');
    chmodSync(path, 0o644);
    await openLineHistory(path).load();
    expect(statSync(path).mode & 0o777).toBe(0o600);
  });

  it('stays bounded, with one shell and with many', async () => {
    for (let shell = 0; shell < 5; shell += 1) {
      const history = openLineHistory(path, 10);
      await history.load();
      for (let line = 0; line < 17; line += 1) await history.append(`${shell}.${line}`);
      expect(readFileSync(path, 'utf8').split('\n').length).toBeLessThanOrEqual(21);
    }
    const last = Array.from({ length: 10 }, (_, index) => `4.${index + 7}`);
    expect(await openLineHistory(path, 10).load()).toEqual(last);
    writeFileSync(path, 'y'.repeat(1_000_000));
    expect(await openLineHistory(path, 10).load()).toEqual([]);
  });

  it('reads and writes nothing behind a link', async () => {
    path = join(folder, 'history');
    writeFileSync(join(folder, 'target'), 'one\n');
    symlinkSync(join(folder, 'target'), path);
    const history = openLineHistory(path);
    expect(await history.load()).toEqual([]);
    await history.append('two');
    expect(readFileSync(join(folder, 'target'), 'utf8')).toBe('one\n');
  });
});
