/** A folder that only its owner looks into. */
import { mkdirSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { errorCode, HostError } from '../../errors/slapos-error.ts';

/**
 * Makes a folder with mode 0700, and those above it that are missing; leaves one that is there as it is.
 * @param path absolute
 * @param hint what the operator can do when it cannot be made
 * @throws HostError SLAPOS_ERR_FILE
 */
export function makePrivateFolder(path: string, hint: string): void {
  try {
    makeMissing(path);
  } catch (cause) {
    const { errno = 0, syscall = '' } = cause as NodeJS.ErrnoException;
    throw new HostError(
      'SLAPOS_ERR_FILE',
      `Cannot make the folder ${path}: ${errorCode(cause)}.`,
      { errno: Math.abs(errno), syscall },
      { cause, hint, context: { path } },
    );
  }
}

/** Not with Node's `recursive`, which never ends below a dangling link or in /proc (Node 20.20). */
function makeMissing(path: string): void {
  try {
    mkdirSync(path, { mode: 0o700 });
    return;
  } catch (error) {
    if (statSync(path, { throwIfNoEntry: false })?.isDirectory() === true) return;
    if (errorCode(error) !== 'ENOENT' || dirname(path) === path) throw error;
  }
  makeMissing(dirname(path));
  mkdirSync(path, { mode: 0o700 });
}
