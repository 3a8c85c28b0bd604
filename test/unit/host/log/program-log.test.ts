/** Logs of services: rotation beside a writer, and names that a service's user chose. */
import {
  chmodSync,
  closeSync,
  existsSync,
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
import { readProgramLog, rotateProgramLog } from '../../../../src/host/log/program-log.ts';

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

  /** More than the block that stays where blocks are moved. */
  const lines = (mark: string) => `${mark}\n`.repeat(4000);
  const all = () => readFileSync(`${path}.1`, 'utf8') + readFileSync(path, 'utf8');

  it('is rotated: moves the content to .1 and lets the service go on', async () => {
    const fd = openSync(path, 'a');
    writeSync(fd, lines('before'));
    const rotation = await rotate();
    writeSync(fd, 'after\n');
    closeSync(fd);
    expect(all()).toBe(`${lines('before')}after\n`);
    expect(statSync(path).size).toBeLessThan(10_000);
    expect(statSync(`${path}.1`).mode & 0o777).toBe(0o644);
    expect(rotation).not.toBe('none');
  });

  it('is left alone while it is smaller than its limit', async () => {
    writeFileSync(path, 'short\n');
    expect(await rotate()).toBe('none');
    expect(readFileSync(path, 'utf8')).toBe('short\n');
  });

  it('keeps as many backups as wanted', async () => {
    for (const mark of ['a', 'b', 'c', 'd']) {
      writeFileSync(path, lines(mark));
      await rotate(2);
    }
    expect(readFileSync(`${path}.1`, 'utf8')[0]).toBe('d');
    expect(readFileSync(`${path}.2`, 'utf8')[0]).toBe('c');
    expect(existsSync(`${path}.3`)).toBe(false);
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
    writeFileSync(path, lines('before'));
    await rotate(0);
    expect(statSync(path).size).toBe(0);
    expect(() => statSync(`${path}.1`)).toThrow('ENOENT');
  });

  it('keeps the end only of a file that is too large to be copied', async () => {
    writeFileSync(path, '');
    truncateSync(path, 2 ** 40);
    writeFileSync(path, 'the end\n', { flag: 'a' });
    await rotate();
    expect(statSync(`${path}.1`).size).toBeLessThanOrEqual(64 * 1024 * 1024);
    expect(statSync(path).size).toBeLessThan(10_000);
    const end = `${readFileSync(`${path}.1`).subarray(-9)}${readFileSync(path)}`;
    expect(end.slice(-9)).toBe('\0the end\n');
  });

  it('keeps what is written while it copies', async () => {
    const fd = openSync(path, 'a');
    writeSync(fd, lines('first'));
    let count = 0;
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
    const late = Array.from({ length: count }, (_, index) => `${index}\n`).join('');
    expect(all()).toBe(lines('first') + late);
  });

  it.each([
    ['a link', symlinkSync],
    ['a second name', linkSync],
  ])('leaves a file alone that %s leads to', async (_, give) => {
    const other = join(folder, 'other');
    writeFileSync(other, lines('precious'));
    give(other, path);
    await expect(rotate()).rejects.toThrow();
    expect(readFileSync(other, 'utf8')).toBe(lines('precious'));
  });
});
