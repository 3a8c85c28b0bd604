/** What runs on the node of the load campaign as the kernel tells it, and what its programs use. */
import { readdirSync, readFileSync, statSync } from 'node:fs';

export interface SeenService {
  readonly key: string;
  readonly pid: number;
  readonly uid: number;
}

export interface Look {
  readonly services: readonly SeenService[];
  /** Command lines of everything else, by pid. */
  readonly others: ReadonlyMap<number, readonly string[]>;
  /** Dead processes that nobody has reaped yet: `pid (name) of parent`. */
  readonly zombies: readonly string[];
}

/** What one of the node's programs has. */
export interface Usage {
  readonly rssBytes: number;
  readonly pssBytes: number;
  readonly descriptors: number;
  readonly threads: number;
  readonly cpuMs: number;
}

const CLOCK_TICK_MS = 10;
const KIB = 1024;

/** undefined: the process is gone. */
function readProc(pid: number | string, name: string): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/${name}`, 'latin1');
  } catch {
    return undefined;
  }
}

function numberOf(text: string, name: string): number {
  return Number(new RegExp(`^${name}:\\s*(\\d+)`, 'm').exec(text)?.[1] ?? 0);
}

/** All processes of the namespace. @param program of the services. */
export function lookAround(program: string, instanceRoot: string): Look {
  const services: SeenService[] = [];
  const others = new Map<number, readonly string[]>();
  const zombies: string[] = [];
  for (const name of readdirSync('/proc')) {
    const pid = Number(name);
    if (Number.isNaN(pid)) continue;
    const status = readProc(pid, 'status');
    if (status === undefined) continue;
    if (/^State:\tZ/m.test(status)) {
      zombies.push(`${pid} (${/^Name:\t(.*)/.exec(status)?.[1]}) of ${numberOf(status, 'PPid')}`);
      continue;
    }
    const words = readProc(pid, 'cmdline')?.split('\0') ?? [];
    const isService = words[0] === program;
    if (!isService) others.set(pid, words);
    // An orphan has the command line of the service that left it.
    else if (numberOf(status, 'NSpgid') === pid) {
      const key = (words[2] ?? '').slice(instanceRoot.length + 1);
      services.push({ key, pid, uid: numberOf(status, 'Uid') });
    }
  }
  return { services, others, zombies };
}

/** @throws Error when the process is gone. */
export function readUsage(pid: number): Usage {
  const status = readFileSync(`/proc/${pid}/status`, 'latin1');
  const rollup = readFileSync(`/proc/${pid}/smaps_rollup`, 'latin1');
  return {
    rssBytes: numberOf(status, 'VmRSS') * KIB,
    pssBytes: numberOf(rollup, 'Pss') * KIB,
    descriptors: readdirSync(`/proc/${pid}/fd`).length,
    threads: numberOf(status, 'Threads'),
    cpuMs: readCpuMs(pid, 11),
  };
}

/** Processor time of the children that this process has waited for. */
export function readChildrenCpuMs(): number {
  return readCpuMs('self', 13);
}

/** @param field the first of the two, counted after the name (proc_pid_stat(5)) */
function readCpuMs(pid: number | string, field: 11 | 13): number {
  const fields = (readProc(pid, 'stat') ?? '').replace(/^.*\) /s, '').split(' ');
  return (Number(fields[field]) + Number(fields[field + 1])) * CLOCK_TICK_MS;
}

/** Largest resident memory so far; 0 when the process is gone. */
export function readPeakRss(pid: number | undefined): number {
  return numberOf(readProc(pid ?? 0, 'status') ?? '', 'VmHWM') * KIB;
}

/** 0 where there is none. */
export function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}
