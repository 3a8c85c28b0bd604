/** Processes that do their best to be counted for somebody else, to be missed, or to break a reader. */
import { execFileSync, spawn } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  copyFileSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { packageRoot } from '../../src/host/package/package-files.ts';
import { listSamples, observeProcesses, type ProcessSample } from '../../src/host/proc.ts';
import { openProcessReader } from '../../src/host/process/process-reader.ts';
import { type Facility, missingFacilities } from '../support/facilities.ts';
import { until } from '../support/keeper-run.ts';
import { ProcessScenes, readSlowly } from '../support/process-scenes.ts';
import { requires } from '../support/requires.ts';

const FIRST_UID = 44_200;
const REAL = FIRST_UID;
const EFFECTIVE = FIRST_UID + 1;
const CROWD_SECONDS = 3;
const CROWD_UIDS = 10;
const STOP = 'os.kill(os.getpid(), signal.SIGSTOP)';

type Observe = (uids?: readonly number[]) => Promise<ProcessSample[]>;

async function observeThrough(kind: 'bpf' | 'procfs'): Promise<Observe> {
  const reader = await openProcessReader({ kind });
  return async (uids) => listSamples(await reader.observe(uids));
}

/** A process whose files belong to its effective user. */
function open(real: number, effective: number, then = STOP): string {
  return `import ctypes, os, signal, time
os.setresuid(${real}, ${effective}, ${effective})
ctypes.CDLL(None).prctl(4, 1, 0, 0, 0)
${then}`;
}

const KINDS: ReadonlyArray<readonly ['bpf' | 'procfs', readonly Facility[]]> = [
  ['procfs', ['root', 'netns']],
  ['bpf', ['root', 'netns', 'bpf']],
];

