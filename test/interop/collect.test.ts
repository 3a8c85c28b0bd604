/**
 * Upstream's collector and ours on one database, and both readers of processes against psutil, with
 * which upstream reads them.
 */
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { packageRoot } from '../../src/host/package/package-files.ts';
import { listSamples, type ProcessSample } from '../../src/host/proc.ts';
import { openProcessReader } from '../../src/host/process/process-reader.ts';
import {
  CollectNode,
  describeCollectorDatabase,
  findCollectPython,
  readReports,
  withoutMoment,
} from '../support/collect-node.ts';
import { missingFacilities } from '../support/facilities.ts';
import { until } from '../support/keeper-run.ts';
import { ProcessScenes } from '../support/process-scenes.ts';

/**
 * Without the moment, and averages as both versions of SQLite give them: since 3.43 it adds with
 * compensation, Python's may be older.
 */
function comparable(text: string): string {
  const round = (number: string) => String(Number(Number(number).toPrecision(12)));
  return withoutMoment(text).replace(/\d+\.\d{9,}/g, round);
}

const peer = findCollectPython();
const python = 'python' in peer ? peer.python : '';
const note = 'reason' in peer ? ` [skipped: ${peer.reason}]` : '';
const PROGRAM = join(packageRoot(), 'test', 'support', 'upstream-collect.py');
const TICKS_PER_SECOND = 100;
const TIMEOUT_MS = 200_000;
const HOOK = join(packageRoot(), 'test', 'support', 'early-minute.cjs');
const BAD = /.*(WARNING|ERROR|locked|Traceback).*/;
const REPORTS = [
  'YESTERDAY.xml',
  'system_cpu_percent.csv',
  'system_net_in_bytes.csv',
  'turnuser0/monitor_process_resource.status.json',
  'turnuser0/monitor_resource_io.data.json',
  'turnuser2/monitor_resource.status.json',
];

interface PeerProcess {
  readonly uid: number;
  readonly process: string;
  readonly user: number;
  readonly system: number;
  readonly childrenUser: number;
  readonly childrenSystem: number;
  readonly ioWait: number;
  readonly threads: number;
  readonly rssBytes: number;
  readonly readBytes: number;
  readonly writeBytes: number;
  readonly syscr: number;
  readonly syscw: number;
  readonly rchar: number;
  readonly wchar: number;
}

function askPeer(pids: readonly number[]): PeerProcess[] {
  const words = [PROGRAM, 'processes', ...pids.map(String)];
  const { status, stdout, stderr } = spawnSync(python, words, { encoding: 'utf8' });
  if (status !== 0) throw new Error(stderr);
  return JSON.parse(stdout) as PeerProcess[];
}

/** `btime` of proc_stat(5), which psutil adds to the start. */
function bootTimeS(): number {
  return Number(/^btime (\d+)/m.exec(readFileSync('/proc/stat', 'utf8'))?.[1]);
}

function expectAsPeer(found: ProcessSample | undefined, wanted: PeerProcess): void {
  const startS = (found?.startTicks ?? 0) / TICKS_PER_SECOND + bootTimeS();
  expect(Number(wanted.process.split('-')[1])).toBeCloseTo(startS, 4);
  expect(found).toMatchObject({
    uid: wanted.uid,
    threads: wanted.threads,
    rssBytes: wanted.rssBytes,
    readBytes: wanted.readBytes,
    writeBytes: wanted.writeBytes,
    syscr: wanted.syscr,
    syscw: wanted.syscw,
    rchar: wanted.rchar,
    wchar: wanted.wchar,
    cutimeTicks: Math.round(wanted.childrenUser * TICKS_PER_SECOND),
    cstimeTicks: Math.round(wanted.childrenSystem * TICKS_PER_SECOND),
    blkioDelayTicks: Math.round(wanted.ioWait * TICKS_PER_SECOND),
  });
  // The kernel divides the run time between both in ways that differ by a tick.
  const ticks = (found?.utimeTicks ?? 0) + (found?.stimeTicks ?? 0);
  const wantedTicks = Math.round((wanted.user + wanted.system) * TICKS_PER_SECOND);
  expect(Math.abs(ticks - wantedTicks)).toBeLessThanOrEqual(1);
}

/** Everybody reads all of it, and only root writes; the same for whoever wrote last. */
function expectReadable(moments: ReadonlyArray<ReadonlyMap<string, string>>): void {
  const modes = new Map(moments.flatMap((files) => [...files]));
  for (const files of moments) {
    for (const [name, mode] of files) expect(mode, name).toBe(modes.get(name));
  }
  const odd = [...modes].filter(([, mode]) => mode !== '644 0' && mode !== '755 0');
  expect(odd).toEqual([['var/data-log/.collect.lock', '600 0']]);
}

/** Does something again until no minute ended meanwhile; twice is enough unless a run takes one. */
function withinOneMinute<Result>(act: () => Result): Result {
  const minute = () => Math.floor(Date.now() / 60_000);
  for (;;) {
    const before = minute();
    const result = act();
    if (minute() === before) return result;
  }
}

