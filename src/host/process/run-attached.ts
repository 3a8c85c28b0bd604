/** A program in the place of this one: same terminal, same streams, same process group. */
import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import { SpawnError } from '../../errors/slapos-error.ts';

export interface AttachedRun {
  readonly program: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly stdio?: 'inherit' | 'ignore';
  /** Asks for the signal to pass on when this process is told to end. */
  readonly signal: AbortSignal;
  /** What is passed on then; undefined when the program has got the signal itself. */
  readonly signalToPass?: (reason: unknown) => NodeJS.Signals | undefined;
}

/**
 * Runs a program until it ends.
 * @returns its exit status, 128 and the number of the signal that ended it.
 * @throws SpawnError SLAPOS_ERR_SPAWN when it cannot be started.
 */
export async function runAttached(run: AttachedRun): Promise<number> {
  const { program, args, env, stdio = 'inherit', signal, signalToPass } = run;
  const child = spawn(program, args, { env: { ...env }, stdio });
  const pass = () => {
    const name = signalToPass?.(signal.reason);
    if (name !== undefined) child.kill(name);
  };
  signal.addEventListener('abort', pass, { once: true });
  try {
    return await new Promise((resolve, reject) => {
      child.once('error', (cause) => reject(unstartable(program, cause)));
      child.once('exit', (code, name) =>
        resolve(code ?? 128 + constants.signals[name ?? 'SIGKILL']),
      );
    });
  } finally {
    signal.removeEventListener('abort', pass);
  }
}

function unstartable(program: string, cause: NodeJS.ErrnoException): SpawnError {
  const kernel = { step: 'exec', syscall: 'execve', ...(cause.errno && { errno: cause.errno }) };
  return new SpawnError(`Cannot run ${program}: ${cause.code}.`, kernel, { cause });
}
