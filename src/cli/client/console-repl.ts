/** The console that a person types into: Node's REPL with the names of SLAP. */
import { type REPLServer, start } from 'node:repl';
import { inspect, types } from 'node:util';
import { isSlaposError } from '../../errors/slapos-error.ts';
import type { LineHistory } from '../../host/log/line-history.ts';
import { renderFailure, renderMessage } from './script-failure.ts';

export interface ReplRun {
  readonly history: LineHistory;
  readonly hasColors: boolean;
  /** Said at the start and by `.globals`. */
  readonly banner: string;
  /** Ends the console. */
  readonly signal: AbortSignal;
}

/** A console that was told with which status to end. */
export interface ReplExit {
  status: number;
  end: () => void;
}

const HISTORY_LINES = 1000;

/**
 * Runs the console on standard input and output until it is left.
 * @param exit `end` is set here, for the global `exit(status)`
 * @returns the exit status.
 */
export async function runRepl(run: ReplRun, exit: ReplExit): Promise<number> {
  process.stdout.write(`${run.banner}\n`);
  const lines = await run.history.load();
  // While there is a listener, Ctrl-C in an endless loop kills the process instead of the loop.
  process.removeAllListeners('SIGINT');
  const options = {
    prompt: 'slapos> ',
    // Values of scripts and of the library are then of the same kinds: an Array is an Array.
    useGlobal: true,
    ignoreUndefined: true,
    breakEvalOnSigint: true,
    // A line that nobody has entered does nothing, not even to show what it would give.
    preview: false,
    useColors: run.hasColors,
    writer: (value: unknown) => renderResult(value, run.hasColors),
    historySize: HISTORY_LINES,
  };
  const server = start(options);
  awaitResults(server);
  const historyKept = keepHistory(server, lines, run.history);
  server.defineCommand('globals', {
    help: 'Tell what this console has',
    action() {
      this.output.write(`${run.banner}\n`);
      this.displayPrompt();
    },
  });
  exit.end = () => server.close();
  run.signal.addEventListener('abort', exit.end, { once: true });
  await new Promise((resolve) => server.once('exit', resolve));
  await historyKept();
  return exit.status;
}

const PENDING = Symbol.for('slapos.console.pending');

/** A result that is a promise is waited for, and Ctrl-C ends the waiting. */
function awaitResults(server: REPLServer): void {
  const evaluate = server.eval;
  // @ts-expect-error: the property is read-only in the types, yet the REPL calls what it holds.
  server.eval = (code, context, file, done) => {
    evaluate.call(server, code, context, file, (error, result: unknown) => {
      // What completion evaluates is no line.
      const isWaited = code.endsWith('\n') && types.isPromise(result);
      if (error !== null || !isWaited) return done(error, result);
      Object.defineProperty(globalThis, PENDING, { value: result, configurable: true });
      const wait = `await globalThis[Symbol.for('${PENDING.description}')]\n`;
      evaluate.call(server, wait, context, file, done);
    });
  };
}

/**
 * Fills the list that the arrow keys walk, newest first, and adds to the file what is typed.
 * @returns resolves once everything that was typed is kept.
 */
function keepHistory(
  server: REPLServer,
  lines: readonly string[],
  history: LineHistory,
): () => Promise<void> {
  const { history: list } = server as unknown as { readonly history: string[] };
  list.push(...lines.toReversed());
  let kept = Promise.resolve();
  server.on('line', (line: string) => {
    // As in shells, what begins with a blank is not for the file: secrets of parameters.
    if (/^\s/.test(line)) return;
    // A history is no more than a comfort.
    kept = kept.then(() => history.append(line)).catch(() => undefined);
  });
  return () => kept;
}

function renderResult(value: unknown, hasColors: boolean): string {
  if (isSlaposError(value)) return renderMessage(value);
  if (value instanceof Error) return renderFailure(value);
  return inspect(value, { colors: hasColors, depth: 5 });
}
