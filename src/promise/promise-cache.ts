/** The file `.slapgrid/promise/cache/<title>`: when a promise is due again (spec/promise.md 4). */
import { pythonFloat } from '../model/python-number.ts';
import { pythonJsonObject, pythonJsonString } from './python-json.ts';

export interface PromiseCache {
  readonly isTested: boolean;
  readonly isAnomalyDetected: boolean;
  readonly periodicityMinutes: number;
  /** Unix seconds. */
  readonly nextRunAfter: number;
  readonly timestamp: number;
  readonly moduleFile: string;
  readonly moduleFileMtime: number;
}

/** Minutes between two runs of a legacy promise. */
export const LEGACY_PERIODICITY_MINUTES = 2;

export function renderPromiseCache(cache: PromiseCache): string {
  return pythonJsonObject([
    ['is_tested', String(cache.isTested)],
    ['is_anomaly_detected', String(cache.isAnomalyDetected)],
    ['periodicity', String(cache.periodicityMinutes)],
    ['next_run_after', pythonFloat(cache.nextRunAfter)],
    ['timestamp', pythonFloat(cache.timestamp)],
    ['module_file', pythonJsonString(cache.moduleFile)],
    ['module_file_mtime', pythonFloat(cache.moduleFileMtime)],
  ]);
}

/** PATH_MAX of Linux. */
const MAX_PATH = 4096;

/** @returns undefined for text that is no such file. */
export function parsePromiseCache(text: string): PromiseCache | undefined {
  try {
    const data = JSON.parse(text) as Record<string, unknown>;
    const moduleFile = data['module_file'];
    const nextRunAfter = data['next_run_after'];
    if (!isNumber(nextRunAfter)) return undefined;
    if (typeof moduleFile !== 'string' || moduleFile.length > MAX_PATH) return undefined;
    return {
      isTested: data['is_tested'] !== false,
      isAnomalyDetected: data['is_anomaly_detected'] !== false,
      periodicityMinutes: readNumber(data['periodicity'], LEGACY_PERIODICITY_MINUTES),
      nextRunAfter,
      timestamp: readNumber(data['timestamp'], 0),
      moduleFile,
      moduleFileMtime: readNumber(data['module_file_mtime'], 0),
    };
  } catch {
    return undefined;
  }
}

function readNumber(value: unknown, otherwise: number): number {
  return isNumber(value) ? value : otherwise;
}

/** `1e999` is read as a number that no clock reaches. */
function isNumber(value: unknown): value is number {
  return Number.isFinite(value);
}
