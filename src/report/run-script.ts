/** Runs one script that a partition brought along, as its user and with an end in time and output. */
import { errorCode, errorMessage } from '../errors/slapos-error.ts';
import { childEnvironment } from '../grid/child-environment.ts';
import type { GridContext } from '../grid/context.ts';
import type { Partition } from '../instance/partition.ts';
import type { Logger } from '../log/logger.ts';

export interface PartitionScript {
  /** Absolute path first. */
  readonly argv: readonly string[];
  readonly cwd: string;
  /** Absent: no limit. */
  readonly timeoutMs?: number;
}

export interface ScriptOutcome {
  /** Why it counts as failed; undefined when it ended well. */
  readonly failure: string | undefined;
  readonly output: string;
}

/** More of one script would only fill the log of the node. */
const LOGGED_LINES = 1000;
const LOGGED_LENGTH = 2000;

/**
 * At the limit the script and its descendants are killed. A script that cannot be started has
 * failed.
 * @throws CancelledError when the pass is interrupted.
 */
export async function runPartitionScript(
  context: GridContext,
  { log, owner }: Partition,
  { argv, cwd, timeoutMs }: PartitionScript,
): Promise<ScriptOutcome> {
  try {
    const { isTimedOut, output, signal, status } = await context.host.run({
      argv,
      cwd,
      env: childEnvironment(context.env, { home: owner.home }),
      user: owner,
      onLine: logSomeLines(log, argv[0] ?? ''),
      signal: context.signal,
      ...(timeoutMs === undefined ? {} : { timeoutMs }),
    });
    const end = signal === 0 ? `exit status ${status}` : `killed by signal ${signal}`;
    if (isTimedOut) return { failure: timedOut(timeoutMs ?? 0), output };
    return { failure: status === 0 ? undefined : end, output };
  } catch (error) {
    if (errorCode(error) === 'SLAPOS_ERR_CANCELLED') throw error;
    return { failure: errorMessage(error), output: '' };
  }
}

function timedOut(timeoutMs: number): string {
  const seconds = Math.max(1, Math.round(timeoutMs / 1000));
  return `killed after ${seconds} s, see report_timeout in section [slapos]`;
}

function logSomeLines(log: Logger, program: string): (line: string) => void {
  let count = 0;
  return (line) => {
    count += 1;
    if (count <= LOGGED_LINES) log.info(line.slice(0, LOGGED_LENGTH));
    else if (count === LOGGED_LINES + 1) {
      log.warning(`${program} writes more than ${LOGGED_LINES} lines: the rest is not logged.`);
    }
  };
}
