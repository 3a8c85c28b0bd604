/** Logs of services: rotation beside a writer, and names that a service's user chose. */
import { spawn } from 'node:child_process';
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

  it('loses next to nothing of what a busy service writes meanwhile', async () => {
    const writer = spawn('/bin/sh', [
      '-c',
      'i=0; while [ $i -lt 20000 ]; do i=$((i+1)); echo $i; done >> "$0"',
      path,
    ]);
    const ended = new Promise((resolve) => writer.once('close', resolve));
    let isOver = false;
    void ended.then(() => {
      isOver = true;
    });
    const lines: string[] = [];
    writeFileSync(path, '', { flag: 'a' });
    while (!isOver) {
      await rotate();
      lines.push(...readFileSync(`${path}.1`, 'utf8').split('\n'));
    }
    lines.push(...readFileSync(path, 'utf8').split('\n'));
    const seen = new Set(lines);
    const lost = Array.from({ length: 20_000 }, (_, index) => `${index + 1}`).filter(
      (line) => !seen.has(line),
    );
    expect(lost.length).toBeLessThan(200);
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
