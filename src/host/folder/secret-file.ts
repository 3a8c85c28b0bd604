/** A secret that is made once and kept in a file that only its owner reads. */
import { closeSync, constants, fstatSync, fsyncSync, openSync, readSync, writeSync } from 'node:fs';
import { errorCode, HostError, SlaposError } from '../../errors/slapos-error.ts';

const { O_RDONLY, O_WRONLY, O_CREAT, O_EXCL, O_NOFOLLOW, O_NONBLOCK } = constants;
const MAX_BYTES = 4096;
const OTHERS = 0o077;

/**
 * The text of a file, which is made with mode 0600 and what `create` gives when there is none.
 * No link is followed: the folder may be one where others make files.
 * @throws SlaposError SLAPOS_ERR_UNSAFE_PATH for a file that others own, can read or have a name
 *   for; HostError SLAPOS_ERR_FILE when the kernel refuses.
 */
export function readOrCreateSecret(path: string, create: () => string): string {
  try {
    return readSecret(path) ?? createSecret(path, create()) ?? expectSecret(path);
  } catch (cause) {
    if (cause instanceof SlaposError) throw cause;
    const { errno = 0, syscall = '', code = String(cause) } = cause as NodeJS.ErrnoException;
    if (code === 'ELOOP') throw unsafe(path, 'it is a symbolic link');
    throw new HostError(
      'SLAPOS_ERR_FILE',
      `Cannot keep a secret in ${path}: ${code}.`,
      { errno: Math.abs(errno), syscall },
      { cause, context: { path } },
    );
  }
}

function readSecret(path: string): string | undefined {
  let fd: number;
  try {
    fd = openSync(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
  try {
    expectPrivate(path, fd);
    const buffer = Buffer.alloc(MAX_BYTES);
    return buffer.toString('utf8', 0, readSync(fd, buffer)).trimEnd();
  } finally {
    closeSync(fd);
  }
}

/** Undefined when somebody else made the file meanwhile. */
function createSecret(path: string, secret: string): string | undefined {
  let fd: number;
  try {
    fd = openSync(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600);
  } catch (error) {
    if (errorCode(error) === 'EEXIST') return undefined;
    throw error;
  }
  try {
    writeSync(fd, `${secret}\n`);
    fsyncSync(fd);
    return secret;
  } finally {
    closeSync(fd);
  }
}

function expectSecret(path: string): string {
  const secret = readSecret(path);
  if (secret === undefined) throw unsafe(path, 'it comes and goes');
  return secret;
}

function expectPrivate(path: string, fd: number): void {
  const status = fstatSync(fd);
  if (!status.isFile()) throw unsafe(path, 'it is no regular file');
  if (status.nlink !== 1) throw unsafe(path, 'it has another name');
  const isOurs = status.uid === 0 || status.uid === process.geteuid?.();
  if (!isOurs) throw unsafe(path, `it is owned by uid ${status.uid}`);
  if ((status.mode & OTHERS) !== 0) throw unsafe(path, 'others may read or write it');
}

function unsafe(path: string, why: string): SlaposError {
  return new SlaposError('SLAPOS_ERR_UNSAFE_PATH', `${path} keeps no secret: ${why}.`, {
    hint: `Remove ${path}: a new one is made at the next start.`,
    context: { path },
  });
}
