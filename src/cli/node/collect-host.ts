/** Wires the port of `node collect` to the machine. */
import { realpath, rename, stat } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import type { CollectHost, RunLock } from '../../collect/collect-host.ts';
import type { CgroupFacts } from '../../collect/daemon/cgroup-times.ts';
import { openSqliteStore } from '../../collect/sqlite-store.ts';
import { errorCode } from '../../errors/slapos-error.ts';
import { createAccounts } from '../../host/account.ts';
import { createBeneathFiles } from '../../host/file.ts';
import { databaseCopies } from '../../host/folder/database-copy.ts';
import { overwriteEnd } from '../../host/folder/file-end.ts';
import { createHostFiles } from '../../host/folder/host-files.ts';
import { lookBeneath } from '../../host/folder/look.ts';
import { readStream, replaceFile, writeStream } from '../../host/folder/stream-file.ts';
import { openDaemonSocket } from '../../host/keeper/daemon-socket.ts';
import { tryLock } from '../../host/lock.ts';
import { loadNative } from '../../host/native.ts';
import { callNative } from '../../host/native-failure.ts';
import { observeProcesses } from '../../host/proc.ts';
import {
  cgroupMount,
  findCgroupAbove,
  listCgroups,
  readCgroupCpuSeconds,
} from '../../host/process/cgroup-usage.ts';
import { readCommandLine } from '../../host/process/command-line.ts';
import { KernelTexts } from '../../host/process/kernel-texts.ts';
import { releaseMemory } from '../../host/process/memory.ts';

const TEXTS = { code: 'SLAPOS_ERR_FILE', hints: {} } as const;

export function createCollectHost(): CollectHost {
  const texts = new KernelTexts();
  return {
    files: createHostFiles(),
    accounts: createAccounts(),
    beneath: createBeneathFiles(),
    look: (root, request) => lookBeneath(root, request),
    overwriteEnd,
    replaceFile,
    writeStream,
    readStream,
    rename,
    realpath: resolvePath,
    deviceOf,
    openSocket: openDaemonSocket,
    lock,
    observeProcesses: (uids) => observeProcesses({ uids }),
    readKernelText: (path) => texts.read(path),
    readCommandLine,
    isAlive,
    pid: process.pid,
    ...diskMeasures(),
    openCgroups,
    openStore: (path, log) => openSqliteStore(path, { log, ...databaseCopies() }),
    releaseMemory: () => releaseMemory(),
    nowMs: Date.now,
    monotonicMs: () => Number(process.hrtime.bigint()) / 1e6,
    sleep: pause,
  };
}

async function openCgroups(): Promise<CgroupFacts | undefined> {
  const mountPoint = await cgroupMount();
  if (mountPoint === undefined) return undefined;
  return {
    listGroups: (names) => listCgroups(names, mountPoint),
    findGroup: (pid, name) => findCgroupAbove(pid, name, mountPoint),
    readCpuSeconds: readCgroupCpuSeconds,
  };
}

type DiskMeasures = 'diskUsage' | 'diskLinkedUsage' | 'diskQuota' | 'diskSpace';

function diskMeasures(): Pick<CollectHost, DiskMeasures> {
  return {
    diskUsage: (path) =>
      callNative(TEXTS, `measure ${path}`, () => loadNative().diskUsage({ path })),
    diskLinkedUsage: (path, apartFrom) =>
      callNative(TEXTS, `measure ${path}`, () => loadNative().diskLinkedUsage({ path, apartFrom })),
    diskQuota: (path) =>
      callNative(TEXTS, `ask for the quota of ${path}`, () => loadNative().diskQuota({ path })),
    diskSpace: (path) =>
      callNative(TEXTS, `measure ${path}`, () => loadNative().diskSpace({ path })),
  };
}

async function resolvePath(path: string): Promise<string | undefined> {
  try {
    return await realpath(path);
  } catch {
    return undefined;
  }
}

/** Splits a device number as makedev(3) of glibc joins it. */
async function deviceOf(path: string): Promise<{ major: number; minor: number }> {
  const { dev } = await stat(path, { bigint: true });
  const major = ((dev >> 8n) & 0xfffn) | ((dev >> 32n) & 0xfffff000n);
  const minor = (dev & 0xffn) | ((dev >> 12n) & 0xffffff00n);
  return { major: Number(major), minor: Number(minor) };
}

function lock(path: string): RunLock {
  const attempt = tryLock(path);
  if (attempt.lock === undefined) return { isHeld: false, holderPid: attempt.holderPid };
  const held = attempt.lock;
  return { isHeld: true, release: () => held.release() };
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return errorCode(error) === 'EPERM';
  }
}

async function pause(durationMs: number, signal: AbortSignal): Promise<void> {
  try {
    await sleep(durationMs, undefined, { signal });
  } catch (error) {
    signal.throwIfAborted();
    throw error;
  }
}
