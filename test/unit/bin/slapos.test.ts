/** The process itself: streams, signals, exit status. */
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { bundleProgram } from '../../support/bundle-slapos.ts';

const nothing = { folder: '', program: '' };
let [whole, waiting, ctl, daemon] = [nothing, nothing, nothing, nothing];
beforeAll(async () => {
  whole = await bundleProgram('src/bin/slapos.ts');
  waiting = await bundleProgram('test/fixtures/waiting-program.ts');
  ctl = await bundleProgram('src/bin/supervisorctl.ts');
  daemon = await bundleProgram('src/bin/supervisord.ts');
});
afterAll(() => {
  for (const { folder } of [whole, waiting, ctl, daemon]) rmSync(folder, { recursive: true });
});

function slapos(...argv: string[]) {
  return spawnSync(process.execPath, [whole.program, ...argv], { encoding: 'utf8', env: {} });
}

test('writes data to standard output and failures to standard error', () => {
  expect(slapos('--version')).toMatchObject({
    status: 0,
    stdout: expect.stringMatching(/^slapos \d/),
    stderr: '',
  });
  expect(slapos()).toMatchObject({ status: 0, stdout: expect.stringMatching(/^usage: slapos/) });
  expect(slapos('nope')).toMatchObject({ status: 5, stdout: '' });
  expect(slapos('node', 'bang', '--cfg')).toMatchObject({ status: 2, stdout: '' });
  expect(slapos('config', 'show', '--cfg', '/nowhere')).toMatchObject({ status: 1, stdout: '' });
});

describe('in a working directory that was deleted', () => {
  /** Runs a program there. */
  function run(program: string, ...argv: readonly string[]) {
    const folder = mkdtempSync(join(tmpdir(), 'slapos-deleted-'));
    const script = 'cd "$1" && rmdir "$1" && shift && exec "$@"';
    const words = ['-c', script, 'sh', folder, process.execPath, program, ...argv];
    return spawnSync('/bin/sh', words, { encoding: 'utf8', env: {} });
  }
  const warning = (name: string) =>
    `${name}: The working directory was deleted: relative paths are of / now.\n`;

  test('commands go on, in /', () => {
    expect(run(whole.program, '--version')).toMatchObject({
      status: 0,
      stdout: expect.stringMatching(/^slapos \d/),
      stderr: warning('slapos'),
    });
    const shown = run(whole.program, 'config', 'show', '--cfg', 'nowhere.cfg');
    expect(shown).toMatchObject({ status: 1, stdout: '' });
    expect(shown.stderr).toContain('nowhere.cfg');
    expect(shown.stderr).not.toMatch(/uv_cwd|bug of slapos| {4}at /);
  });

  test('supervisorctl and supervisord do so too', () => {
    expect(run(ctl.program, '--help')).toMatchObject({
      status: 0,
      stderr: warning('supervisorctl'),
    });
    expect(run(daemon.program, '--version')).toMatchObject({
      status: 0,
      stdout: expect.stringMatching(/^\d/),
      stderr: warning('supervisord'),
    });
  });
});

describe('a reader that goes away', () => {
  test('ends it without a word', async () => {
    const child = spawn(process.execPath, [whole.program, 'complete', '--shell', 'fish'], {
      env: {},
    });
    child.stdout.destroy();
    let stderr = '';
    child.stderr.on('data', (bytes) => {
      stderr += bytes;
    });
    const status = await new Promise((resolve) => child.once('close', resolve));
    expect([status, stderr]).toEqual([141, '']);
  });

  test('on standard error changes nothing', async () => {
    const child = spawn(process.execPath, [whole.program, 'nope'], { env: {} });
    child.stderr.destroy();
    expect(await new Promise((resolve) => child.once('close', resolve))).toBe(5);
  });
});

test('a slow reader of a pipe gets everything', () => {
  const script = `"$0" "$1" complete --shell fish | { sleep 0.3; wc -c; }`;
  const piped = spawnSync('/bin/sh', ['-c', script, process.execPath, whole.program], {
    encoding: 'utf8',
  });
  expect(Number(piped.stdout)).toBe(slapos('complete', '--shell', 'fish').stdout.length);
});

describe('signals', () => {
  /** Starts the waiting program and sends it signals, one for each line that it writes. */
  async function signal(words: readonly string[], signals: readonly NodeJS.Signals[]) {
    const child = spawn(process.execPath, [waiting.program, ...words], { env: {} });
    const left = [...signals];
    child.stdout.on('data', () => {
      const next = left.shift();
      if (next !== undefined) child.kill(next);
    });
    return await new Promise((resolve) => child.once('close', (code, by) => resolve(by ?? code)));
  }

  test('the first one lets the work end, with 128 + its number', async () => {
    expect(await signal([], ['SIGTERM'])).toBe(143);
    expect(await signal([], ['SIGINT'])).toBe(130);
  });

  test('the second one does not wait', async () => {
    expect(await signal(['stubborn'], ['SIGTERM', 'SIGINT'])).toBe(130);
  });
});

test.each([
  ['throw', 'thrown'],
  ['throw-later', 'thrown later'],
  ['reject', 'rejected'],
])('what nobody catches is one line: %s', (word, message) => {
  const child = spawnSync(process.execPath, [waiting.program, word], { encoding: 'utf8', env: {} });
  expect([child.status, child.stdout.replace('ready\n', '')]).toEqual([1, '']);
  expect(child.stderr.split('\n')).toHaveLength(2);
  expect(child.stderr).toContain(`ERROR ${message} (this is a bug of slapos`);
});
