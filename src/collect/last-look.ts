/**
 * What the run before saw, kept so that CPU use is that since then and nobody waits for a measure.
 */
import type { ProcessReading, ProcessTicks } from './process-values.ts';
import type { CpuTicks } from './system-values.ts';

/** One look at the machine, at an instant of the monotonic clock of one boot. */
export interface LastLook {
  readonly monotonicMs: number;
  readonly cpu: CpuTicks;
  /** By pid. */
  readonly processes: ReadonlyMap<number, ProcessTicks>;
}

/** Shorter says little: a tick is 10 ms. */
const YOUNGEST_MS = 1000;
/** Rows tell of their minute; several were left out before a look this old. */
const OLDEST_MS = 180_000;

interface Encoded {
  readonly version: 1;
  readonly bootId: string;
  readonly monotonicMs: number;
  readonly cpu: readonly number[];
  /** pid, start, user and system ticks, one process after the other. */
  readonly processes: readonly number[];
}

/** @param bootId of the kernel: its clock and its pids begin anew with each boot */
export function encodeLook(
  bootId: string,
  monotonicMs: number,
  cpu: CpuTicks,
  readings: readonly ProcessReading[],
): string {
  const processes = readings.flatMap(({ pid, startTicks, userTicks, systemTicks }) => [
    pid,
    startTicks,
    userTicks,
    systemTicks,
  ]);
  const look: Encoded = { version: 1, bootId, monotonicMs, cpu: cpu.fields, processes };
  return `${JSON.stringify(look)}\n`;
}

/**
 * The look, when it is of this boot, of a usable age and whole; else undefined.
 * @param nowMs of the monotonic clock
 */
export function decodeLook(text: string, bootId: string, nowMs: number): LastLook | undefined {
  const look = parse(text);
  if (look === undefined || look.bootId !== bootId) return undefined;
  const ageMs = nowMs - look.monotonicMs;
  if (!(ageMs >= YOUNGEST_MS && ageMs <= OLDEST_MS)) return undefined;
  const processes = new Map<number, ProcessTicks>();
  for (let at = 0; at + 3 < look.processes.length; at += 4) {
    const [pid = 0, startTicks = 0, userTicks = 0, systemTicks = 0] = look.processes.slice(
      at,
      at + 4,
    );
    processes.set(pid, { startTicks, userTicks, systemTicks });
  }
  const cpu = { idle: look.cpu[3] ?? 0, fields: look.cpu };
  return { monotonicMs: look.monotonicMs, cpu, processes };
}

function parse(text: string): Encoded | undefined {
  try {
    const look = JSON.parse(text) as Encoded;
    const isWhole =
      look.version === 1 &&
      typeof look.monotonicMs === 'number' &&
      [look.cpu, look.processes].every(
        (list) => Array.isArray(list) && list.every((item) => typeof item === 'number'),
      );
    return isWhole ? look : undefined;
  } catch {
    // Cut by a crash: the next one is written by this run.
    return undefined;
  }
}
