/** `supervisorctl`: one action given on the command line, or a shell. */
import { join } from 'node:path';
import { type LineHistory, openLineHistory } from '../../host/log/line-history.ts';
import { type CtlOptions, CtlUsageError, readCtlOptions } from './options.ts';
import type { CtlRun } from './session.ts';
import { Shell } from './shell.ts';

const USAGE_STATUS = 2;

const USAGE = `supervisorctl -- control applications run by supervisord from the cmd line.

Usage: supervisorctl [options] [action [arguments]]

Options:
-c/--configuration FILENAME -- configuration file path
-h/--help -- print usage message and exit
-i/--interactive -- start an interactive shell after executing commands
-s/--serverurl URL -- URL on which supervisord server is listening
-u/--username USERNAME -- username to use for authentication with server
-p/--password PASSWORD -- password to use for authentication with server
-r/--history-file -- keep a readline history

action [arguments] -- see "help" of the shell
`;

/** Where typed lines are kept when no file is configured; undefined for nowhere. */
function defaultHistoryFile(env: CtlRun['env']): string | undefined {
  const { XDG_STATE_HOME: state, HOME: home } = env;
  const folder = state?.startsWith('/') === true ? state : home && join(home, '.local', 'state');
  return folder?.startsWith('/') === true
    ? join(folder, 'slapos', 'supervisorctl-history')
    : undefined;
}

const NO_HISTORY: LineHistory = { load: async () => [], append: async () => {} };

function historyOf(run: CtlRun, options: CtlOptions): LineHistory {
  const path = options.historyFile ?? defaultHistoryFile(run.env);
  return run.isTerminal && path !== undefined ? openLineHistory(path) : NO_HISTORY;
}

/** Runs supervisorctl and resolves to its exit status. */
export async function runSupervisorctl(argv: readonly string[], run: CtlRun): Promise<number> {
  let options: CtlOptions;
  try {
    options = readCtlOptions(argv, run.env, run.cwd);
  } catch (error) {
    if (!(error instanceof CtlUsageError)) throw error;
    run.writeError(`Error: ${error.message}\nFor help, use supervisorctl -h\n`);
    return USAGE_STATUS;
  }
  if (options.isHelp) {
    run.write(USAGE);
    return 0;
  }
  const shell = await Shell.open(run, options, historyOf(run, options));
  try {
    return options.isInteractive ? await shell.runAll() : await shell.runOne();
  } finally {
    shell.close();
  }
}
