/** What the runners of plugins tell the node: one JSON object a line (docs/promises.md). */
import type { ResultType } from './promise-result.ts';

/** The runner has started. */
export interface ReadyReport {
  readonly event: 'ready';
}

export interface StartReport {
  readonly event: 'start';
  readonly name: string;
}

/** Text of the scheduling file. */
export interface CacheReport {
  readonly event: 'cache';
  readonly name: string;
  readonly text: string;
}

export interface ResultReport {
  readonly event: 'result';
  readonly name: string;
  readonly type: ResultType | 'Empty Result';
  readonly failed: boolean;
  readonly message: string;
  readonly date: Date;
  /** An anomaly for which the plugin allows a bang. */
  readonly wantsBang: boolean;
}

/** The plugin could not be loaded or constructed. */
export interface BrokenReport {
  readonly event: 'broken';
  readonly name: string;
  /** One line. */
  readonly error: string;
  readonly traceback: string;
}

/** The plugin has ended. */
export interface EndReport {
  readonly event: 'end';
  readonly name: string;
  readonly isTimedOut: boolean;
  readonly seconds: number;
  /** Whether the library among the eggs of the software served it instead of ours. */
  readonly usedEggs: boolean;
}

export type RunnerReport =
  | ReadyReport
  | StartReport
  | CacheReport
  | ResultReport
  | BrokenReport
  | EndReport;

type Fields = Readonly<Record<string, unknown>>;

const RESULT_TYPES = new Set(['Test Result', 'Anomaly Result', 'Empty Result']);

/**
 * The line comes from a process of the partition, which may say anything.
 * @returns undefined for a line that is no report.
 */
export function parseRunnerReport(line: string): RunnerReport | undefined {
  if (!line.startsWith('{')) return undefined;
  let fields: Fields;
  try {
    fields = JSON.parse(line) as Fields;
  } catch {
    return undefined;
  }
  if (fields['event'] === 'ready') return { event: 'ready' };
  const name = fields['name'];
  if (typeof name !== 'string') return undefined;
  if (fields['event'] === 'start') return { event: 'start', name };
  if (fields['event'] === 'cache') return { event: 'cache', name, text: text(fields, 'text') };
  if (fields['event'] === 'result') return parseResult(fields, name);
  if (fields['event'] === 'broken') {
    const { error, traceback } = {
      error: text(fields, 'error'),
      traceback: text(fields, 'traceback'),
    };
    return { event: 'broken', name, error, traceback };
  }
  return fields['event'] === 'end' ? parseEnd(fields, name) : undefined;
}

function parseResult(fields: Fields, name: string): ResultReport | undefined {
  const type = text(fields, 'type');
  const date = new Date(text(fields, 'date'));
  if (!RESULT_TYPES.has(type) || Number.isNaN(date.getTime())) return undefined;
  return {
    event: 'result',
    name,
    type: type as ResultReport['type'],
    failed: fields['failed'] === true,
    message: text(fields, 'message'),
    date,
    wantsBang: fields['wantsBang'] === true,
  };
}

function parseEnd(fields: Fields, name: string): EndReport {
  const { seconds } = fields;
  return {
    event: 'end',
    name,
    isTimedOut: fields['outcome'] === 'timeout',
    seconds: typeof seconds === 'number' && seconds >= 0 && seconds < 1e6 ? seconds : 0,
    usedEggs: fields['library'] === 'eggs',
  };
}

function text(fields: Fields, key: string): string {
  const value = fields[key];
  return typeof value === 'string' ? value : '';
}
