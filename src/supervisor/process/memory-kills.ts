/**
 * Says when the kernel killed processes of a group because memory ran out: the end of a service tells
 * only SIGKILL. By `memory.events` of cgroup v2 (kernel cgroup-v2.rst), whose `oom_kill` counts also
 * where the whole machine was out of memory.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ExitRecord } from '../../host/keeper/keeper-event.ts';
import type { LogLevel } from './state-transition.ts';

const SIGKILL = 9;
/** Names that the keeper does not encode for their folder (docs/cgroups.md). */
const PLAIN = /^\w[\w-]*$/;

export interface MemoryKillsPorts {
  /** Folder of the cgroups of services; empty without any. */
  readonly base: string;
  readonly write: (level: LogLevel, text: string) => void;
}

export class MemoryKills {
  readonly #ports: MemoryKillsPorts;
  /** By group; what was killed before this controller started was told by another one. */
  readonly #told = new Map<string, number>();

  constructor(ports: MemoryKillsPorts) {
    this.#ports = ports;
    for (const group of listFolders(ports.base)) this.#told.set(group, this.#count(group));
  }

  /** Looks at the group of a service that ended. */
  look({ name, signal }: Pick<ExitRecord, 'name' | 'signal'>): void {
    const group = name.slice(0, name.indexOf(':'));
    if (signal !== SIGKILL || this.#ports.base === '' || !PLAIN.test(group)) return;
    const count = this.#count(group);
    const told = this.#told.get(group) ?? 0;
    this.#told.set(group, count);
    // The folder of a group that was removed meanwhile counts from the start again.
    const fresh = count < told ? count : count - told;
    if (fresh === 0) return;
    const processes = fresh === 1 ? 'a process' : `${fresh} processes`;
    this.#ports.write(
      'WARN',
      `out of memory: the kernel killed ${processes} of ${group}, when ${name} ended (cgroup_memory_max, or the whole machine)`,
    );
  }

  #count(group: string): number {
    try {
      const text = readFileSync(join(this.#ports.base, group, 'memory.events'), 'utf8');
      return Number(/^oom_kill (\d+)$/m.exec(text)?.[1] ?? 0);
    } catch {
      return 0;
    }
  }
}

function listFolders(base: string): readonly string[] {
  try {
    return base === '' ? [] : readdirSync(base);
  } catch {
    return [];
  }
}
