/** Runs one JavaScript plugin to its end, in a process of its own, and reports it to the node. */
import { pathToFileURL } from 'node:url';
import { errorMessage } from '../errors/slapos-error.ts';
import { GenericPromise, isResult, type PromiseFacts } from './plugin-api.ts';
import { AnomalyResult, type BaseResult, TestResult } from './plugin-result.ts';
import { renderPromiseCache } from './promise-cache.ts';
import { limitMessage } from './promise-result.ts';

export interface PluginJob {
  readonly isAnomaly: boolean;
  readonly config: Readonly<Record<string, unknown>>;
  readonly plugin: { readonly name: string; readonly path: string };
}

export interface PluginPorts {
  /** Loads a module by its URL. */
  readonly load: (url: string) => Promise<unknown>;
  /** Tells the node. */
  readonly report: (report: Readonly<Record<string, unknown>>) => void;
  /** When the file of the plugin last changed, unix seconds. */
  readonly fileMtime: number;
  readonly now: () => number;
}

type Settings = Record<string, unknown>;

interface PluginModule {
  readonly RunPromise?: new (config: Settings) => GenericPromise;
  readonly extra_config_dict?: unknown;
}

const RESERVED = new Set([
  ...['path', 'name', 'log-folder', 'partition-folder', 'debug', 'promise-timeout', 'master-url'],
  ...['partition-cert', 'partition-key', 'partition-id', 'computer-id', 'queue'],
  'slapgrid-version',
]);
const MAX_TRACEBACK = 4000;

/** A plugin that cannot be loaded or constructed is reported as broken. */
export async function checkPlugin(job: PluginJob, ports: PluginPorts): Promise<void> {
  const { name } = job.plugin;
  const { report } = ports;
  report({ event: 'start', name });
  let promise: GenericPromise;
  try {
    promise = await openPromise(job, ports);
  } catch (error) {
    const stack = error instanceof Error ? (error.stack ?? error.message) : String(error);
    const first = errorMessage(error).split('\n', 1)[0];
    report({ event: 'broken', name, error: first, traceback: stack.slice(0, MAX_TRACEBACK) });
    return;
  }
  const facts = GenericPromise.factsOf(promise);
  report({ event: 'cache', name, text: renderCache(job, ports, facts) });
  const result = await checkOnce(promise, facts, job.isAnomaly);
  if (result === undefined) {
    report({ event: 'result', name, type: 'Empty Result', date: new Date(ports.now()) });
    return;
  }
  const { date, message } = result;
  const isAnomaly = job.isAnomaly && result.type() === 'Anomaly Result';
  report({
    event: 'result',
    name,
    type: result.type(),
    failed: result.hasFailed(),
    message: limitMessage(String(message ?? '')),
    date,
    wantsBang: isAnomaly && result.hasFailed() && facts.isBangAllowed,
  });
}

/** @throws Error saying which rule for plugins is broken. */
async function openPromise({ config, plugin }: PluginJob, { load }: PluginPorts) {
  const { extra_config_dict: extra = {}, RunPromise } = (await load(
    pathToFileURL(plugin.path).href,
  )) as PluginModule;
  if (typeof RunPromise !== 'function') {
    throw new Error(`Class RunPromise not found in promise ${plugin.name}`);
  }
  if (!(RunPromise.prototype instanceof GenericPromise)) {
    throw new Error('RunPromise class is not a subclass of GenericPromise class.');
  }
  if (typeof extra !== 'object' || extra === null || Array.isArray(extra)) {
    throw new Error('extra_config_dict is not an object.');
  }
  const reserved = Object.keys(extra).find((key) => RESERVED.has(key));
  if (reserved !== undefined) {
    throw new Error(`Extra parameter name '${reserved}' cannot be used.`);
  }
  const promise = new RunPromise({ ...config, ...extra, name: plugin.name, path: plugin.path });
  if (typeof promise.sense !== 'function') throw new Error('RunPromise has no method sense.');
  return promise;
}

function renderCache(job: PluginJob, ports: PluginPorts, facts: PromiseFacts): string {
  const now = ports.now() / 1000;
  const willRun = job.isAnomaly ? facts.isAnomalyDetected : facts.isTested;
  return renderPromiseCache({
    ...facts,
    nextRunAfter: willRun ? now + facts.periodicityMinutes * 60 : now,
    timestamp: now,
    moduleFile: job.plugin.path,
    moduleFileMtime: ports.fileMtime,
  });
}

/** @returns undefined when the promise does not take part in this mode. */
async function checkOnce(
  promise: GenericPromise,
  { isAnomalyDetected, isTested }: PromiseFacts,
  isAnomaly: boolean,
): Promise<BaseResult | undefined> {
  const Result = isAnomaly ? AnomalyResult : TestResult;
  if (!isTested && !isAnomalyDetected) {
    return new Result(true, "It's not allowed to disable both Test and Anomaly in promise!");
  }
  if (!(isAnomaly ? isAnomalyDetected : isTested)) return undefined;
  try {
    await promise.sense();
  } catch (error) {
    promise.logger.error(errorMessage(error));
  }
  try {
    const result = await (isAnomaly ? promise.anomaly() : promise.test());
    if (isResult(result)) return result;
    const method = isAnomaly ? 'anomaly' : 'test';
    return new Result(true, `Promise ${method} method returned '${String(result)}'`);
  } catch (error) {
    return new Result(true, errorMessage(error));
  }
}
