/** The pid file with the kernel's locks: runs exclude each other, a killed one leaves nothing. */
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { takePidfile } from '../../src/cli/pidfile.ts';
import { loadNative } from '../../src/host/native.ts';
import { silentLogger } from '../../src/log/logger.ts';
import { bundleProgram } from '../support/bundle-slapos.ts';

const folder = mkdtempSync(join(tmpdir(), 'slapos-pidfile-'));
const path = join(folder, 'run.pid');
let program = { folder: '', program: '' };
beforeAll(async () => {
  program = await bundleProgram('test/fixtures/pidfile-program.ts');
});
afterAll(() => {
  for (const each of [folder, program.folder]) rmSync(each, { recursive: true });
});

const BUSY = expect.objectContaining({ code: 'SLAPOS_ERR_BUSY', exitCode: 10 });

/** A process that takes the pid file, says how often it got it, and holds it when asked to. */
function startHolder(word: 'hold' | 'count') {
  const addon = join(import.meta.dirname, '../../build/Release/slapos_native.node');
  const child = spawn(process.execPath, [program.program, word, path, addon]);
  const text = new Promise<string>((resolve) => child.stdout.once('data', (b) => resolve(`${b}`)));
  return { child, text, closed: new Promise((resolve) => child.once('close', resolve)) };
}

test('a second run is refused until the first has ended or was killed', async () => {
  const holder = startHolder('hold');
  expect(await holder.text).toBe('held\n');
  expect(readFileSync(path, 'utf8')).toBe(String(holder.child.pid));
  expect(() => takePidfile(path, silentLogger)).toThrow(BUSY);
  holder.child.kill('SIGKILL');
  await holder.closed;
  expect(existsSync(path)).toBe(true);
  const pidfile = takePidfile(path, silentLogger);
  expect(() => takePidfile(path, silentLogger, loadNative())).toThrow(BUSY);
  pidfile.release();
  expect(existsSync(path)).toBe(false);
});

test('of many that race, never two hold it together', async () => {
  const holders = Array.from({ length: 6 }, () => startHolder('count'));
  const counts = await Promise.all(holders.map(async ({ text }) => JSON.parse(await text)));
  expect(counts.map((count) => count.overlaps)).toEqual(Array(6).fill(0));
  expect(counts.reduce((sum, count) => sum + count.taken, 0)).toBeGreaterThan(100);
  expect(existsSync(path)).toBe(false);
});
