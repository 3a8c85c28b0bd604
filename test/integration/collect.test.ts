import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import {
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { packageRoot } from '../../src/host/package/package-files.ts';
import { appendToEtc } from '../support/private-etc.ts';
import { requires } from '../support/requires.ts';
import { until } from '../support/supervisor-run.ts';

const ROOT = '/srv/collect-test';
const CFG = '/srv/collect-test.cfg';
const FIRST_UID = 42_000;
/** Where every user can reach it. */
const SLAPOS = join(process.env['SLAPOS_PACKAGE'] ?? packageRoot(), 'bin', 'slapos');
const READER = readFileSync(join(packageRoot(), 'test', 'support', 'collect-reader.py'), 'utf8');
const DATABASE = join(ROOT, 'var', 'data-log', 'collector.db');
const NOBODY = 65_534;
const children: ChildProcess[] = [];

interface Reading {
  readonly reader: number;
  readonly names: readonly string[];
  readonly tables: Readonly<Record<string, ReadonlyArray<Record<string, string | number>>>>;
  readonly live: Readonly<Record<string, Record<string, string | number>>>;
  readonly disk_total: number;
  readonly cores: number;
}

function startAs(index: number, file: string, ...args: string[]): ChildProcess {
  const uid = FIRST_UID + index;
  const child = spawn(file, args, { uid, gid: uid, cwd: '/', stdio: 'ignore' });
  children.push(child);
  return child;
}

function collect(...words: string[]) {
  const run = spawnSync(SLAPOS, ['node', 'collect', '--cfg', CFG, ...words], { encoding: 'utf8' });
  return { status: run.status, log: run.stderr };
}

/** The database as an unprivileged Python program sees it. */
function readAsNobody(): Reading {
  const run = spawnSync('/usr/bin/python3', ['-', DATABASE], {
    input: READER,
    uid: NOBODY,
    gid: NOBODY,
    cwd: '/',
    encoding: 'utf8',
  });
  if (run.status !== 0) throw new Error(run.stderr);
  return JSON.parse(run.stdout) as Reading;
}

function lastRow(reading: Reading, pid: number | undefined) {
  return reading.tables['user']?.filter((row) => row['pid'] === pid).at(-1);
}

requires('root', 'netns')('node collect on a node with busy partitions', () => {
  let spinner: ChildProcess;
  let threads: ChildProcess;

  beforeAll(() => {
    mkdirSync(ROOT, { mode: 0o755 });
    for (let index = 0; index < 3; index += 1) {
      const id = FIRST_UID + index;
      const home = join(ROOT, `collectpart${index}`);
      appendToEtc('passwd', `collectuser${index}:x:${id}:${id}::${home}:/bin/false\n`);
      mkdirSync(home, { mode: 0o750 });
      mkdirSync(join(home, '.slapgrid'), { mode: 0o755 });
      for (const path of [join(home, '.slapgrid'), home]) chownSync(path, id, id);
    }
    writeFileSync(join(ROOT, 'collectpart0', 'big'), Buffer.alloc(3 << 20, 'x'));
    writeFileSync(
      CFG,
      `[slapos]\ninstance_root = ${ROOT}\ncomputer_id = COMP-TEST\n` +
        '[slapformat]\npartition_amount = 3\nuser_base_name = collectuser\n' +
        'partition_base_name = collectpart\n',
    );
    spinner = startAs(0, '/bin/sh', '-c', 'while :; do :; done');
    threads = startAs(
      1,
      '/usr/bin/python3',
      '-c',
      'import ctypes, os, threading, time\n' +
        'ctypes.CDLL(None).prctl(15, b") S 1 (\\n\\xff", 0, 0, 0)\n' +
        'for _ in range(4): threading.Thread(target=time.sleep, args=(600,)).start()',
    );
  });

  afterAll(() => {
    for (const child of children) child.kill('SIGKILL');
    rmSync(ROOT, { recursive: true, force: true });
    rmSync(CFG, { force: true });
  });

  it('writes what another user reads, equal to what Python reads in /proc', () => {
    const { status, log } = collect();
    expect(log).not.toMatch(/WARNING|ERROR/);
    expect(status).toBe(0);
    const reading = readAsNobody();
    expect(reading.reader).toBe(NOBODY);
    expect(reading.names.join()).toBe('user,folder,computer,system,disk,temperature,heating');

    const spinning = lastRow(reading, spinner.pid);
    expect(spinning).toMatchObject({ partition: 'collectuser0', reported: 0 });
    // How much it gets is the scheduler's business.
    expect(spinning?.['cpu_percent']).toBeGreaterThan(1);
    expect(spinning?.['cpu_percent']).toBeLessThanOrEqual(101);

    const sleeping = lastRow(reading, threads.pid);
    const { uid, ...values } = reading.live[String(threads.pid)] ?? {};
    expect(uid).toBe(FIRST_UID + 1);
    expect(sleeping).toMatchObject({ partition: 'collectuser1', cpu_percent: 0, ...values });
    expect(sleeping?.['cpu_num_threads']).toBe(5);
    expect(spinning?.['process']).toBe(reading.live[String(spinner.pid)]?.['process']);

    const [disk] = reading.tables['disk'] ?? [];
    const [computer] = reading.tables['computer'] ?? [];
    expect(computer).toMatchObject({ cpu_num_core: reading.cores, cpu_type: '0' });
    expect(computer?.['partition_list']).toContain(`${disk?.['partition']}=${reading.disk_total}`);
    expect(disk?.['used']).toMatch(/^\d+$/);
    expect(reading.tables['folder']).toMatchObject([
      { partition: 'collectuser0', disk_used: 3072 },
    ]);
  });

  it('never loses a process that is a zombie, stopped or gone in between', async () => {
    const zombie = startAs(
      2,
      '/usr/bin/python3',
      '-c',
      'import os,time\nif os.fork(): time.sleep(600)',
    );
    const stopped = startAs(2, '/bin/sleep', '600');
    const dying = startAs(2, '/bin/sleep', '3');
    await new Promise((resolve) => setTimeout(resolve, 300));
    stopped.kill('SIGSTOP');
    const { status } = collect();
    expect(status).toBe(0);
    const reading = readAsNobody();
    for (const { pid } of [zombie, stopped, dying]) expect(lastRow(reading, pid)).toBeDefined();
    expect(lastRow(reading, dying.pid)).toMatchObject({ cpu_percent: 0 });
    const rows = reading.tables['user'] ?? [];
    expect(rows.filter((row) => row['memory_rss'] === 0).length).toBe(1);
  });

  it('lets a second run go at once, and stops for a signal', async () => {
    // Without what the run before saw it measures for five seconds.
    rmSync(join(ROOT, 'var', 'data-log', '.collect.last.json'), { force: true });
    const first = spawn(SLAPOS, ['node', 'collect', '--cfg', CFG], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    const ended = new Promise<number | null>((resolve) => first.once('exit', resolve));
    let log = '';
    first.stderr.setEncoding('utf8').on('data', (text: string) => {
      log += text;
    });
    await until(
      () => (log.includes('Inserting computer information') ? true : undefined),
      'the first run to measure',
    );
    const second = collect();
    expect(second.status).toBe(0);
    expect(second.log).toContain(`Another slapos node collect is running (pid ${first.pid})`);
    first.kill('SIGTERM');
    expect(await ended).toBe(143);
  });

  it('does not follow what a partition puts in its way', () => {
    const window = new Date(Date.now() - 60_000).toISOString();
    const insert = [window, new Date().toISOString()]
      .map((at) => at.slice(11, 16))
      .map(
        (minute) =>
          "INSERT INTO user VALUES ('collectuser1',7,'7-1.0',1,60,1,1,1048576,1,1," +
          `strftime('%Y-%m-%d','now'),'${minute}:30',0);`,
      );
    const script =
      'import sqlite3,sys; c=sqlite3.connect(sys.argv[1]); c.executescript(sys.argv[2])';
    spawnSync('/usr/bin/python3', ['-c', script, DATABASE, insert.join('')]);
    const victim = '/srv/collect-victim';
    mkdirSync(victim, { recursive: true });
    const monitor = join(ROOT, 'collectpart1', '.slapgrid', 'monitor');
    rmSync(monitor, { recursive: true, force: true });
    symlinkSync(victim, monitor);
    const { status, log } = collect();
    expect(status).toBe(0);
    expect(log).toMatch(/WARNING Could not write the monitor files of collectuser1/);
    expect(readdirSync(victim)).toEqual([]);
    expect(existsSync(join(ROOT, 'collectpart2', '.slapgrid', 'monitor'))).toBe(true);
    const status2 = statSync(
      join(ROOT, 'collectpart2/.slapgrid/monitor/monitor_resource.status.json'),
    );
    expect([status2.uid, status2.mode & 0o777]).toEqual([0, 0o644]);
    for (const path of [victim, monitor]) rmSync(path, { recursive: true });
  });

  it('refuses an ordinary user and a missing configuration', () => {
    const asNobody = spawnSync(SLAPOS, ['node', 'collect', '--cfg', '/nonexistent'], {
      uid: NOBODY,
      gid: NOBODY,
      cwd: '/',
      encoding: 'utf8',
    });
    expect(asNobody.stderr).toContain('This slapos command must be run as root.');
    expect(asNobody.status).toBe(5);
    const missing = spawnSync(SLAPOS, ['node', 'collect', '--cfg', '/nonexistent'], {
      encoding: 'utf8',
    });
    expect(missing.stderr).toContain('Configuration file does not exist: /nonexistent');
    expect(missing.status).toBe(1);
  });
});
