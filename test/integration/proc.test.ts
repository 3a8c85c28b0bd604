import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { listSamples, observeProcesses } from '../../src/host/proc.ts';
import { listDescendants } from '../../src/host/process/process-tree.ts';
import { requires } from '../support/requires.ts';
import { until as eventually } from '../support/supervisor-run.ts';

const USER = 40321;

const children: ChildProcess[] = [];

afterAll(() => {
  for (const child of children) child.kill('SIGKILL');
});

requires('root', 'netns')('a sample of the processes', () => {
  it('finds the descendants of a process', async () => {
    const shell = spawn('/bin/sh', ['-c', 'setsid sleep 100 & sh -c "sleep 100; true"; wait']);
    children.push(shell);
    const descendants = await eventually(async () => {
      const found = listDescendants(await observeProcesses(), shell.pid ?? 0);
      return found.length < 3 ? undefined : found;
    }, 'three descendants');
    expect(descendants).toHaveLength(3);
    for (const each of descendants) process.kill(each, 'SIGKILL');
  });
});

describe('a sample of a recorded /proc', () => {
  const root = mkdtempSync(join(tmpdir(), 'slapos-proc-'));
  afterAll(() => rmSync(root, { recursive: true }));

  function record(pid: string, files: Record<string, string>): void {
    mkdirSync(join(root, pid));
    for (const [name, text] of Object.entries(files)) writeFileSync(join(root, pid, name), text);
  }

  const status = `Name:\tx\nUmask:\t0022\nUid:\t${USER}\t0\t0\t0\n`;
  const numbers = Array.from({ length: 49 }, (_, index) => index + 4).join(' ');

  it('copes with any name of a program and with what is not there', async () => {
    record('1', {
      stat: `1 (a) b (c)) S ${numbers}\n`,
      status,
      statm: '10 7 0\n',
      io: 'rchar: 5\n',
    });
    record('2', { stat: `2 (x) R ${numbers}\n`, status });
    record('3', { stat: 'nonsense', status, statm: '1 1' });
    record('4', { stat: `4 (sixteen bytes ok) Z ${numbers}\n`, status, statm: '1 1' });
    record('self', { stat: `5 (x) R ${numbers}\n`, status, statm: '1 1' });
    const samples = listSamples(await observeProcesses({ procRoot: root }));
    expect(samples.map(({ pid, comm, state }) => [pid, comm, state]).sort()).toEqual([
      [1, 'a) b (c)', 'S'],
      [4, 'sixteen bytes ok', 'Z'],
    ]);
    const first = samples.find(({ pid }) => pid === 1);
    expect(first).toMatchObject({
      ppid: 4,
      utimeTicks: 14,
      stimeTicks: 15,
      cutimeTicks: 16,
      cstimeTicks: 17,
      threads: 20,
      startTicks: 22,
      blkioDelayTicks: 42,
      rssBytes: 7 * 4096,
      hasIo: false,
    });
    expect(first?.uid).toBe(USER);
  });

  it('is an error when there is no such folder', async () => {
    await expect(observeProcesses({ procRoot: join(root, 'none') })).rejects.toMatchObject({
      code: 'SLAPOS_ERR_HOST',
      errno: 2,
    });
  });
});
