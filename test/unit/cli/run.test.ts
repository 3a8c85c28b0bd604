/** Whole runs, up to the point where a handler would start. */
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { openStream } from '../../../src/cli/stream.ts';
import { CancelledError } from '../../../src/errors/slapos-error.ts';
import { runSlapos } from '../../support/run-slapos.ts';

const folder = mkdtempSync(join(tmpdir(), 'slapos-run-'));
afterAll(() => rmSync(folder, { recursive: true }));

function file(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

const plain = file('plain.cfg', '[slapos]\ncomputer_id = COMP-1\nroot_check = no\n');

describe('without a command', () => {
  test.each([[[]], [['-h']], [['--help']], [['-v']]])('%j shows the help', async (argv) => {
    const { status, stdout, stderr } = await runSlapos(argv);
    expect([status, stderr]).toEqual([0, '']);
    expect(stdout).toContain('\nnode commands:\n  node bang');
  });

  test('--version', async () => {
    const { stdout } = await runSlapos(['node', 'bang', '--version']);
    expect(stdout).toMatch(/^slapos \d+\.\d+\.\d+ \(Node\.js v\d+/);
  });

  test('an unknown command is a critical line', async () => {
    const { status, stdout, stderr } = await runSlapos(['foo', 'bar']);
    expect([status, stdout]).toEqual([5, '']);
    expect(stderr).toMatch(
      /^2026-01-02 03:04:05 slapos\[42\] CRITICAL slapos: the command 'foo bar' does not exist/,
    );
    expect(stderr).toContain("'node status', 'node stop'");
  });
});

describe('usage errors', () => {
  test('show the usage of the command on standard error', async () => {
    const { status, stdout, stderr } = await runSlapos(['node', 'bang', '--cfg']);
    expect([status, stdout]).toEqual([2, '']);
    expect(stderr).toBe(
      'usage: slapos node bang [-h] [--cfg CFG] [-m TEXT]\n' +
        'slapos node bang: error: argument --cfg: expected one argument\n',
    );
  });

  test('are wrapped to $COLUMNS', async () => {
    const { stderr } = await runSlapos(['node', 'software', '--nope'], { env: { COLUMNS: '40' } });
    expect(Math.max(...stderr.split('\n').map((line) => line.length))).toBeLessThan(60);
    expect(stderr.split('\n').length).toBeGreaterThan(15);
  });
});

describe('a full disk', () => {
  test('takes the log file away, told once, and not the work', async () => {
    const argv = ['config', 'show', '--raw', '--json', '--cfg', plain, '--log-file', '/dev/full'];
    const { status, stdout, stderr } = await runSlapos([...argv, '-v']);
    expect(status).toBe(0);
    expect(stdout).toContain('COMP-1');
    expect(stderr.match(/WARNING Cannot write the log file \/dev\/full: ENOSPC/g)).toHaveLength(1);
  });

  test('is one clear error where the output itself cannot be written', () => {
    const fd = openSync('/dev/full', 'w');
    expect(() => openStream(fd, () => {}).write('x')).toThrow(
      expect.objectContaining({ code: 'SLAPOS_ERR_FILE' }),
    );
    closeSync(fd);
  });
});

describe('the configuration file', () => {
  const show = ['config', 'show', '--raw', '--json'];

  test('by option, then environment, then default', async () => {
    const env = { SLAPOS_CONFIGURATION: plain, HOME: folder };
    expect(JSON.parse((await runSlapos(show, { env })).stdout)).toEqual({
      slapos: { computer_id: 'COMP-1', root_check: 'no' },
    });
    const other = file('other.cfg', '[x]\na = 1\n');
    expect((await runSlapos([...show, '--cfg', other], { env })).stdout).toContain('"x"');
    const missing = await runSlapos(show, { env: { HOME: folder } });
    expect(missing.stderr).toContain(
      'ERROR Configuration file does not exist: /etc/opt/slapos/slapos.cfg',
    );
    expect(missing.status).toBe(1);
  });

  test('~ is expanded, an empty variable counts', async () => {
    const env = { SLAPOS_CONFIGURATION: '~/missing.cfg', HOME: folder };
    expect((await runSlapos(show, { env })).stderr).toContain(
      `Configuration file does not exist: ${folder}/missing.cfg`,
    );
    expect((await runSlapos(show, { env: { SLAPOS_CONFIGURATION: '' } })).status).toBe(1);
  });

  test.each([
    ['a folder', () => folder, 'Cannot parse configuration file: '],
    ['no section', () => file('a.cfg', 'a = 1\n'), 'File contains no section headers'],
    [
      'a key twice',
      () => file('b.cfg', '[s]\na = 1\nA = 2\n'),
      "option 'a' in section 's' already",
    ],
    ['a section twice', () => file('c.cfg', '[s]\n[s]\n'), "section 's' already exists"],
    ['a key alone', () => file('d.cfg', '[s]\nkey\n'), 'Source contains parsing errors'],
    ['a bad %', () => file('e.cfg', '[s]\nu = a%20b\n'), "'%' must be followed by '%' or '('"],
    ['not UTF-8', () => file('f.cfg', ''), 'Cannot parse configuration file: '],
    ['without an end', () => '/dev/zero', 'Cannot parse configuration file: '],
  ])('%s: one line, exit 1', async (what, path, message) => {
    const name = path();
    if (what === 'not UTF-8') writeFileSync(name, Buffer.from([0x5b, 0x61, 0x5d, 0x0a, 0xff]));
    const { status, stdout, stderr } = await runSlapos([...show, '--cfg', name]);
    expect([status, stdout]).toEqual([1, '']);
    expect(stderr).toContain(
      `ERROR ${message.startsWith('option') || message.startsWith('section') ? 'While reading from' : message}`,
    );
    expect(stderr).toContain(message);
    expect(stderr).toContain(name);
    expect(stderr.split('\n')).toHaveLength(2);
  });

  test('a disk that fails is told with its error', async () => {
    // proc_pid_mem(5): nothing is mapped at the start.
    const { status, stderr } = await runSlapos([...show, '--cfg', '/proc/self/mem']);
    expect(status).toBe(1);
    expect(stderr).toContain('Cannot parse configuration file: /proc/self/mem (EIO: ');
  });

  test('unknown keys are told with the nearest name', async () => {
    const path = file('g.cfg', '[slapos]\ncomputer_idd = 1\nzzzzzz = 1\n[foreign]\nx = 1\n');
    const { status, stderr } = await runSlapos([...show, '--cfg', path]);
    expect(status).toBe(0);
    expect(stderr.split('\n').slice(0, 2)).toEqual([
      `2026-01-02 03:04:05 slapos[42] WARNING Unknown key 'computer_idd' in section 'slapos' at ${path} line 2; did you mean computer_id?`,
      `2026-01-02 03:04:05 slapos[42] WARNING Unknown key 'zzzzzz' in section 'slapos' at ${path} line 3`,
    ]);
  });
});

describe('logs', () => {
  test('--log-file gets everything, the console only its level', async () => {
    const log = join(folder, 'run.log');
    const argv = ['config', 'show', '--cfg', plain, '--logfile', log];
    expect((await runSlapos(argv)).stderr).toBe('');
    expect((await runSlapos([...argv, '-v'])).stderr).toContain('DEBUG Running config show');
    const line = '[2026-01-02 03:04:05,678] DEBUG    Running config show\n';
    expect(readFileSync(log, 'utf8')).toBe(line + line);
  });

  test('a log file that cannot be opened', async () => {
    const argv = ['config', 'show', '--cfg', plain, '--log-file', '/nowhere/x.log'];
    const { status, stderr } = await runSlapos(argv);
    expect(status).toBe(1);
    expect(stderr).toContain('ERROR Cannot write the log file /nowhere/x.log');
  });

  test('--log-format json has the code, the event and the run', async () => {
    const argv = ['config', 'show', '--cfg', '/nowhere.cfg', '--log-format', 'json'];
    const { stderr } = await runSlapos(argv, { env: { SLAPOS_RUN_ID: 'r1' } });
    expect(JSON.parse(stderr)).toMatchObject({
      level: 'ERROR',
      run: 'r1',
      event: 'cli.failed',
      facts: { code: 'SLAPOS_ERR_CONFIG_MISSING', file: '/nowhere.cfg' },
    });
  });

  test('colours on a terminal, unless they are not wanted', async () => {
    const argv = ['config', 'show', '--cfg', '/nowhere.cfg'];
    expect((await runSlapos(argv, { isTerminal: true })).stderr).toContain('\x1b[0;31m');
    expect(
      (await runSlapos([...argv, '--log-color=never'], { isTerminal: true })).stderr,
    ).not.toContain('\x1b');
    expect(
      (await runSlapos(argv, { isTerminal: true, env: { NO_COLOR: '1' } })).stderr,
    ).not.toContain('\x1b');
    expect((await runSlapos([...argv, '--log-color=always'])).stderr).toContain('\x1b[0;31m');
  });

  test('a stack only with --debug', async () => {
    const argv = ['config', 'show', '--cfg', '/nowhere.cfg'];
    expect((await runSlapos(argv)).stderr).not.toContain('    at ');
    const { stderr } = await runSlapos([...argv, '--debug']);
    expect(stderr).toContain('    at ');
    expect(stderr).toContain('Caused by: Error: ENOENT');
  });
});

test('work that a signal ended has the status of the signal', async () => {
  const reason = new CancelledError('SLAPOS_ERR_CANCELLED', 'Interrupted by SIGTERM.', {
    exitCode: 143,
  });
  const signal = AbortSignal.abort(reason);
  expect((await runSlapos(['config', 'show', '--cfg', plain], { signal })).status).toBe(143);
  const failed = await runSlapos(['config', 'show', '--cfg', '/nowhere'], { signal });
  expect([failed.status, failed.stderr]).toEqual([
    143,
    '2026-01-02 03:04:05 slapos[42] INFO Interrupted by SIGTERM.\n',
  ]);
});
