/**
 * The process around a run: streams, signals, and the only process.exit. The commands are loaded
 * after `--version` was answered, since most of the start-up time is reading code.
 */
import { CancelledError } from '../errors/slapos-error.ts';
import { enterWorkingFolder } from '../host/folder/working-folder.ts';
import { exitCodeOf, exitCodeOfSignal } from './exit-code.ts';
import type { ProcessIo } from './process-io.ts';
import { withStatusLine } from './status-line.ts';
import { openStream } from './stream.ts';
import { versionLine } from './version.ts';

/** Ends the process and leaves no line of progress behind. */
function end(io: ProcessIo, exitCode: number): never {
  io.stderr.clearStatus();
  process.exit(exitCode);
}

/** Aborts on the first signal; a second one ends the process at once. */
function watchSignals(controller: AbortController, io: ProcessIo): void {
  for (const name of ['SIGINT', 'SIGTERM'] as const) {
    process.on(name, () => {
      const exitCode = exitCodeOfSignal(name);
      if (controller.signal.aborted) end(io, exitCode);
      const message = `Interrupted by ${name}.`;
      controller.abort(new CancelledError('SLAPOS_ERR_CANCELLED', message, { exitCode }));
    });
  }
}

/** The reader of standard output has gone: stop quietly, as SIGPIPE would have. */
function closedOutput(): CancelledError {
  return new CancelledError('SLAPOS_ERR_CANCELLED', 'Standard output was closed.', {
    exitCode: exitCodeOfSignal('SIGPIPE'),
  });
}

function connectProcess(controller: AbortController): ProcessIo {
  const stderr = withStatusLine(openStream(2, () => {}));
  return {
    argv: process.argv.slice(2),
    env: process.env,
    cwd: enterWorkingFolder((line) => stderr.write(`slapos: ${line}\n`)),
    pid: process.pid,
    uid: process.getuid?.() ?? -1,
    stdout: openStream(1, () => controller.abort(closedOutput())),
    stderr,
    now: () => new Date(),
    signal: controller.signal,
  };
}

/** What a process runs; `run.ts`, or something else in tests. */
export interface Program {
  runCommandLine(io: ProcessIo): Promise<number>;
  /** Tells about an error that nobody caught. */
  reportBug(io: ProcessIo, error: unknown): void;
}

/** Runs a program with the streams and signals of this process, then ends it. */
export async function runProcess(load: () => Promise<Program>): Promise<void> {
  const controller = new AbortController();
  const io = connectProcess(controller);
  if (io.argv.length === 1 && io.argv[0] === '--version') {
    io.stdout.write(versionLine());
    process.exit(0);
  }
  watchSignals(controller, io);
  const { reportBug, runCommandLine } = await load();
  process.on('uncaughtException', (error) => {
    io.stderr.clearStatus();
    reportBug(io, error);
    process.exit(1);
  });
  try {
    end(io, await runCommandLine(io));
  } catch (error) {
    io.stderr.clearStatus();
    reportBug(io, error);
    process.exit(exitCodeOf(error));
  }
}

/** Runs the command line of this process and ends it. */
export function main(): Promise<void> {
  return runProcess(() => import('./run.ts'));
}
