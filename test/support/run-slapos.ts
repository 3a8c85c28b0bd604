/** Runs a command line inside the test process and records what it writes. */
import type { ProcessIo } from '../../src/cli/process-io.ts';
import { runCommandLine } from '../../src/cli/run.ts';
import { withStatusLine } from '../../src/cli/status-line.ts';
import type { TextStream } from '../../src/cli/stream.ts';

export interface RunResult {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

export type RunOptions = Partial<Pick<ProcessIo, 'env' | 'uid' | 'cwd' | 'signal'>> & {
  readonly isTerminal?: boolean;
};

/** The time of every record: the local time is the same in each time zone. */
export const TEST_TIME = new Date(2026, 0, 2, 3, 4, 5, 678);

function recordStream(isTerminal: boolean): TextStream & { text(): string } {
  let text = '';
  return {
    write: (more) => {
      text += more;
    },
    isTerminal: () => isTerminal,
    terminalColumns: () => undefined,
    text: () => text,
  };
}

/** Runs `slapos` with these words, as root unless told otherwise. */
export async function runSlapos(
  argv: readonly string[],
  options: RunOptions = {},
): Promise<RunResult> {
  const { isTerminal = false, ...given } = options;
  const stdout = recordStream(isTerminal);
  const stderr = recordStream(isTerminal);
  const status = await runCommandLine({
    argv,
    env: {},
    cwd: '/',
    pid: 42,
    uid: 0,
    stdout,
    stderr: withStatusLine(stderr),
    now: () => TEST_TIME,
    signal: new AbortController().signal,
    ...given,
  });
  return { status, stdout: stdout.text(), stderr: stderr.text() };
}
