import type { StatusStream } from './status-line.ts';
import type { TextStream } from './stream.ts';

/** Everything of the process that a run of the command line touches. */
export interface ProcessIo {
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  readonly pid: number;
  readonly uid: number;
  readonly stdout: TextStream;
  readonly stderr: StatusStream;
  readonly now: () => Date;
  /** Aborted by SIGINT, SIGTERM and a closed standard output; the reason is a CancelledError. */
  readonly signal: AbortSignal;
}
