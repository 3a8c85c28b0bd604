/** Both readers of processes against the text of /proc, and against each other. */
import { readFileSync } from 'node:fs';
import { setImmediate } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { listSamples, type ProcessSample } from '../../src/host/proc.ts';
import { openProcessReader, type ProcessReader } from '../../src/host/process/process-reader.ts';
import type { Facility } from '../support/facilities.ts';
import { isAlive, until } from '../support/keeper-run.ts';
import { ProcessScenes, readSlowly } from '../support/process-scenes.ts';
import { requires } from '../support/requires.ts';
import { listUsage } from '../support/usage-table.ts';

const USER = 40321;
const NAMES = ['plain', 'a) S 1 (b', 'line\nbreak', '\xff\xfe\x01bytes', 'fifteen letters'].map(
  (name) => Buffer.from(name, 'latin1'),
);

/** A tick is 10 ms; user and system time are shares of one sum, rounded apart. */
function expectSame(found: ProcessSample | undefined, wanted: ReturnType<typeof readSlowly>): void {
  const { utimeTicks, stimeTicks, ...rest } = found ?? readSlowly(0);
  const { utimeTicks: user, stimeTicks: system, ...others } = wanted;
  expect(rest).toMatchObject(others);
  expect(Math.abs(utimeTicks + stimeTicks - user - system)).toBeLessThanOrEqual(1);
  expect(Math.abs(utimeTicks - user)).toBeLessThanOrEqual(2);
}

const KINDS: ReadonlyArray<readonly ['bpf' | 'procfs', readonly Facility[]]> = [
  ['procfs', ['root', 'netns']],
  ['bpf', ['root', 'netns', 'bpf']],
];

for (const [kind, facilities] of KINDS) {
  requires(...facilities)(`the ${kind} reader`, () => {
    const scenes = new ProcessScenes();
    const pids: number[] = [];
    let reader: ProcessReader;
    const sampleOf = async (pid: number, uids?: readonly number[]) =>
      listSamples(await reader.observe(uids)).find((sample) => sample.pid === pid);

    beforeAll(async () => {
      reader = await openProcessReader({ kind });
      for (const name of NAMES) pids.push(await scenes.startStopped(USER, name));
    });
    afterAll(() => scenes.end());

    it('is the one that was asked for', () => {
      expect(reader.kind).toBe(kind);
    });

    it('says the same as the text of /proc, whatever the processes call themselves', async () => {
      for (const [index, pid] of pids.entries()) {
        const found = await sampleOf(pid);
        expectSame(found, readSlowly(pid));
        expect(found?.comm).toBe(NAMES[index]?.toString('latin1'));
        expect(found?.threads).toBe(4);
        expect(found?.rssBytes).toBeGreaterThan(30_000_000);
        expect((found?.cutimeTicks ?? 0) + (found?.cstimeTicks ?? 0)).toBeGreaterThan(0);
      }
    });

    it('holds only the users asked for, also when they change', async () => {
      const [pid = 0] = pids;
      for (let round = 0; round < 3; round += 1) {
        expect(await sampleOf(pid, [USER, 12])).toBeDefined();
        expect(await sampleOf(pid, [USER + 1])).toBeUndefined();
        expect(await sampleOf(pid, [])).toBeUndefined();
        expect(await sampleOf(pid)).toBeDefined();
      }
      expect((await sampleOf(process.pid, [0]))?.uid).toBe(0);
    });

    it('knows the real user of what /proc gives to root', async () => {
      const hidden = await scenes.stopped(
        USER,
        'import ctypes, os, signal; ctypes.CDLL(None).prctl(4, 0); os.kill(os.getpid(), signal.SIGSTOP)',
      );
      expect((await sampleOf(hidden, [USER]))?.uid).toBe(USER);
      expect(await sampleOf(hidden, [0])).toBeUndefined();
    });

    it('shows a zombie with its times and without memory', async () => {
      const parent = await scenes.stopped(
        USER,
        'import os, signal\nchild = os.fork()\nif child == 0: sum(range(5_000_000)); os._exit(0)\nos.waitid(os.P_PID, child, os.WEXITED | os.WNOWAIT)\nos.kill(os.getpid(), signal.SIGSTOP)',
      );
      const child = Number(readFileSync(`/proc/${parent}/task/${parent}/children`, 'utf8'));
      const found = await sampleOf(child);
      expectSame(found, readSlowly(child));
      expect(found).toMatchObject({ state: 'Z', rssBytes: 0, ppid: parent });
    });

    it('goes on while processes come and go', async () => {
      const busy = scenes.start(USER + 5, '/bin/sh', ['-c', 'while :; do /bin/true & done']);
      for (let round = 0; round < 100; round += 1) {
        const seen = listSamples(await reader.observe()).map(({ pid }) => pid);
        expect(seen).toEqual(expect.arrayContaining(pids));
        expect(new Set(seen).size).toBe(seen.length);
      }
      process.kill(busy, 'SIGKILL');
      await until(() => (isAlive(busy) ? undefined : true), 'the end of the shell');
    });
  });
}

