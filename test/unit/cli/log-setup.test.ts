import { mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { DEFAULT_SETTINGS } from '../../../src/cli/global-options.ts';
import { createRunLog } from '../../../src/cli/log-setup.ts';
import type { ProcessIo } from '../../../src/cli/process-io.ts';

let folder: string;
let told: string[];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'log-setup-'));
  told = [];
});

afterEach(() => {
  rmSync(folder, { recursive: true });
});

function openLog() {
  const io = {
    pid: 42,
    now: () => new Date(0),
    env: {},
    stderr: { isTerminal: () => false, write: (line: string) => void told.push(line) },
  };
  return createRunLog(DEFAULT_SETTINGS, io as unknown as ProcessIo);
}

test('a log file that is named again has each line once', () => {
  const log = openLog();
  const path = join(folder, 'format.log');
  log.addFile(path);
  log.addFile(path);
  log.logger.error('once');
  log.close();
  expect(readFileSync(path, 'utf8').match(/once/g)).toHaveLength(1);
});

test('a log file that was rotated is begun anew when it is named again', () => {
  const log = openLog();
  const path = join(folder, 'format.log');
  log.addFile(path);
  log.logger.error('before');
  renameSync(path, `${path}.1`);
  log.addFile(path);
  log.logger.error('after');
  log.close();
  expect(readFileSync(`${path}.1`, 'utf8')).toMatch(/before/);
  expect(readFileSync(`${path}.1`, 'utf8')).not.toMatch(/after/);
  expect(readFileSync(path, 'utf8').match(/after/g)).toHaveLength(1);
});

test('a log file that had no room is tried again when it is named again, and goes on where it cannot be', () => {
  const log = openLog();
  const path = join(folder, 'format.log');
  symlinkSync('/dev/full', path);
  const losses = () => told.filter((line) => line.includes('Cannot write')).length;
  log.addFile(path);
  log.logger.error('once');
  log.logger.error('twice');
  expect(losses()).toBe(1);
  log.addFile(path);
  log.logger.error('again');
  expect(losses()).toBe(2);
  rmSync(path);
  mkdirSync(path);
  log.addFile(path);
  log.logger.error('nowhere');
  expect(losses()).toBe(2);
  log.close();
});
