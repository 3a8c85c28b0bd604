/**
 * Keeps logs of running processes below their size (spec/supervisor.md 11.7): services write to
 * their files themselves, so sizes are looked at, a sixteenth of the files at a time.
 */
import { lstatSync } from 'node:fs';
import { errorMessage } from '../errors/slapos-error.ts';
import { rotateProgramLog } from '../host/program-log.ts';
import type { Controller } from './controller.ts';
import type { ManagedProcess } from './managed-process.ts';

const SLICES = 16;
/** A whole sweep takes 9.6 s. */
const TICK_MS = 600;

interface SweptLog {
  readonly path: string;
  readonly maxBytes: number;
  readonly backups: number;
}

function findLogs(process: ManagedProcess): readonly SweptLog[] {
  const { logs, config } = process;
  const found = (['stdout', 'stderr'] as const).map((channel) => {
    const { maxBytes, backups } = config[channel];
    return { path: logs[channel], maxBytes, backups };
  });
  return found.filter(({ path, maxBytes }) => path !== '' && maxBytes > 0);
}

function isTooBig({ path, maxBytes }: SweptLog): boolean {
  try {
    const status = lstatSync(path, { throwIfNoEntry: false });
    return status !== undefined && status.size >= maxBytes && status.isFile();
  } catch {
    return false;
  }
}

/** Starts sweeping; each call of the result stops it. */
export function sweepLogs(controller: Controller): () => void {
  let slice = 0;
  const busy = new Set<string>();
  let rotated = Promise.resolve();
  const known = new WeakMap<ManagedProcess, readonly SweptLog[]>();
  const logsOf = (process: ManagedProcess) => {
    const logs = known.get(process) ?? findLogs(process);
    known.set(process, logs);
    return logs;
  };
  const rotate = async (log: SweptLog) => {
    try {
      await rotateProgramLog(log.path, log);
    } catch (error) {
      controller.log.write('WARN', `cannot rotate ${log.path}: ${errorMessage(error)}`);
    } finally {
      busy.delete(log.path);
    }
  };
  const timer = setInterval(() => {
    slice = (slice + 1) % SLICES;
    let index = 0;
    for (const process of controller.eachProcess()) {
      index += 1;
      if (index % SLICES !== slice || process.status.pid === 0) continue;
      for (const log of logsOf(process)) {
        if (busy.has(log.path) || !isTooBig(log)) continue;
        busy.add(log.path);
        // One after the other: each holds the end of a log in memory.
        rotated = rotated.then(() => rotate(log));
      }
    }
  }, TICK_MS);
  timer.unref();
  return () => clearInterval(timer);
}
