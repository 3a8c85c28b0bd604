/** One run of the command line: parse, log, check, load the command and run it. */
import type { Config } from '../config/config.ts';
import { chooseConfigPath } from '../config/path.ts';
import type { ParsedConfig } from '../config/read.ts';
import { describeRefusal } from '../errors/machine-refusal.ts';
import { errorMessage, isSlaposError, SlaposError } from '../errors/slapos-error.ts';
import { homeOf } from '../host/folder/home-of.ts';
import type { CommandSpec } from './command.ts';
import { CommandLineError, UnknownCommandError } from './command-line-error.ts';
import { createContext } from './context.ts';
import { exitCodeOf } from './exit-code.ts';
import { DEFAULT_SETTINGS, type GlobalSettings } from './global-options.ts';
import { renderCommandHelp, renderCommandList, renderGlobalHelp, renderUsage } from './help.ts';
import { createRunLog, type RunLog } from './log-setup.ts';
import { columnsOf } from './output.ts';
import { type Action, type ParsedLine, parseCommandLine } from './parse.ts';
import type { ProcessIo } from './process-io.ts';
import { checkRootAlways, checkRootConfigured } from './root-check.ts';
import { PACKAGE_VERSION, versionLine } from './version.ts';

type RunAction = Extract<Action, { readonly kind: 'run' }>;

/** Message, what to do about it, and the stable code: one line. */
export function describeError(error: unknown): string {
  if (!isSlaposError(error)) {
    return `${errorMessage(error) || 'Unknown error'} (this is a bug of slapos: run again with --debug and report it)`;
  }
  const hint = error.hint === undefined ? '' : ` (${error.hint.replace(/\.$/, '')})`;
  return `${error.message}${hint} [${error.code}]`;
}

/** The stack of an error and of its causes. */
function stackOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const cause = error.cause === undefined ? '' : `\nCaused by: ${stackOf(error.cause)}`;
  return `${error.stack ?? error.message}${cause}`;
}

function logFailure(thrown: unknown, log: RunLog, settings: GlobalSettings): void {
  const error = describeRefusal(thrown);
  const stack = settings.isDebug ? `\n${stackOf(error)}` : '';
  const fields = isSlaposError(error)
    ? { event: 'cli.failed', code: error.code, ...error.context }
    : { event: 'cli.bug' };
  const message = `${describeError(error)}${stack}`;
  if (error instanceof UnknownCommandError) log.logger.critical(error.message, fields);
  else if (exitCodeOf(error) === 10) log.logger.info(message, fields);
  else log.logger.error(message, fields);
}

/** An error that nobody caught, of a callback for instance. */
export function reportBug(io: ProcessIo, error: unknown): void {
  logFailure(error, createRunLog(DEFAULT_SETTINGS, io), {
    ...DEFAULT_SETTINGS,
    isDebug: io.argv.includes('--debug'),
  });
}

function showUsageError(error: CommandLineError, io: ProcessIo): number {
  const name = error.command === undefined ? 'slapos' : `slapos ${error.command.words}`;
  const usage = renderUsage(error.command, columnsOf(io.stderr, io.env));
  io.stderr.write(`${usage}\n${name}: error: ${error.message}\n`);
  return error.exitCode;
}

function showText(action: Exclude<Action, RunAction>, io: ProcessIo): number {
  const columns = columnsOf(io.stdout, io.env);
  if (action.kind === 'version') io.stdout.write(versionLine());
  else if (action.kind === 'global-help')
    io.stdout.write(renderGlobalHelp(PACKAGE_VERSION, columns));
  else if (action.kind === 'command-list') io.stdout.write(renderCommandList(columns));
  else io.stdout.write(renderCommandHelp(action.command, columns));
  return 0;
}

function notAvailable(command: CommandSpec): SlaposError {
  const message = `slapos ${command.words} is not available in this version yet.`;
  return new SlaposError('SLAPOS_ERR_NOT_AVAILABLE', message);
}

/** Tells about keys that nobody reads; they are no reason to stop. */
async function warnUnknownKeys(config: ParsedConfig, log: RunLog): Promise<void> {
  const { describeUnknownKey, listUnknownKeys } = await import('../config/check.ts');
  for (const unknown of listUnknownKeys(config)) {
    const fields = { event: 'config.unknown_key', ...unknown };
    log.logger.warning(describeUnknownKey(unknown, config.path), fields);
  }
}

/** Root check, configuration, root check of the configuration, in the order of spec/cli.md 4. */
async function prepareConfig(
  action: RunAction,
  log: RunLog,
  io: ProcessIo,
): Promise<{ readonly path: string; readonly config: Config }> {
  const { command } = action;
  const { emptyConfig, readConfig } = await import('../config/read.ts');
  if (command.configFamily === 'none') return { path: '', config: emptyConfig('') };
  const option = action.options['cfg'] as string | undefined;
  const path = chooseConfigPath({ family: command.configFamily, option, env: io.env, homeOf });
  if (command.isConfigOptional === true) return { path, config: emptyConfig(path) };
  const config = readConfig(path);
  const refusal = command.findRefusal?.(config);
  if (refusal !== undefined) throw refusal;
  checkRootConfigured(command, config, io.uid);
  await warnUnknownKeys(config, log);
  return { path, config };
}

async function runCommand(
  action: RunAction,
  settings: GlobalSettings,
  log: RunLog,
  io: ProcessIo,
): Promise<number> {
  const { command } = action;
  if (command.load === undefined) throw notAvailable(command);
  checkRootAlways(command, io.uid);
  const { path, config } = await prepareConfig(action, log, io);
  const { run } = await command.load();
  log.logger.debug(`Running ${command.words}`, { event: 'cli.started', command: command.words });
  const context = createContext({ action, settings, log, io, configPath: path, config });
  const status = await run(context);
  return status;
}

function isServer({ command, options }: RunAction): boolean {
  const { isServer: answer = false } = command;
  return typeof answer === 'boolean' ? answer : answer(options);
}

/** Runs a parsed action; a failure becomes one log line and an exit status. */
async function runAction(
  action: RunAction,
  settings: GlobalSettings,
  io: ProcessIo,
): Promise<number> {
  const log = createRunLog(settings, io);
  const isHeeded = action.command.isSignalHeeded === true;
  try {
    if (settings.logFile !== undefined) log.addFile(settings.logFile);
    const status = await runCommand(action, settings, log, io);
    const isCancelled = io.signal.aborted && !isHeeded && !isServer(action);
    return isCancelled ? exitCodeOf(io.signal.reason) : status;
  } catch (error) {
    if (!io.signal.aborted || (isHeeded && error !== io.signal.reason)) {
      logFailure(error, log, settings);
      return exitCodeOf(error);
    }
    log.logger.info(errorMessage(io.signal.reason), { event: 'cli.cancelled' });
    return exitCodeOf(io.signal.reason);
  } finally {
    log.close();
  }
}

/**
 * Runs a command line and returns the exit status. Never throws for a mistake of the user or a
 * failure of the command: those are shown on standard error.
 */
export async function runCommandLine(io: ProcessIo): Promise<number> {
  let line: ParsedLine;
  try {
    line = parseCommandLine(io.argv);
  } catch (error) {
    if (error instanceof CommandLineError) return showUsageError(error, io);
    if (!(error instanceof UnknownCommandError)) throw error;
    logFailure(error, createRunLog(DEFAULT_SETTINGS, io), DEFAULT_SETTINGS);
    return error.exitCode;
  }
  if (line.action.kind !== 'run') return showText(line.action, io);
  return await runAction(line.action, line.settings, io);
}
