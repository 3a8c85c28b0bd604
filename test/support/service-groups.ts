/** Cgroups as the supervisor makes them, one for each partition and service. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, rmdirSync } from 'node:fs';
import { join } from 'node:path';

const MOUNT = '/sys/fs/cgroup';

export class ServiceGroups {
  readonly #base = join(MOUNT, `service-groups-${process.pid}`);
  readonly #made: string[] = [];

  /** Whether there can be any; the private /sys has none of itself. */
  mount(): boolean {
    if (!existsSync(`${MOUNT}/cgroup.procs`)) spawnSync('mount', ['-t', 'cgroup2', 'none', MOUNT]);
    return existsSync(`${MOUNT}/cgroup.procs`);
  }

  /** @returns folder for the processes of a service of `slappart<index>` */
  make(index: number): string {
    const folder = join(this.#base, `slappart${index}`, 'worker');
    mkdirSync(folder, { recursive: true });
    this.#made.push(folder, join(folder, '..'));
    return folder;
  }

  /** No process may be in them any more. */
  remove(): void {
    for (const folder of this.#made) rmdirSync(folder);
    rmdirSync(this.#base);
    spawnSync('umount', [MOUNT]);
  }
}
