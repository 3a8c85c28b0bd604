/** `console` (spec/cli.md 6.6): dispatches to the console itself, JavaScript, or Python. */
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { text as readText } from 'node:stream/consumers';
import { UsageError } from '../../errors/slapos-error.ts';
import { type LineHistory, openLineHistory } from '../../host/log/line-history.ts';
import { Slap } from '../../slap/slap.ts';
import type { CommandContext, CommandHandler } from '../command.ts';
import { EXIT } from '../exit-code.ts';
import { type ConsoleGlobals, createGlobals, listAliasNames } from './console-globals.ts';
import { hasPythonShebang, readScriptBeginning } from './script-file.ts';
import { openSession } from './session.ts';

const STDIN = '-';

export const run: CommandHandler = async (context) => {
  const [script, ...args] = context.positionals;
  const isFile = script !== undefined && script !== STDIN;
  if (isFile && isPythonScript(resolve(context.cwd, script))) {
    const { runPythonScript } = await import('./console-python.ts');
    return runPythonScript(context);
  }
  for (const shell of ['ipython', 'bpython', 'python']) {
    if (context.options[shell] === true) context.log.info(`${shell} ${NO_PYTHON}`);
  }
  const session = openSession(context);
  const { masterUrl, masterRestUrl, keyFile, certFile, caFile, isTlsVerified } = session.options;
  const slap = new Slap({ masterUrl, masterRestUrl, keyFile, certFile, caFile, isTlsVerified });
  const globals = createGlobals(slap, session, context);
  if (script !== undefined || process.stdin.isTTY !== true) {
    return runJavaScript(script ?? STDIN, args, globals, context);
  }
  try {
    return await converse(globals, context);
  } finally {
    // Whoever leaves does not wait for calls that are under way.
    await Promise.all([slap.abort(), session.master.connection.abort()]);
  }
};

const NO_PYTHON = 'is no shell of this console: using the JavaScript shell';

/** By its name or its first line. */
function isPythonScript(path: string): boolean {
  const beginning = readScriptBeginning(path);
  return path.endsWith('.py') || hasPythonShebang(beginning ?? '');
}

async function runJavaScript(
  script: string,
  args: readonly string[],
  globals: ConsoleGlobals,
  { cwd, log, isDebug }: CommandContext,
): Promise<number> {
  const { runScriptFile, runScriptText } = await import('./console-script.ts');
  defineGlobals({ ...globals, exit: (status = 0) => process.exit(status) });
  const run = { script, args, cwd, log, isDebug };
  const path = resolve(cwd, script);
  if (script !== STDIN && readScriptBeginning(path) !== undefined) return runScriptFile(run);
  const text = script === STDIN ? await readText(process.stdin) : readFileSync(path, 'utf8');
  if (!hasPythonShebang(text)) return runScriptText(run, text);
  const message = 'A Python script cannot be read from a pipe: name its file.';
  throw new UsageError('SLAPOS_ERR_USAGE', message, { exitCode: 1 });
}

async function converse(globals: ConsoleGlobals, context: CommandContext): Promise<number> {
  const { runRepl } = await import('./console-repl.ts');
  const exit = { status: 0, end: () => {} };
  defineGlobals({
    ...globals,
    exit(status = 0) {
      exit.status = Number.isInteger(status) ? status : EXIT.failure;
      exit.end();
    },
  });
  const { env, output, signal } = context;
  const history = openHistory(env);
  const banner = renderBanner(globals);
  return runRepl({ history, hasColors: output.hasColors, banner, signal }, exit);
}

type Defined = ConsoleGlobals & { readonly exit: (status?: number) => void };

/** Aliases come last, since they take no name that is in use. */
function defineGlobals(globals: Defined): void {
  const define = ([name, value]: readonly [string, unknown]) => {
    const property = { value, writable: true, configurable: true, enumerable: true };
    Object.defineProperty(globalThis, name, property);
  };
  Object.entries(globals).forEach(define);
  for (const name of listAliasNames(globals.aliases)) define([name, globals.aliases[name]]);
}

/** Beside that of supervisorctl; upstream's `~/.slapconsolehistory` holds Python and stays as it is. */
function openHistory({ XDG_STATE_HOME: state, HOME: home }: CommandContext['env']): LineHistory {
  const folder = state?.startsWith('/') === true ? state : home && join(home, '.local', 'state');
  return folder?.startsWith('/') === true
    ? openLineHistory(join(folder, 'slapos', 'console-history'))
    : { load: async () => [], append: async () => {} };
}

function renderBanner({ aliases, slap }: ConsoleGlobals): string {
  const names = Object.keys(aliases);
  return `This is the JavaScript console of SlapOS, on the Master at ${slap.masterUrl}

  slap                                     the connected library
  request(software, title, parameters, type, filter, state, isShared)
  supply(software, computer)               remove(software, computer)
  computer(reference)                      getInformation(title)
  product.NAME                             the best release of a product
  aliases                                  ${names.length === 0 ? 'none configured' : names.join(', ')}

Results are waited for; keep one with: const answer = await request(...)
Tab completes, .globals shows this again, .help the commands, .exit or exit(status) ends it.`;
}
