/**
 * What services recorded of themselves (`test/fixtures/truthful-service.c`), and what a supervisor
 * says of them, held against each other. Times are CLOCK_MONOTONIC in milliseconds.
 */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { signalName } from '../../src/supervisor/configuration/value-types.ts';

/** One life of a service, by its own account. */
export interface Life {
  readonly pid: number;
  readonly startMs: number;
  readonly endMs: number | undefined;
  /** Exit status, or minus the signal. */
  readonly status: number;
}

/** What the main log says of one life: the line of its end without the name. */
export interface Report {
  readonly pid: number;
  readonly ends: ReadonlyArray<{ readonly text: string; readonly epoch: number }>;
}

/** A span in which something may happen to a service. */
export interface Window {
  readonly fromMs: number;
  toMs: number;
}

const MS = 1e-6;

function readLines(path: string): string[] {
  try {
    return readFileSync(path, 'latin1').split('\n').slice(0, -1);
  } catch {
    return [];
  }
}

/** The lives in a record, in the order of their starts. */
export function readLives(path: string): Life[] {
  const lives = new Map<number, Life>();
  const order: number[] = [];
  for (const line of readLines(path)) {
    const [kind, pid, time, status] = line.split(' ').map((word, index) => {
      return index === 0 ? word : Number(word);
    }) as [string, number, number, number];
    if (kind === 'start') {
      order.push(lives.size);
      lives.set(lives.size, { pid, startMs: time * MS, endMs: undefined, status: 0 });
    } else if (kind === 'exit') {
      const open = order.findLast((index) => lives.get(index)?.pid === pid) ?? -1;
      const life = lives.get(open);
      if (life !== undefined) lives.set(open, { ...life, endMs: time * MS, status });
    }
  }
  return order.flatMap((index) => lives.get(index) ?? []);
}

/** Events that a recording listener got, as `NAME PAYLOAD`. */
export function readEvents(path: string): string[] {
  return readLines(path).flatMap((line) => {
    const found = /^event .* eventname:(\S+) len:\d+ (.*)$/.exec(line);
    return found === null ? [] : [`${found[1]} ${found[2]}`];
  });
}

/** By service: what the main log tells, in order. `epoch` counts the controllers. */
export function readReports(log: string): Map<string, Report[]> {
  const reports = new Map<string, Array<{ pid: number; ends: Report['ends'][number][] }>>();
  let epoch = 0;
  for (const line of log.split('\n')) {
    if (/ took over \d+ groups/.test(line)) epoch += 1;
    const spawned = / spawned: '(.*)' with pid (\d+)$/.exec(line);
    const ended = / (?:exited|stopped): (\S+) (\(.*)$/.exec(line);
    if (spawned !== null) {
      const [, name = '', pid] = spawned;
      const list = reports.get(name) ?? [];
      // The next controller tells again what the one before may not have told.
      if (list.at(-1)?.pid !== Number(pid)) list.push({ pid: Number(pid), ends: [] });
      reports.set(name, list);
    } else if (ended !== null) {
      const [, name = '', text = ''] = ended;
      reports
        .get(name)
        ?.at(-1)
        ?.ends.push({ text: text.replace(/; (not )?expected\)$/, ')'), epoch });
    }
  }
  return reports;
}

function endText(status: number): string {
  return status < 0 ? `(terminated by ${signalName(-status)})` : `(exit status ${status})`;
}

const LOST = '(exit status -1)';

/** Lives of one service that overlap: two processes at a time. */
export function overlaps(name: string, lives: readonly Life[]): string[] {
  return lives.slice(1).flatMap((life, index) => {
    const before = lives[index];
    if (before === undefined) return [];
    if (before.endMs !== undefined && before.endMs <= life.startMs) return [];
    return [`${name}: ${life.pid} started while ${before.pid} lived`];
  });
}

/** Ends of a service outside the windows in which it was told to stop. */
export function unwantedEnds(
  name: string,
  lives: readonly Life[],
  windows: readonly Window[],
): string[] {
  return lives.flatMap(({ pid, endMs }) => {
    if (endMs === undefined) return [];
    if (windows.some(({ fromMs, toMs }) => fromMs <= endMs && endMs <= toMs)) return [];
    return [`${name}: ${pid} ended at ${endMs.toFixed(0)} though nobody stopped it`];
  });
}

/**
 * Ends that the log does not tell exactly once with their status. An end in one of `blind` may be
 * told without it; a repetition is one only when no other controller came in between.
 */
export function misreportedEnds(
  name: string,
  lives: readonly Life[],
  reports: readonly Report[],
  blind: readonly Window[],
): string[] {
  const problems: string[] = [];
  const told = new Map(reports.map((report) => [report.pid, report]));
  for (const { pid, endMs, status } of lives) {
    if (endMs === undefined) continue;
    const ends = told.get(pid)?.ends ?? [];
    const isBlind = blind.some(({ fromMs, toMs }) => fromMs <= endMs && endMs <= toMs);
    const texts = isBlind ? [endText(status), LOST] : [endText(status)];
    if (ends.length === 0) problems.push(`${name}: the end of ${pid} (${status}) was not told`);
    const wrong = ends.find(({ text }) => !texts.includes(text));
    if (wrong !== undefined) {
      const truth = endText(status);
      problems.push(`${name}: ${pid} at ${endMs.toFixed(0)}: told ${wrong.text}, is ${truth}`);
    }
    if (new Set(ends.map(({ epoch }) => epoch)).size !== ends.length) {
      problems.push(`${name}: the end of ${pid} was told ${ends.length} times`);
    }
  }
  return problems;
}

/** Processes that run a program. */
export function pidsOf(program: string): number[] {
  return readdirSync('/proc').flatMap((name) => {
    if (!/^\d+$/.test(name)) return [];
    try {
      return readlinkSync(`/proc/${name}/exe`) === program ? [Number(name)] : [];
    } catch {
      return [];
    }
  });
}
