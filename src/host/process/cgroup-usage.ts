/** What a process's own cgroup has used, by the files of cgroup v2 (cgroups(7), kernel cgroup-v2.rst). */
import { readdirSync, readFileSync } from 'node:fs';
import { access, readFile } from 'node:fs/promises';
import { join } from 'node:path';

export interface CgroupUsage {
  /** Path below the root of the hierarchy. */
  readonly path: string;
  readonly cpuSeconds: number;
  /** 0 where the controller is not enabled. */
  readonly memoryBytes: number;
  readonly processCount: number;
  /** 0 where the controller is not enabled. */
  readonly readBytes: number;
  readonly writtenBytes: number;
}

/** Where cgroup v2 is mounted, by /proc/self/mountinfo; on hybrid machines not at /sys/fs/cgroup. Pure. */
export function listCgroupMounts(mountinfo: string): readonly string[] {
  const lines = mountinfo.split('\n').filter((each) => each.includes(' - cgroup2 '));
  return lines.map((line) => line.split(' ')[4] ?? '');
}

let mount: Promise<string | undefined> | undefined;

/** Where cgroup v2 can be read; undefined where it cannot. */
export function cgroupMount(): Promise<string | undefined> {
  mount ??= findMount();
  return mount;
}

/** One may be covered by another mount. */
async function findMount(): Promise<string | undefined> {
  const text = await readFile('/proc/self/mountinfo', 'utf8').catch(() => '');
  for (const folder of listCgroupMounts(text)) {
    const isThere = await access(join(folder, 'cgroup.procs')).then(
      () => true,
      () => false,
    );
    if (isThere) return folder;
  }
  return undefined;
}

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

/** Sums a word such as `rbytes` over the devices of an `io.stat`. Pure. */
export function sumDevices(text: string, word: string): number {
  const matches = text.matchAll(new RegExp(`\\b${word}=(\\d+)`, 'g'));
  return [...matches].reduce((sum, [, bytes]) => sum + Number(bytes), 0);
}

/** Processes of a group: counted one by one where the controller is not enabled. */
async function countProcesses(folder: string): Promise<number> {
  const count = await readNumber(join(folder, 'pids.current'));
  if (count > 0) return count;
  const list = await readFile(join(folder, 'cgroup.procs'), 'utf8').catch(() => '');
  return list.split('\n').length - 1;
}

/**
 * Usage of the cgroup that a process was put into; null when it shares ours, or there is no v2
 * hierarchy.
 */
export async function readCgroupUsage(
  pid: number,
  mountPoint?: string,
): Promise<CgroupUsage | null> {
  const root = mountPoint ?? (await cgroupMount());
  const [path, own] = await Promise.all([pathOf(pid), pathOf('self')]);
  if (root === undefined || path === undefined || path === own || path.split('/').includes('..'))
    return null;
  const folder = join(root, path);
  const stat = await readFile(join(folder, 'cpu.stat'), 'utf8').catch(() => undefined);
  if (stat === undefined) return null;
  const [memoryBytes, processCount, io] = await Promise.all([
    readNumber(join(folder, 'memory.current')),
    countProcesses(folder),
    readFile(join(folder, 'io.stat'), 'utf8').catch(() => ''),
  ]);
  return {
    path,
    cpuSeconds: parseCpuSeconds(stat),
    memoryBytes,
    processCount,
    readBytes: sumDevices(io, 'rbytes'),
    writtenBytes: sumDevices(io, 'wbytes'),
  };
}

/**
 * Folder of the nearest cgroup with this name above that of a process, as long as there is one.
 * Only who may write to the hierarchy puts a process there. Reads memory of the kernel, at once.
 */
export function findCgroupAbove(pid: number, name: string, mountPoint: string): string | undefined {
  const parts = (pathOfNow(pid) ?? '').split('/').slice(1, -1);
  const depth = parts.lastIndexOf(name);
  if (depth < 0 || parts.includes('..')) return undefined;
  return join(mountPoint, ...parts.slice(0, depth + 1));
}

function pathOfNow(pid: number): string | undefined {
  try {
    return /^0::(.*)$/m.exec(readFileSync(`/proc/${pid}/cgroup`, 'utf8'))?.[1];
  } catch {
    return undefined;
  }
}

/** Deeper than systemd's slices of users with containers in them. */
const MAX_DEPTH = 12;

/** Folders of all cgroups with one of these names, not those within another. */
export function listCgroups(names: ReadonlySet<string>, mountPoint: string): string[] {
  const found: string[] = [];
  const walk = (folder: string, depth: number): void => {
    for (const name of listFolders(folder)) {
      if (names.has(name)) found.push(join(folder, name));
      else if (depth < MAX_DEPTH) walk(join(folder, name), depth + 1);
    }
  };
  walk(mountPoint, 0);
  return found;
}

/** None where the folder is gone. */
function listFolders(folder: string): string[] {
  try {
    const entries = readdirSync(folder, { withFileTypes: true });
    return entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
  } catch {
    return [];
  }
}

/** CPU seconds of all that ever ran in a cgroup; undefined when it is gone. */
export function readCgroupCpuSeconds(folder: string): number | undefined {
  try {
    return parseCpuSeconds(readFileSync(join(folder, 'cpu.stat'), 'utf8'));
  } catch {
    return undefined;
  }
}
