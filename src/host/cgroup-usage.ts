/** What a process's own cgroup has used, by the files of cgroup v2 (cgroups(7), kernel cgroup-v2.rst). */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

export interface CgroupUsage {
  /** Path below the root of the hierarchy. */
  readonly path: string;
  readonly cpuSeconds: number;
  /** 0 where the controller is not enabled. */
  readonly memoryBytes: number;
  readonly processCount: number;
}

const ROOT = '/sys/fs/cgroup';

/** Path of a process in the v2 hierarchy; undefined when it is in none or gone. */
async function pathOf(pid: number | 'self'): Promise<string | undefined> {
  const text = await readFile(`/proc/${pid}/cgroup`, 'utf8').catch(() => '');
  return /^0::(.*)$/m.exec(text)?.[1];
}

async function readNumber(path: string): Promise<number> {
  const text = await readFile(path, 'utf8').catch(() => '0');
  return Number(text.trim()) || 0;
}

/** CPU seconds of a `cpu.stat`. Pure. */
export function parseCpuSeconds(text: string): number {
  return Number(/^usage_usec (\d+)$/m.exec(text)?.[1] ?? 0) / 1e6;
}

/**
 * Usage of the cgroup that a process was put into; null when it shares ours, or there is no v2
 * hierarchy.
 */
export async function readCgroupUsage(pid: number, root = ROOT): Promise<CgroupUsage | null> {
  const [path, own] = await Promise.all([pathOf(pid), pathOf('self')]);
  if (path === undefined || path === own || path.split('/').includes('..')) return null;
  const folder = join(root, path);
  const stat = await readFile(join(folder, 'cpu.stat'), 'utf8').catch(() => undefined);
  if (stat === undefined) return null;
  const [memoryBytes, processCount] = await Promise.all([
    readNumber(join(folder, 'memory.current')),
    readNumber(join(folder, 'pids.current')),
  ]);
  return { path, cpuSeconds: parseCpuSeconds(stat), memoryBytes, processCount };
}