describe.skipIf(python === '')(`psutil${note}`, () => {
  const FIRST_UID = 44_100;
  const scenes = new ProcessScenes();
  const pids: number[] = [];
  const kinds =
    missingFacilities(['bpf']).length === 0 ? (['bpf', 'procfs'] as const) : (['procfs'] as const);

  beforeAll(async () => {
    for (const index of [0, 1, 2]) pids.push(await scenes.startStopped(FIRST_UID + index));
    // Root for a while, then a real user other than the effective one.
    pids.push(
      await scenes.stopped(
        0,
        `import os, signal; os.setresuid(${FIRST_UID + 3}, ${FIRST_UID + 4}, ${FIRST_UID + 4}); os.kill(os.getpid(), signal.SIGSTOP)`,
      ),
    );
  });
  afterAll(() => scenes.end());

  it.each(kinds)('says of stopped processes what the %s reader says', async (kind) => {
    const reader = await openProcessReader({ kind });
    const samples = listSamples(await reader.observe());
    const wanted = askPeer(pids);
    for (const [index, pid] of pids.entries()) {
      const found = samples.find((sample) => sample.pid === pid);
      expectAsPeer(found, wanted[index] as PeerProcess);
    }
    expect(wanted.map(({ uid }) => uid)).toEqual([0, 1, 2, 3].map((index) => FIRST_UID + index));
  });
});

describe.skipIf(python === '')(`upstream's collector${note}`, () => {
  const node = new CollectNode('/srv/collect-turns', 3);
  const scenes = new ProcessScenes();
  const pids: number[] = [];
  const runUpstream = () => node.run(python, PROGRAM, 'run', node.cfg);

  beforeAll(async () => {
    node.create();
    for (const index of [0, 1, 2]) pids.push(await scenes.startStopped(node.uid(index)));
  });
  afterAll(() => {
    scenes.end();
    node.remove();
  });

  it('takes turns with ours on one database', { timeout: TIMEOUT_MS }, () => {
    const shapes: unknown[] = [];
    const files: Array<ReadonlyMap<string, string>> = [];
    const runOurs = () => node.collect();
    for (const run of [runOurs, runUpstream, runOurs, runUpstream, runOurs]) {
      const { status, log } = run();
      expect({ status, bad: BAD.exec(log) }).toEqual({ status: 0, bad: null });
      shapes.push(describeCollectorDatabase(node.database));
      files.push(node.describeFiles());
    }
    const theirs = join(node.root, 'theirs');
    expect(node.run(python, PROGRAM, 'create', theirs).status).toBe(0);
    const wanted = describeCollectorDatabase(join(theirs, 'collector.db'));
    expect(wanted).toMatchObject({ journal: 'delete', integrity: 'ok' });
    for (const shape of shapes) expect(shape).toEqual(wanted);
    for (const pid of pids) {
      const rows = node.userRows(pid);
      expect(rows).toHaveLength(5);
      // The processes stand still: both wrote the same, to the last digit.
      for (const row of rows) expect(row).toEqual(rows[0]);
    }
    expectReadable(files);
  });

  it('makes the same reports of the same rows', { timeout: TIMEOUT_MS }, () => {
    node.forgetReports();
    node.seedYesterday();
    const copy = join(node.root, 'copy');
    expect(node.run(python, PROGRAM, 'dump', node.cfg, copy).status).toBe(0);
    const folder = withinOneMinute(() => {
      node.seedMinuteBefore(pids);
      expect(node.collect().status).toBe(0);
      const name = mkdtempSync(join(node.root, 'reports-'));
      const { status, log } = node.run(python, PROGRAM, 'report', node.cfg, name);
      expect({ status, log }).toEqual({ status: 0, log: '' });
      return name;
    });
    const theirs = readReports(folder);
    expect([...theirs.keys()].sort()).toEqual(expect.arrayContaining(REPORTS));
    for (const [name, text] of theirs) {
      expect(comparable(node.readReport(name)), name).toBe(comparable(text));
    }
    expect(node.unpackDay()).toEqual(readReports(copy));
  });

  it('goes on while our daemon holds its lock', { timeout: TIMEOUT_MS }, async () => {
    const before = pids.map((pid) => node.userRows(pid).length);
    const daemon = node.startDaemon(HOOK);
    let log = '';
    daemon.stderr?.setEncoding('utf8').on('data', (text: string) => {
      log += text;
    });
    try {
      await until(() => (log.includes('Sampling every') ? true : undefined), 'the daemon', 60_000);
      expect(node.collect().log).toContain(`Another slapos node collect is running`);
      const { status, log: theirs } = runUpstream();
      expect({ status, bad: BAD.exec(theirs) }).toEqual({ status: 0, bad: null });
      const wanted = before.map((count) => count + 2);
      const rows = () => pids.map((pid) => node.userRows(pid).length);
      await until(
        () => (rows().join() === wanted.join() ? true : undefined),
        'rows of both',
        60_000,
      );
    } finally {
      const ended = once(daemon, 'exit');
      daemon.kill('SIGTERM');
      expect((await ended)[0]).toBe(0);
    }
    expect(BAD.exec(log)).toBeNull();
    for (const pid of pids) {
      const rows = node.userRows(pid);
      for (const row of rows.slice(-2)) expect(row).toEqual(rows[0]);
    }
    expect(describeCollectorDatabase(node.database)).toMatchObject({ integrity: 'ok' });
  });
});
