/** Logs of services: rotation beside a writer, and names that a service's user chose. */
import {
  chmodSync,
  closeSync,
  linkSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readProgramLog, rotateProgramLog } from '../../../src/host/program-log.ts';

describe('the log of a service', () => {
  let folder: string;
  let path: string;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'slapos-program-log-'));
    chmodSync(folder, 0o777);
    path = join(folder, 'service.log');
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  const rotate = (backups = 1) => rotateProgramLog(path, { backups, maxBytes: 100 });

  it('is rotated: moves the content to .1 and lets the service go on', async () => {
    const fd = openSync(path, 'a');
    writeSync(fd, 'before\n');
    await rotate();
    writeSync(fd, 'after\n');
    closeSync(fd);
    expect(readFileSync(`${path}.1`, 'utf8')).toBe('before\n');
    expect(readFileSync(path, 'utf8')).toBe('after\n');
  });

  it('is not read whole when it is larger than our memory', async () => {
    writeFileSync(path, '');
    truncateSync(path, 2 ** 40);
    const whole = readProgramLog(path, (size) => ({ offset: 0, length: size }));
    await expect(whole).rejects.toThrow('too large');
    const end = await readProgramLog(path, (size) => ({ offset: size - 10, length: 10 }));
    expect(end?.data.length).toBe(10);
  });

  it('keeps no backup when none is wanted', async () => {
    writeFileSync(path, 'before\n');
    await rotate(0);
    expect(statSync(path).size).toBe(0);
    expect(() => statSync(`${path}.1`)).toThrow('ENOENT');
  });

  it('keeps the end only of a file that is larger than our memory', async () => {
    writeFileSync(path, '');
    truncateSync(path, 2 ** 40);
    writeFileSync(path, 'the end\n', { flag: 'a' });
    await rotate();
    const kept = readFileSync(`${path}.1`);
    expect(kept.length).toBe(4 * 1024 * 1024);
    expect(kept.subarray(-9).toString()).toBe('\0the end\n');
    expect(statSync(path).size).toBe(0);
  });

  it('keeps what is written while it copies', async () => {
    const fd = openSync(path, 'a');
    writeSync(fd, '0\n');
    let count = 1;
    let isOver = false;
    const rotating = rotate().finally(() => {
      isOver = true;
    });
    while (!isOver) {
      writeSync(fd, `${count}\n`);
      count += 1;
      await new Promise((resolve) => setImmediate(resolve));
    }
    await rotating;
    closeSync(fd);
    const all = Array.from({ length: count }, (_, index) => `${index}\n`).join('');
    expect(readFileSync(`${path}.1`, 'utf8') + readFileSync(path, 'utf8')).toBe(all);
  });

  it.each([
    ['a link', symlinkSync],
    ['a second name', linkSync],
  ])('leaves a file alone that %s leads to', async (_, give) => {
    const other = join(folder, 'other');
    writeFileSync(other, 'precious');
    give(other, path);
    await expect(rotate()).rejects.toThrow();
    expect(readFileSync(other, 'utf8')).toBe('precious');
  });
});
