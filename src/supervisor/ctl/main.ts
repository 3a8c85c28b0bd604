/** `supervisorctl`: one action given on the command line, or a shell. */
import { createInterface, type Interface } from 'node:readline/promises';
import { type ProcessInfo, SupervisorClient } from '../client.ts';
import { namespec } from '../spawn-plan.ts';
import { actionNames, runAction } from './actions.ts';
import { type CtlOptions, CtlUsageError, readCtlOptions } from './options.ts';
import type { CtlSession, CtlStreams } from './session.ts';

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

export interface CtlRun extends CtlStreams {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  readonly input: NodeJS.ReadableStream;
  readonly output: NodeJS.WritableStream;
  readonly isTerminal: boolean;
}

function newSession(
  run: CtlRun,
  options: CtlOptions,
  ask: (question: string) => Promise<string>,
): CtlSession {
  return {
    write: (text) => run.write(text),
    writeError: (text) => run.writeError(text),
    signal: run.signal,
    client: new SupervisorClient(options.target),
    isInteractive: options.isInteractive,
    exitStatus: 0,
    ask,
  };
}

/** Words that may follow what was typed so far. */
async function complete(client: SupervisorClient, text: string): Promise<[string[], string]> {
  const words = text.trimStart().split(/\s+/);
  const last = words.at(-1) ?? '';
  if (words.length <= 1) return [matching(actionNames(), last), last];
  try {
    const infos = await client.call<ProcessInfo[]>('supervisor.getAllProcessInfo');
    const groups = infos.map(({ group }) => group);
    const isGroupVerb = ['add', 'remove', 'update'].includes(words[0] ?? '');
    const names = isGroupVerb
      ? groups
      : [...infos.map(({ group, name }) => namespec(group, name)), ...groups.map((g) => `${g}:*`)];
    return [matching(names, last), last];
  } catch {
    return [[], last];
  }
}

function matching(names: readonly string[], start: string): string[] {
  return [...new Set(names)].filter((name) => name.startsWith(start)).sort();
}

/**
 * Lines of a terminal or a pipe, each given once to whoever asks next: the shell or a question.
 * A pipe may end before its lines were asked for, so they wait in memory.
 */
class LineReader {
  readonly #reader: Interface;
  readonly #lines: string[] = [];
  #waiter: ((line: string | undefined) => void) | undefined;
  #isClosed = false;

  constructor(run: CtlRun, client: () => SupervisorClient) {
    this.#reader = createInterface({
      input: run.input,
      output: run.output,
      terminal: run.isTerminal,
      completer: (text: string) => complete(client(), text),
    });
    this.#reader.on('line', (line) => this.#give(line));
    this.#reader.on('close', () => {
      this.#isClosed = true;
      if (this.#lines.length === 0) this.#give(undefined);
    });
  }

  /** The next line; undefined at the end. */
  next(prompt: string): Promise<string | undefined> {
    const waiting = this.#lines.shift();
    if (waiting !== undefined || this.#isClosed) {
      this.#showPrompt(prompt);
      return Promise.resolve(waiting);
    }
    return new Promise((resolve) => {
      this.#waiter = resolve;
      this.#showPrompt(prompt);
    });
  }

  close(): void {
    this.#reader.close();
  }

  #showPrompt(prompt: string): void {
    this.#reader.setPrompt(prompt);
    if (!this.#isClosed) this.#reader.prompt();
  }

  #give(line: string | undefined): void {
    const waiter = this.#waiter;
    this.#waiter = undefined;
    if (waiter !== undefined) waiter(line);
    else if (line !== undefined) this.#lines.push(line);
  }
}

/** Reads and runs lines until the end of input, `quit` or `exit`. */
async function runShell(run: CtlRun, options: CtlOptions): Promise<number> {
  const reader = new LineReader(run, () => session.client);
  const session = newSession(run, options, async (question) => (await reader.next(question)) ?? '');
  const prompt = `${options.prompt}> `;
  try {
    await runAction(session, options.words.length === 0 ? ['status'] : options.words);
    for (;;) {
      const text = await reader.next(prompt);
      if (text === undefined) {
        run.write('\n');
        return 0;
      }
      const words = text
        .trim()
        .split(/\s+/)
        .filter((word) => word !== '');
      if (['quit', 'exit', 'EOF'].includes(words[0] ?? '')) return 0;
      await runAction(session, words);
    }
  } finally {
    reader.close();
    session.client.close();
  }
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
  if (options.isInteractive) return runShell(run, options);
  const session = newSession(run, options, async () => '');
  await runAction(session, options.words);
  session.client.close();
  return session.exitStatus;
}
