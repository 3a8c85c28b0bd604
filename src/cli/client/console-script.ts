/** JavaScript of `console` that nobody types: a file, or what comes through standard input. */
import Module from 'node:module';
import { dirname, join, resolve } from 'node:path';
import { errorCode } from '../../errors/slapos-error.ts';
import type { Logger } from '../../log/logger.ts';
import { exitCodeOfSignal } from '../exit-code.ts';
import { renderFailure } from './script-failure.ts';

export interface ScriptRun {
  /** Path of the file, or `-`. */
  readonly script: string;
  readonly args: readonly string[];
  readonly cwd: string;
  readonly log: Logger;
  /** Show where in this program a failure came from too. */
  readonly isDebug: boolean;
}

/** What Node says of a module that waits for something that cannot come any more. */
const UNSETTLED = 13;

/**
 * Runs a file as Node runs a program: CommonJS or a module, with its words in `process.argv`, as
 * `require.main`. From then on the process is the script's: signals do what they do to any program,
 * and it ends when nothing is left to wait for, with `process.exitCode`.
 */
export function runScriptFile(run: ScriptRun): Promise<number> {
  const path = resolve(run.cwd, run.script);
  return runAs(run, run.script, path, () => Module.runMain(path));
}

/**
 * Runs a text as the body of an asynchronous function, so that `await` may stand anywhere, and as
 * CommonJS. The process is the script's, as for a file.
 */
export function runScriptText(run: ScriptRun, text: string): Promise<number> {
  const filename = join(run.cwd, '[stdin]');
  const name = run.script === '-' ? 'standard input' : run.script;
  const body = text.replace(/^#!/, '//');
  return runAs(run, name, run.script, () => {
    // A failure of the function is an unhandled rejection, which is an uncaught error.
    openModule(filename)._compile(`(async () => {${body}\n})()`, filename);
  });
}

/** The class under `require`, with what Node's own `-` and `-e` use of it. */
type CompilingModule = Module & { _compile(text: string, filename: string): unknown };

/** A module that requires and imports from the folder of a file that need not be there. */
function openModule(filename: string): CompilingModule {
  const module = new Module(filename) as CompilingModule;
  module.filename = filename;
  const { _nodeModulePaths: listPaths } = Module as unknown as {
    _nodeModulePaths(folder: string): string[];
  };
  module.paths = listPaths(dirname(filename));
  return module;
}

/** Gives the process to a script and starts it. It ends by itself: nobody waits for more. */
function runAs(run: ScriptRun, name: string, path: string, start: () => void): Promise<number> {
  const fail = (error: unknown) => {
    // The reader of standard output has gone.
    if (errorCode(error) === 'EPIPE') process.exit(exitCodeOfSignal('SIGPIPE'));
    run.log.error(describeFailure(name, error, run.isDebug), { event: 'console.script_failed' });
    process.exit(1);
  };
  process.argv = [process.execPath, path, ...run.args];
  for (const signal of ['SIGINT', 'SIGTERM']) process.removeAllListeners(signal);
  process.prependListener('uncaughtException', fail);
  try {
    start();
  } catch (error) {
    fail(error);
  }
  // After Node's own listener, which sets the status.
  process.once('exit', () => {
    if (process.exitCode !== UNSETTLED) return;
    run.log.error(`${name} waits for something that cannot come any more.`);
  });
  return new Promise(() => {});
}

const PYTHON_HINT =
  'A Python script is recognised by a name that ends in .py, or by its first line: #!/usr/bin/env python3';

function describeFailure(name: string, error: unknown, isDebug: boolean): string {
  const hint = error instanceof SyntaxError ? `\n${PYTHON_HINT}` : '';
  return `${name} failed: ${renderFailure(error, isDebug)}${hint}`;
}