for (const [kind, facilities] of KINDS) {
  requires(...facilities)(`hostile processes and the ${kind} reader`, () => {
    const scenes = new ProcessScenes();
    const folder = mkdtempSync('/srv/hostile-processes-');
    let observe: Observe;
    const find = async (pid: number, uids?: readonly number[]) =>
      (await observe(uids)).find((sample) => sample.pid === pid);

    /** It belongs to one user, and to nobody else. */
    async function expectUser(pid: number, uid: number, others: readonly number[]): Promise<void> {
      expect((await find(pid, [uid]))?.uid).toBe(uid);
      expect((await find(pid))?.uid).toBe(uid);
      expect(await find(pid, others)).toBeUndefined();
    }

    beforeAll(async () => {
      chmodSync(folder, 0o755);
      observe = await observeThrough(kind);
    });
    afterAll(() => {
      scenes.end();
      rmSync(folder, { recursive: true });
    });

    it('counts a process of a set-user-id program for who started it', async () => {
      const program = join(folder, 'sleep');
      copyFileSync('/bin/sleep', program);
      chownSync(program, EFFECTIVE, EFFECTIVE);
      chmodSync(program, 0o4755);
      const pid = scenes.start(REAL, program, ['600']);
      const uids = () => /^Uid:\t(\d+)\t(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
      await until(() => (Number(uids()?.[2]) === EFFECTIVE ? true : undefined), 'the program');
      await expectUser(pid, REAL, [EFFECTIVE, 0]);
    });

    it.each([
      [REAL, EFFECTIVE],
      [REAL, 0],
      [0, EFFECTIVE],
    ])('counts for the real user %i what shows %i as its owner', async (real, effective) => {
      const pid = await scenes.stopped(0, open(real, effective));
      await expectUser(pid, real, [effective]);
      const then = `child = os.fork()
if child == 0: os._exit(0)
os.waitid(os.P_PID, child, os.WEXITED | os.WNOWAIT)
${STOP}`;
      const parent = await scenes.stopped(0, open(real, effective, then));
      const zombie = Number(readFileSync(`/proc/${parent}/task/${parent}/children`, 'utf8'));
      await expectUser(zombie, real, [effective]);
    });

    it.each([
      '',
      'fifteen letters',
      'sixteen letters!',
      '\nUid:\t0\t0\t0\t0',
      '(((',
      ') Z 1 1',
      '\\n\x01\x7f',
      '\xc3(\xff\xfe',
    ])('is not confused by the name %j', async (name) => {
      const bytes = `bytes(${JSON.stringify([...Buffer.from(name, 'latin1')])})`;
      const program = `import ctypes, os, signal; ctypes.CDLL(None).prctl(15, ${bytes}, 0, 0, 0); ${STOP}`;
      const pid = await scenes.stopped(REAL, program);
      const found = await find(pid, [REAL]);
      const { utimeTicks, stimeTicks, ...rest } = readSlowly(pid);
      expect(found).toMatchObject(rest);
      expect(found).toMatchObject({ comm: name.slice(0, 15), uid: REAL, state: 'T' });
      expect(Math.abs((found?.utimeTicks ?? 0) - utimeTicks)).toBeLessThanOrEqual(2);
      expect(Math.abs((found?.stimeTicks ?? 0) - stimeTicks)).toBeLessThanOrEqual(2);
    });

    it('counts thousands of threads as one process', async () => {
      const program = `import os, signal, threading, time
threading.stack_size(65536)
for _ in range(2000): threading.Thread(target=time.sleep, args=(600,), daemon=True).start()
${STOP}`;
      const pid = await scenes.stopped(REAL, program);
      const found = (await observe([REAL])).filter((sample) => sample.pid === pid);
      expect(found.map(({ threads }) => threads)).toEqual([2001]);
    });

    it('keeps a process that does nothing but execute programs', async () => {
      const pid = scenes.start(EFFECTIVE, '/bin/sh', ['-c', 'exec /bin/sh -c "$0" "$0"', EXEC]);
      const seen = new Set<string>();
      for (let round = 0; round < 200; round += 1) {
        for (const sample of await observe([EFFECTIVE])) {
          if (sample.pid === pid) seen.add(`${sample.startTicks} ${sample.uid} ${sample.threads}`);
        }
      }
      expect([...seen]).toEqual([`${readSlowly(pid).startTicks} ${EFFECTIVE} 1`]);
      process.kill(pid, 'SIGKILL');
    });

    it('sees everything in a /proc that hides processes', async () => {
      const pid = await scenes.startStopped(REAL);
      execFileSync('mount', ['-o', 'remount,hidepid=2', '/proc']);
      try {
        const asNobody = { uid: 65_534, gid: 65_534, encoding: 'utf8' } as const;
        expect(execFileSync('ls', ['/proc'], asNobody).split('\n')).not.toContain(String(pid));
        expect(await find(pid, [REAL])).toMatchObject({ uid: REAL, threads: 4, hasIo: true });
      } finally {
        execFileSync('mount', ['-o', 'remount,hidepid=0', '/proc']);
      }
    });
  });
}

/** Runs itself for ever. */
const EXEC = 'exec /bin/sh -c "$0" "$0"';

requires('root', 'netns')('the readers', () => {
  it('know the real user also where only the text of /proc tells', async () => {
    const scenes = new ProcessScenes();
    const pid = await scenes.stopped(0, open(REAL, EFFECTIVE));
    // Without `self` its numbers could be those of another pid namespace.
    const procRoot = mkdtempSync('/srv/hostile-proc-');
    symlinkSync(`/proc/${pid}`, join(procRoot, String(pid)));
    const samples = async (uids: readonly number[]) =>
      listSamples(await observeProcesses({ procRoot, uids })).map(({ uid }) => uid);
    expect(await samples([REAL])).toEqual([REAL]);
    expect(await samples([EFFECTIVE, 0])).toEqual([]);
    scenes.end();
    rmSync(procRoot, { recursive: true });
  });

  it('never tell of a process that was not, in a crowd that changes', async () => {
    const kinds = missingFacilities(['bpf']).length === 0 ? ['bpf', 'procfs'] : ['procfs'];
    const readers = await Promise.all(kinds.map((kind) => observeThrough(kind as 'bpf')));
    const seed = Number(process.env['SLAPOS_SEED'] ?? Date.now() % 1_000_000);
    const program = join(packageRoot(), 'test', 'support', 'process-crowd.py');
    const words = [program, seed, CROWD_SECONDS, FIRST_UID + 10].map(String);
    const crowd = spawn('/usr/bin/python3', words, { stdio: ['ignore', 'pipe', 'inherit'] });
    let told = '';
    crowd.stdout.setEncoding('latin1').on('data', (text: string) => {
      told += text;
    });
    const uids = Array.from({ length: CROWD_UIDS }, (_, index) => FIRST_UID + 10 + index);
    const seen = readers.map(() => new Set<string>());
    let status: number | null | undefined;
    crowd.on('close', (code) => {
      status = code;
    });
    for (let round = 0; status === undefined; round += 1) {
      for (const [index, observe] of readers.entries()) {
        const samples = await observe(round % 2 === 0 ? uids : undefined);
        const pids = samples.map(({ pid }) => pid);
        expect(new Set(pids).size, `seed ${seed}`).toBe(pids.length);
        const ours = samples.filter(
          (sample) => uids.includes(sample.uid) || sample.ppid === crowd.pid,
        );
        for (const { pid, startTicks, uid } of ours)
          seen[index]?.add(`${pid} ${startTicks} ${uid}`);
      }
    }
    expect({ status, seed }).toEqual({ status: 0, seed });
    const possible = new Set(told.split('\n'));
    for (const [index, keys] of seen.entries()) {
      const never = [...keys].filter((key) => !possible.has(key));
      expect({ never, seed, kind: kinds[index] }).toEqual({ never: [], seed, kind: kinds[index] });
      expect(keys.size).toBeGreaterThan(50);
    }
  });
});
