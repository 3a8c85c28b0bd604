/** Runs plugins as the partition's user: all Python ones in one runner, each JavaScript one alone. */
import { errorMessage, SlaposError } from '../errors/slapos-error.ts';
import { mapBounded } from '../grid/bounded.ts';
import { childEnvironment } from '../grid/child-environment.ts';
import type { GridContext } from '../grid/context.ts';
import { readJavascriptRunner, readPythonRunner } from '../host/package/runner-files.ts';
import { isOver, type PromiseCheck, type PromiseLaunch } from './check.ts';
import { readEggNames, rememberEggNames } from './egg-memory.ts';
import { findPluginPython } from './find-python.ts';
import { type ObservedPromise, PLUGIN_FOLDER, STATE_FOLDER } from './observe.ts';
import { listenToPlugins, type PluginEnd, type PluginListener } from './plugin-listener.ts';
import { rotateLog } from './promise-files.ts';

/** How many promises of one kind a partition runs at a time: most of them wait for something. */
export const PARALLEL = 4;
/** A plugin may be tried with each library; then it has this long to obey a signal and be killed. */
const ATTEMPTS = 2;
const END_SECONDS = 3;
const START_SECONDS = 10;
const GRACE_MS = 1000;

/** Modules of the Python runner in the order in which they are loaded; the last one is started. */
const PYTHON_MODULES = {
  node_promise_log: 'promise_log.py',
  node_promise_finder: 'finder.py',
  node_promise_processes: 'processes.py',
  node_promise_plugin: 'plugin.py',
  node_promise_runner: 'runner.py',
};
/** What plugins import, by its name for them. */
const PYTHON_SERVED = {
  'slapos.grid.promise': 'library.py',
  'slapos.grid.promise.generic': 'generic.py',
  'slapos.grid.promise.interface': 'interface.py',
  'zope.interface': 'stand_in.py',
};

/** Runs the program that comes through standard input. */
const JAVASCRIPT_START = `
const job = JSON.parse(require('node:fs').readFileSync(0, 'utf8'));
const runner = { exports: {} };
new Function('module', 'exports', 'require', job.program.text)(runner, runner.exports, require);
runner.exports.runPlugin(job, (url) => import(url));
`;

interface RunnerStart {
  readonly argv: readonly [string, ...string[]];
  readonly input: string;
  readonly timeoutMs: number;
  readonly graceMs?: number;
}

/** @throws SlaposError SLAPOS_ERR_PROMISE_RUNNER when the runner itself does not run. */
export async function runPythonPlugins(
  context: GridContext,
  check: PromiseLaunch,
  promises: readonly ObservedPromise[],
): Promise<readonly PluginEnd[]> {
  if (isOver(check)) return giveUp(context, check, promises);
  const python = await findPluginPython(context, check.softwarePath);
  const eggNames = await readEggNames(context, check.softwarePath);
  for (const { title } of promises) await rotateLog(check, title);
  const seconds = context.options.promiseTimeoutSeconds;
  const leftSeconds = Math.max(0, check.deadlineMs - performance.now()) / 1000;
  const job = {
    ...describeJob(context, check),
    plugins: promises.map(({ name, path }) => ({ name, path, needsEggs: eggNames.has(name) })),
    modules: await readPrograms('name', PYTHON_MODULES),
    served: await readPrograms('serves', PYTHON_SERVED),
    parallel: PARALLEL,
    timeoutSeconds: seconds,
    totalSeconds: leftSeconds,
  };
  const roundSeconds = ATTEMPTS * (seconds + END_SECONDS);
  const rounds = Math.ceil(promises.length / PARALLEL);
  const longestSeconds = Math.min(rounds * roundSeconds, leftSeconds + roundSeconds);
  const ends = await runRunner(context, check, promises, {
    argv: [python, '-c', (await readPythonRunner('start.py')).text],
    input: JSON.stringify(job),
    timeoutMs: (START_SECONDS + longestSeconds) * 1000,
  });
  await rememberEggNames(context, check, eggNames, ends);
  return ends;
}

