/**
 * A pass that systemd runs, while it starts or restarts the supervisor: that is waited for, since one
 * that the pass started would live outside of the supervisor's unit, which then ends at once.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { HostFiles } from '../host/host.ts';
import type { Logger } from '../log/logger.ts';

/** cgroups(7): the line of version 2, in a unit of the Debian package that starts supervisors. */
const PASS_UNIT = /^0::(\/.*\/)slapos-(?:instance|report)\.service$/m;
const SUPERVISOR_UNIT = 'slapos-supervisord.service';
const LONGEST_MS = 30_000;
const PAUSE_MS = 250;

export interface UnitStart {
  readonly files: HostFiles;
  readonly log: Logger;
  readonly isRunning: () => Promise<boolean>;
  /** Default: the clock's. */
  readonly pause?: (ms: number) => Promise<unknown>;
}

/**
 * Waits for the supervisor as long as its unit has a cgroup: a process that is being started, or
 * services that outlived a crash. systemd removes that of a unit which was stopped.
 * @returns whether it runs; false at once for a command that is no pass of a unit
 */
export async function awaitUnitStart(start: UnitStart): Promise<boolean> {
  const { log, isRunning, pause = (ms) => sleep(ms) } = start;
  for (let waitedMs = 0; waitedMs < LONGEST_MS; waitedMs += PAUSE_MS) {
    if (!(await hasUnitCgroup(start.files))) return false;
    if (waitedMs === 0) log.info('Waiting for the supervisor of slapos-supervisord.service.');
    if (await isRunning()) return true;
    await pause(PAUSE_MS);
  }
  return false;
}

async function hasUnitCgroup(files: HostFiles): Promise<boolean> {
  const own = (await files.readText('/proc/self/cgroup').catch(() => undefined)) ?? '';
  const parent = PASS_UNIT.exec(own)?.[1];
  if (parent === undefined) return false;
  const cgroup = `/sys/fs/cgroup${parent}${SUPERVISOR_UNIT}`;
  return (await files.stat(cgroup).catch(() => undefined))?.kind === 'directory';
}
