/**
 * Notes which child runs in a partition, so that whoever takes the partition's lock after a process
 * that was killed can end what that one left running: two builds in one folder would spoil each other.
 * The notes are in a folder that only we can write.
 */
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { errorCode } from '../../errors/slapos-error.ts';
import { refusal } from '../folder/beneath-refusal.ts';
import { loadNative } from '../native.ts';
import { killProcesses } from '../process/process-tree.ts';

export interface ChildNote {
  /** The pid means something until the next boot only. */
  readonly bootId: string;
  readonly pid: number;
  /** Start of the process, ticks since boot: field 22 of proc_pid_stat(5). */
  readonly startTicks: number;
}

export function renderChildNote({ bootId, pid, startTicks }: ChildNote): string {
  return `${bootId} ${pid} ${startTicks}\n`;
}

/** @returns undefined for a text that is no whole note. */
export function parseChildNote(text: string): ChildNote | undefined {
  const match = /^([0-9a-f-]{36}) ([1-9]\d{0,9}) (\d{1,19})\n$/.exec(text);
  if (match === null) return undefined;
  return { bootId: match[1] ?? '', pid: Number(match[2]), startTicks: Number(match[3]) };
}

/** The note of a process; undefined when it has ended already. */
function observeChild(pid: number): ChildNote | undefined {
  const status = readIfThere(`/proc/${pid}/stat`);
  // The name of the program, in parentheses, may hold anything.
  const fields = status?.slice(status.lastIndexOf(')') + 2).split(' ');
  const startTicks = Number(fields?.[19]);
  return Number.isFinite(startTicks) ? { bootId: readBootId(), pid, startTicks } : undefined;
}

/** A child that cannot be noted, for want of space, runs all the same. */
export function noteChild(path: string, pid: number): void {
  try {
    const note = observeChild(pid);
    if (note !== undefined) writeFileSync(path, renderChildNote(note), { mode: 0o600 });
  } catch {
    forgetBrokenNote(path);
  }
}

/** Half a note names nobody, so that it may stay where it cannot be removed either. */
function forgetBrokenNote(path: string): void {
  try {
    forgetChild(path);
  } catch {
    // An error here would leave a child running that nobody waits for.
  }
}

export function forgetChild(path: string): void {
  rmSync(path, { force: true });
}

/**
 * Kills the noted child, if it still is that process, and all its descendants.
 * @returns its pid when there was one to kill.
 */
export async function killNotedChild(path: string): Promise<number | undefined> {
  const text = readIfThere(path);
  if (text === undefined) return undefined;
  const note = parseChildNote(text);
  const isAlive =
    note !== undefined &&
    note.bootId === readBootId() &&
    observeChild(note.pid)?.startTicks === note.startTicks;
  if (isAlive) await killProcesses([note], loadNative());
  forgetChild(path);
  return isAlive ? note.pid : undefined;
}

function readBootId(): string {
  return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
}

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (['ENOENT', 'ESRCH'].includes(errorCode(error))) return undefined;
    throw refusal(path, error);
  }
}