/** Each in a process of its own, which is this version of Node. */
export async function runJavascriptPlugins(
  context: GridContext,
  check: PromiseLaunch,
  promises: readonly ObservedPromise[],
): Promise<readonly PluginEnd[]> {
  const program = await readJavascriptRunner();
  const job = describeJob(context, check);
  const ends = await mapBounded(promises, PARALLEL, async (promise) => {
    if (isOver(check)) return giveUp(context, check, [promise]);
    const { name, path, title } = promise;
    await rotateLog(check, title);
    return runRunner(context, check, [promise], {
      argv: [process.execPath, '-e', JAVASCRIPT_START],
      input: JSON.stringify({ ...job, program, plugin: { name, path } }),
      timeoutMs: context.options.promiseTimeoutSeconds * 1000,
      graceMs: GRACE_MS,
    });
  });
  return ends.flat();
}

/** For plugins whose turn does not come: without a runner all of them count as timed out. */
function giveUp(
  context: GridContext,
  check: PromiseCheck,
  promises: readonly ObservedPromise[],
): Promise<readonly PluginEnd[]> {
  return listenToPlugins(context, check, promises).end(true);
}

/** What both runners are told. */
function describeJob({ isDebug = false, options }: GridContext, check: PromiseCheck) {
  const { path } = check.folder;
  return {
    pluginFolder: `${path}/${PLUGIN_FOLDER}`,
    isAnomaly: check.mode === 'anomaly',
    config: {
      'log-folder': `${path}/${STATE_FOLDER}/log`,
      'partition-folder': path,
      debug: isDebug,
      'promise-timeout': options.promiseTimeoutSeconds,
      'master-url': options.masterUrl,
      'partition-cert': check.certFile ?? '',
      'partition-key': check.keyFile ?? '',
      'partition-id': check.partitionId,
      'computer-id': options.computerId,
      // Plugins compare it with versions of slapos.core.
      'slapgrid-version': '1.24.0',
    },
  };
}

async function readPrograms<Key extends string>(key: Key, files: Readonly<Record<string, string>>) {
  return Promise.all(
    Object.entries(files).map(async ([name, file]) => ({
      [key]: name,
      ...(await readPythonRunner(file)),
    })),
  );
}

async function runRunner(
  context: GridContext,
  check: PromiseCheck,
  promises: readonly ObservedPromise[],
  start: RunnerStart,
): Promise<readonly PluginEnd[]> {
  const { env, host, options, signal } = context;
  const listener = listenToPlugins(context, check, promises);
  let failure: string;
  let isTimedOut = false;
  try {
    const outcome = await host.run({
      ...start,
      cwd: check.folder.path,
      env: childEnvironment(env, { home: check.owner.home, instanceRoot: options.instanceRoot }),
      user: check.owner,
      signal,
      onLine: listener.hearOutput,
      onErrorLine: listener.hear,
    });
    failure = describeEnd(outcome.status, outcome.signal);
    isTimedOut = outcome.isTimedOut;
  } catch (error) {
    if ((error as { code?: unknown }).code !== 'SLAPOS_ERR_SPAWN') throw error;
    failure = errorMessage(error);
  }
  if (!listener.isReady() && !isTimedOut) throw runnerError(start.argv[0], failure, listener);
  return listener.end(isTimedOut);
}

function describeEnd(status: number, signal: number): string {
  return signal === 0 ? `it ended with status ${status}` : `signal ${signal} ended it`;
}

function runnerError(program: string, failure: string, listener: PluginListener): SlaposError {
  const said = listener.lastOutput();
  return new SlaposError(
    'SLAPOS_ERR_PROMISE_RUNNER',
    `The plugin promises could not be run by ${program}: ${failure}${said === '' ? '' : `, saying: ${said}`}.`,
    { hint: `Try \`${program} --version\` as the user of the partition.`, context: { program } },
  );
}
