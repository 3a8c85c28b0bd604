/** The file `.slapgrid/promise/result/<title>.status.json` (spec/promise.md 3). */
import { pythonFloat } from '../model/python-number.ts';
import { pythonJsonObject, pythonJsonString } from './python-json.ts';

export type ResultType = 'Test Result' | 'Anomaly Result';

/** What a run came to. */
export interface PromiseVerdict {
  readonly type: ResultType;
  readonly hasFailed: boolean;
  readonly message: string;
}

export interface PromiseResult extends PromiseVerdict {
  readonly title: string;
  /** File name. */
  readonly name: string;
  /** Absolute path of the file. */
  readonly path: string;
  readonly executionSeconds: number;
  readonly date: Date;
}

const MESSAGE_LIMIT = 5000;

/** File name without its last extension. */
export function promiseTitle(name: string): string {
  const dot = name.lastIndexOf('.');
  return dot > 0 ? name.slice(0, dot) : name;
}

/** A long message keeps its end, which is where programs say what went wrong. */
export function limitMessage(message: string): string {
  if (message.length <= MESSAGE_LIMIT) return message;
  // Characters as Python counts them; a pair of units each at most.
  const end = Array.from(message.slice(-2 * MESSAGE_LIMIT - 2));
  return end.length <= MESSAGE_LIMIT ? message : `...${end.slice(-MESSAGE_LIMIT).join('')}`;
}

/** Seconds as a multiple of 0.05, as consumers have always seen them. */
export function roundExecutionSeconds(elapsedMs: number): number {
  return Math.round(Math.max(1, Math.round(elapsedMs / 50)) * 5) / 100;
}

export function renderPromiseResult(result: PromiseResult): string {
  return pythonJsonObject([
    ['title', pythonJsonString(result.title)],
    ['name', pythonJsonString(result.name)],
    ['path', pythonJsonString(result.path)],
    ['execution-time', pythonFloat(result.executionSeconds)],
    [
      'result',
      pythonJsonObject([
        ['type', pythonJsonString(result.type)],
        ['failed', String(result.hasFailed)],
        ['date', pythonJsonString(renderResultDate(result.date))],
        ['message', pythonJsonString(limitMessage(result.message))],
      ]),
    ],
  ]);
}

/** What a later run needs of a saved result. */
export interface SavedResult {
  readonly hasFailed: boolean;
  readonly message: string;
}

/** What a saved result tells people. */
export interface ToldResult extends SavedResult {
  /** Milliseconds since the epoch; undefined where it does not say. */
  readonly atMs: number | undefined;
  /** 0 where it does not say. */
  readonly executionS: number;
}

/** @returns undefined for text that is no result; the caller warns and goes on without one. */
export function parsePromiseResult(text: string): SavedResult | undefined {
  const told = parseToldResult(text);
  return told && { hasFailed: told.hasFailed, message: told.message };
}

/** Like {@link parsePromiseResult}, with when it was and how long it took. */
export function parseToldResult(text: string): ToldResult | undefined {
  try {
    const saved = JSON.parse(text) as Record<string, unknown>;
    const result = saved['result'] as Record<string, unknown> | undefined;
    if (result?.['type'] !== 'Test Result' && result?.['type'] !== 'Anomaly Result') {
      return undefined;
    }
    const message = result['message'];
    const seconds = saved['execution-time'];
    return {
      hasFailed: result['failed'] === true,
      message: typeof message === 'string' ? limitMessage(message) : '',
      atMs: parseResultDate(result['date']),
      executionS: Number.isFinite(seconds) && Number(seconds) >= 0 ? Number(seconds) : 0,
    };
  } catch {
    return undefined;
  }
}

const DATE = /^(\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2})\+0000$/;

function parseResultDate(value: unknown): number | undefined {
  const [, text] = (typeof value === 'string' ? DATE.exec(value) : null) ?? [];
  const time = text === undefined ? Number.NaN : Date.parse(`${text}Z`);
  return Number.isNaN(time) ? undefined : time;
}

/** `2026-11-20T23:32:12+0000` */
function renderResultDate(date: Date): string {
  return `${date.toISOString().slice(0, 19)}+0000`;
}
