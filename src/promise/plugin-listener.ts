/** Hears the runners of plugins and keeps what they tell: scheduling, results, broken plugins. */
import { errorMessage } from '../errors/slapos-error.ts';
import type { GridContext } from '../grid/context.ts';
import type { PromiseCheck } from './check.ts';
import type { ObservedPromise } from './observe.ts';
import { parsePromiseCache } from './promise-cache.ts';
import { appendLog, saveResult, writeCache } from './promise-files.ts';
import { type PromiseResult, roundExecutionSeconds } from './promise-result.ts';
import { timeoutMessage } from './run-executable.ts';
import {
  type BrokenReport,
  type EndReport,
  parseRunnerReport,
  type ResultReport,
  type RunnerReport,
} from './runner-report.ts';
import { generatedResult } from './schedule.ts';

/** How a plugin ended; `result` is undefined when it does not take part in this mode. */
export interface PluginEnd {
  readonly promise: ObservedPromise;
  readonly result: PromiseResult | undefined;
  readonly wantsBang: boolean;
  readonly usedEggs: boolean;
  /** What kept its files from being written. */
  readonly error: unknown;
}

export interface PluginListener {
  /** Hears a line of the runner. */
  hear(line: string): void;
  /** Hears a line that a plugin printed. */
  hearOutput(line: string): void;
  isReady(): boolean;
  /** Ends what the runner left open, and waits until all is written. */
  end(isTimedOut: boolean): Promise<readonly PluginEnd[]>;
  /** The end of what was printed, for when the runner does not start. */
  lastOutput(): string;
}

interface Hearing {
  readonly promise: ObservedPromise;
  readonly startedMs: number;
  /** Writes in their order. */
  work: Promise<unknown>;
  result: ResultReport | undefined;
  broken: BrokenReport | undefined;
  end: Promise<PluginEnd> | undefined;
}

const NO_OUTPUT = 'Error: No output returned by the promise';
/** What plugins may print into our log in one launch, in characters. */
const OUTPUT_LIMIT = 1024 * 1024;
const MAX_CACHE = 8192;

export function listenToPlugins(
  context: GridContext,
  check: PromiseCheck,
  promises: readonly ObservedPromise[],
): PluginListener {
  const hearings = new Map(
    promises.map((promise) => [promise.name, startHearing(promise)] as const),
  );
  const output = limitOutput(check);
  let isReady = false;
  const finish = (hearing: Hearing, report: EndReport) => {
    hearing.end ??= hearing.work.then(() => settle(context, check, hearing, report));
  };
  const take = (report: RunnerReport): void => {
    if (report.event === 'ready') {
      isReady = true;
      return;
    }
    const hearing = hearings.get(report.name);
    if (hearing === undefined || hearing.end !== undefined) return;
    if (report.event === 'start') check.log.info(`Checking promise ${report.name}...`);
    if (report.event === 'cache') keepCache(context, check, hearing, report.text);
    if (report.event === 'result') hearing.result = report;
    if (report.event === 'broken') hearing.broken = report;
    if (report.event === 'end') finish(hearing, report);
  };
  return {
    hear(line) {
      const report = parseRunnerReport(line);
      if (report === undefined) output.hear(line);
      else take(report);
    },
    hearOutput: output.hear,
    isReady: () => isReady,
    lastOutput: output.last,
    async end(isTimedOut) {
      for (const hearing of hearings.values()) {
        const seconds = (performance.now() - hearing.startedMs) / 1000;
        const name = hearing.promise.name;
        finish(hearing, { event: 'end', name, isTimedOut, seconds, usedEggs: false });
      }
      const ends = [...hearings.values()].map(({ end }) => end);
      return Promise.all(ends.filter((end) => end !== undefined));
    },
  };
}

function startHearing(promise: ObservedPromise): Hearing {
  const [result, broken, end] = [undefined, undefined, undefined];
  return { promise, startedMs: performance.now(), work: Promise.resolve(), result, broken, end };
}

/** What plugins print becomes lines of our log, so much and no more. */
function limitOutput({ log, partitionId }: PromiseCheck) {
  let left = OUTPUT_LIMIT;
  let last = '';
  return {
    hear: (line: string) => {
      last = line === '' ? last : line;
      if (left <= 0) return;
      left -= line.length + 1;
      log.info(
        left > 0 ? line : `The promises of ${partitionId} print too much: the rest is left out.`,
      );
    },
    last: () => last,
  };
}

function keepCache(
  context: GridContext,
  check: PromiseCheck,
  hearing: Hearing,
  text: string,
): void {
  if (text.length > MAX_CACHE || parsePromiseCache(text) === undefined) return;
  hearing.work = hearing.work.then(() =>
    writeCache(context, check, hearing.promise.title, text).catch((error: unknown) => {
      check.log.warning(`${errorMessage(error)} The promise is due again at once.`);
    }),
  );
}

async function settle(
  context: GridContext,
  check: PromiseCheck,
  hearing: Hearing,
  report: EndReport,
): Promise<PluginEnd> {
  const { promise } = hearing;
  const wantsBang = hearing.result?.wantsBang === true && !report.isTimedOut;
  const facts = { promise, wantsBang, usedEggs: report.usedEggs && hearing.broken === undefined };
  try {
    if (hearing.broken !== undefined) await explainBroken(context, check, promise, hearing.broken);
    const result = judge(context, check, hearing, report);
    if (result === undefined) return { ...facts, result, error: undefined };
    const saved = await saveResult(context, check, promise, result, check.log);
    return { ...facts, result: saved, error: undefined };
  } catch (error) {
    return { ...facts, result: undefined, error };
  }
}

async function explainBroken(
  context: GridContext,
  check: PromiseCheck,
  { name, title }: ObservedPromise,
  { error, traceback }: BrokenReport,
): Promise<void> {
  check.log.warning(`Promise ${name} could not be loaded: ${error} (see its log).`, {
    event: 'promise.broken',
    partition: check.partitionId,
    promise: name,
  });
  // No failure level: a later run that logs nothing would be judged on it.
  await appendLog(context, check, title, 'WARNING', traceback);
}

/** @returns undefined when nothing is to be saved. */
function judge(
  context: GridContext,
  check: PromiseCheck,
  { promise, result }: Hearing,
  report: EndReport,
): Omit<PromiseResult, 'title' | 'name' | 'path'> | undefined {
  const timeoutSeconds = context.options.promiseTimeoutSeconds;
  if (report.isTimedOut || result === undefined) {
    const message = report.isTimedOut ? timeoutMessage(timeoutSeconds) : NO_OUTPUT;
    const executionSeconds = report.isTimedOut
      ? timeoutSeconds
      : roundExecutionSeconds(report.seconds * 1000);
    const verdict = generatedResult(check.mode, promise.saved, message);
    return { ...verdict, executionSeconds, date: context.now() };
  }
  const { date, failed, message, type } = result;
  if (type === 'Empty Result') return undefined;
  const executionSeconds = roundExecutionSeconds(report.seconds * 1000);
  return { type, hasFailed: failed, message, date, executionSeconds };
}
