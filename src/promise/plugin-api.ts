/** The base class of JavaScript plugins: the contract of Python's (docs/promises.md). */
import { appendPlainLog, readPlainEnd } from '../host/log/plain-log.ts';
import { AnomalyResult, type BaseResult, TestResult } from './plugin-result.ts';
import {
  judgeRuns,
  type LogLevel,
  type LogLine,
  parseLogRuns,
  renderLogEntry,
  transactionId,
} from './promise-log.ts';
import { promiseTitle } from './promise-result.ts';

type Setting = unknown;
type Settings = Record<string, Setting>;

export interface PluginLogger {
  debug(message: string): void;
  info(message: string): void;
  warning(message: string): void;
  error(message: string): void;
  critical(message: string): void;
}

const HISTORY_BYTES = 4 * 1024 * 1024;
const DEFAULT_PERIODICITY_MINUTES = 2;

/** What the runner asks of a promise besides its checks. */
export interface PromiseFacts {
  readonly isTested: boolean;
  readonly isAnomalyDetected: boolean;
  readonly isBangAllowed: boolean;
  readonly periodicityMinutes: number;
}

export abstract class GenericPromise {
  readonly logger: PluginLogger;
  readonly #settings: Map<string, Setting>;
  readonly #name: string;
  readonly #path: string;
  readonly #partitionFolder: string;
  readonly #logFolder: string;
  #isTested = true;
  #isAnomalyDetected = true;
  #isBangAllowed = true;
  #periodicityMinutes = DEFAULT_PERIODICITY_MINUTES;

  /** @throws Error without name, path and folders. */
  constructor(given: Settings) {
    const settings = { ...given };
    this.#name = takeText(settings, 'name');
    this.#path = takeText(settings, 'path');
    this.#partitionFolder = takeText(settings, 'partition-folder');
    this.#logFolder = takeText(settings, 'log-folder');
    const isDebug = take(settings, 'debug') === true;
    this.#isBangAllowed = String(take(settings, 'bang-on-failure') ?? true) !== 'false';
    this.setPeriodicity(Number(take(settings, 'periodicity') ?? DEFAULT_PERIODICITY_MINUTES));
    this.#settings = new Map(Object.entries(settings));
    this.logger = openLogger(this.getLogFile(), isDebug);
  }

  /** Looks at the service and logs what it finds; ERROR and CRITICAL mean failure. */
  abstract sense(): unknown;

  test(): unknown {
    return this._test();
  }

  anomaly(): unknown {
    return this._anomaly();
  }

  /** Judges on the last `resultCount` runs, if `latestMinute` is given not older than that. */
  _test(resultCount = 1, failureAmount = 1, latestMinute = 0): TestResult {
    const { hasFailed, message } = this.#judge(resultCount, failureAmount, latestMinute);
    return new TestResult(hasFailed, message);
  }

  _anomaly(resultCount = 1, failureAmount = 1, latestMinute = 0): AnomalyResult {
    const { hasFailed, message } = this.#judge(resultCount, failureAmount, latestMinute);
    return new AnomalyResult(hasFailed, message);
  }

  #judge(resultCount: number, failureAmount: number, latestMinute: number) {
    return judgeRuns(this.#runs(resultCount, latestMinute), resultCount, failureAmount);
  }

  #runs(resultCount: number, latestMinute: number): ReadonlyArray<readonly LogLine[]> {
    const parts = [this.getLogFile(), `${this.getLogFile()}.1`];
    const all = parts.flatMap((path) => parseLogRuns(readPlainEnd(path, HISTORY_BYTES)));
    const oldestMs = latestMinute === 0 ? 0 : Date.now() - latestMinute * 60_000;
    const end = all.findIndex((run) => new Date(run.at(-1)?.date ?? 0).getTime() <= oldestMs);
    return (end < 0 ? all : all.slice(0, end)).slice(0, resultCount);
  }

  /** Lines of the last runs, the newest run first; of failures only, runs may be empty. */
  getLastPromiseResultList(latestMinute = 0, resultCount = 1, onlyFailure = false) {
    return this.#runs(resultCount, latestMinute).map((run) =>
      run
        .filter(({ level }) => !onlyFailure || level === 'ERROR' || level === 'CRITICAL')
        .map(({ date, level, message }) => ({ date: new Date(date), status: level, message })),
    );
  }

  getConfig(key: string, otherwise: Setting = null): Setting {
    return this.#settings.has(key) ? this.#settings.get(key) : otherwise;
  }

  setConfig(key: string, value: Setting): void {
    this.#settings.set(key, value);
  }

  /** @param minutes a positive number, not necessarily whole */
  setPeriodicity(minutes: number): void {
    if (!(minutes > 0))
      throw new Error(`The periodicity must be more than 0 minutes, not ${minutes}.`);
    this.#periodicityMinutes = minutes;
  }

  getPeriodicity(): number {
    return this.#periodicityMinutes;
  }

  setTestLess(): void {
    this.#isTested = false;
  }

  setAnomalyLess(): void {
    this.#isAnomalyDetected = false;
  }

  isTested(): boolean {
    return this.#isTested;
  }

  isAnomalyDetected(): boolean {
    return this.#isAnomalyDetected;
  }

  allowBang(isAllowed = true): void {
    this.#isBangAllowed = isAllowed;
  }

  getTitle(): string {
    return promiseTitle(this.#name);
  }

  getName(): string {
    return this.#name;
  }

  getPromiseFile(): string {
    return this.#path;
  }

  getPartitionFolder(): string {
    return this.#partitionFolder;
  }

  getLogFolder(): string {
    return this.#logFolder;
  }

  getLogFile(): string {
    return `${this.#logFolder}/${this.getTitle()}.log`;
  }

  /** Apart from the methods, which a plugin may override. */
  static factsOf(promise: GenericPromise): PromiseFacts {
    return {
      isTested: promise.#isTested,
      isAnomalyDetected: promise.#isAnomalyDetected,
      isBangAllowed: promise.#isBangAllowed,
      periodicityMinutes: promise.#periodicityMinutes,
    };
  }
}

/** Takes one value out, so that `getConfig` does not see it. */
function take(settings: Settings, key: string): Setting {
  const value = settings[key];
  delete settings[key];
  return value;
}

function takeText(settings: Settings, key: string): string {
  const value = take(settings, key);
  if (typeof value === 'string') return value;
  throw new Error(`A promise needs ${key} in its configuration.`);
}

function openLogger(path: string, isDebug: boolean): PluginLogger {
  const transaction = transactionId(Date.now(), Math.random());
  const at = (level: LogLevel) => (message: string) =>
    appendPlainLog(path, renderLogEntry(new Date(), level, transaction, String(message)));
  return {
    debug: isDebug ? at('DEBUG') : () => {},
    info: at('INFO'),
    warning: at('WARNING'),
    error: at('ERROR'),
    critical: at('CRITICAL'),
  };
}

/** What a check gave, whichever copy of the classes made it. */
export function isResult(value: unknown): value is BaseResult {
  const result = (value ?? {}) as Partial<BaseResult>;
  return typeof result.hasFailed === 'function' && typeof result.type === 'function';
}
