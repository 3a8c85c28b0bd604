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

/** @returns undefined for text that is no result; the caller warns and goes on without one. */
export function parsePromiseResult(text: string): SavedResult | undefined {
  try {
    const { result } = JSON.parse(text) as { result?: Record<string, unknown> };
    if (result?.['type'] !== 'Test Result' && result?.['type'] !== 'Anomaly Result') {
      return undefined;
    }
    const message = result['message'];
    return {
      hasFailed: result['failed'] === true,
      message: typeof message === 'string' ? limitMessage(message) : '',
    };
  } catch {
    return undefined;
  }
}

/** `2026-11-20T23:32:12+0000` */
function renderResultDate(date: Date): string {
  return `${date.toISOString().slice(0, 19)}+0000`;
}
