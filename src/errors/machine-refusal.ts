/** What the machine refuses whoever asks: no mistake of a program, so never told as one. */
import { errorCode, errorMessage, HostError, isSlaposError } from './slapos-error.ts';

/** What can be done, by errno(3). */
const HINTS: Readonly<Record<string, string>> = {
  EIO: 'look in the kernel log for the device',
  ENOSPC: 'make room on that disk',
  EDQUOT: 'raise the quota or make room',
  EROFS: 'see why the disk is read-only, then remount it',
  EMFILE: 'raise the limit of open files',
  ENFILE: 'raise fs.file-max',
  ENOMEM: 'free memory',
  EAGAIN: 'raise the limit of processes, or free memory',
  ENOBUFS: 'free memory',
};

/** What to do about an error of the kernel that says something of the machine; else undefined. */
export function machineHint(code: string): string | undefined {
  return Object.hasOwn(HINTS, code) ? HINTS[code] : undefined;
}

const FAILING = new Set(['EIO', 'EMFILE', 'ENFILE', 'ENOBUFS', 'ENOMEM']);

/**
 * Whether something could not be looked at for a reason of the machine, whoever owns it: then nobody
 * knows what is there.
 */
export function isMachineFailure(error: unknown): boolean {
  const { cause } = (error ?? {}) as { cause?: unknown };
  const named = isSlaposError(error) ? error.context['code'] : undefined;
  return [errorCode(error), errorCode(cause), String(named)].some((code) => FAILING.has(code));
}

/** The same as one of ours, where a call of the system has failed for a reason of the machine. */
export function describeRefusal(error: unknown): unknown {
  const hint = machineHint(errorCode(error));
  if (hint === undefined || isSlaposError(error)) return error;
  const { errno = 0, syscall = '' } = error as NodeJS.ErrnoException;
  const kernel = { errno: Math.abs(errno), syscall };
  return new HostError('SLAPOS_ERR_HOST', errorMessage(error), kernel, { hint, cause: error });
}