requires(
  'root',
  'netns',
  'bpf',
)('the readers', () => {
  it('see the same processes', async () => {
    const scenes = new ProcessScenes();
    const readers = [
      await openProcessReader({ kind: 'bpf' }),
      await openProcessReader({ kind: 'procfs' }),
    ];
    await scenes.startStopped(USER + 7);
    await scenes.startStopped(USER + 8);
    const [bpf, procfs] = await Promise.all(
      readers.map(async (reader) => listSamples(await reader.observe([USER + 7, USER + 8]))),
    );
    scenes.end();
    expect(bpf?.map(({ pid }) => pid)).toEqual(procfs?.map(({ pid }) => pid).sort((a, b) => a - b));
    expect(bpf).toHaveLength(2);
  });

  it('sum what they see', async () => {
    const scenes = new ProcessScenes();
    const reader = await openProcessReader({ kind: 'bpf', isAccounting: true });
    await scenes.startStopped(USER + 9);
    await scenes.startStopped(USER + 9);
    const samples = listSamples(await reader.observe([USER + 9]));
    const usage = await reader.observeUsage?.([USER + 9]);
    const all = usage === undefined ? undefined : listUsage(usage);
    // Of others there may be what ended before the users were named.
    const sums = all?.filter(({ uid }) => uid === USER + 9);
    scenes.end();
    const total = (field: 'rssBytes' | 'threads' | 'utimeTicks' | 'stimeTicks') =>
      samples.reduce((sum, sample) => sum + sample[field], 0);
    expect(samples).toHaveLength(2);
    expect(sums).toMatchObject([
      { uid: USER + 9, processes: 2, threads: total('threads'), rssBytes: total('rssBytes') },
    ]);
    const ticks = total('utimeTicks') + total('stimeTicks');
    // Each time is cut to whole ticks, and children that ended are counted too.
    expect(sums?.[0]?.cpuS).toBeGreaterThanOrEqual(ticks / 100);
  });

  it('goes on counting the ends of all users when processes of one are listed', async () => {
    const scenes = new ProcessScenes();
    const open = () => openProcessReader({ kind: 'bpf', isAccounting: true });
    const [reader, witness] = [await open(), await open()];
    const usageOf = async (one: ProcessReader) => {
      const usage = (await one.observeUsage?.([USER + 10, USER + 11])) ?? new Float64Array();
      const { cpuS = 0, processes = 0 } =
        listUsage(usage).find(({ uid }) => uid === USER + 10) ?? {};
      return { cpuS, processes };
    };
    const other = await scenes.startStopped(USER + 10);
    const listed = await scenes.startStopped(USER + 11);
    const before = await usageOf(reader);
    expect(before).toMatchObject({ cpuS: expect.any(Number), processes: 1 });
    expect((await usageOf(witness)).cpuS).toBe(before.cpuS);
    const samples = listSamples(await reader.observe([USER + 11]));
    expect(samples.map(({ pid }) => pid)).toEqual([listed]);
    process.kill(other, 'SIGKILL');
    // The kernel lets go of a process a moment after it was waited for.
    for (;;) {
      const { cpuS, processes } = await usageOf(witness);
      if (processes === 0 && cpuS >= before.cpuS) break;
      await setImmediate();
    }
    const after = await usageOf(reader);
    scenes.end();
    expect(after.processes).toBe(0);
    expect(after.cpuS).toBeGreaterThanOrEqual(before.cpuS);
  });
});
