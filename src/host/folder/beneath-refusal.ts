/** Opening entries of folders of somebody we do not trust, and what is told when that is refused. */
import { join } from 'node:path';
import { errorCode, errorMessage, HostError } from '../../errors/slapos-error.ts';
import { printableName } from '../../log/printable.ts';
import { loadNative } from '../native.ts';

/** openat2(2), open(2): a link, another kind of file or a way out stands where none should. */
const UNSAFE_CODES = new Set(['ELOOP', 'EXDEV', 'ENOTDIR', 'ENXIO']);

const OWNERS_CODES = new Set(['EACCES', 'ENOTCONN', 'EAGAIN', 'EFBIG']);

/**
 * Opens an entry below `root` without following links.
 * @returns its descriptor.
 * @throws HostError SLAPOS_ERR_UNSAFE_PATH or SLAPOS_ERR_FILE, the kernel's error as its cause.
 */
export async function openEntry(
  root: string,
  path: string,
  flags: number,
  mode?: number,
): Promise<number> {
  try {
    const request = { root, path, flags, ...(mode === undefined ? {} : { mode }) };
    return await loadNative().openBeneath(request);
  } catch (error) {
    throw refusal(join(root, path), error);
  }
}

/**
 * What the owner of a folder can make of a file in it: something else in its place, a size that we do
 * not take, a file system of its own (EACCES, ENOTCONN of fuse(4)), a lease (EAGAIN). Anything else
 * says that nobody knows what is in the file.
 */
export function isOwnersDoing(error: unknown): boolean {
  const { code = '', context = {} } = error as Partial<HostError>;
  return code === 'SLAPOS_ERR_UNSAFE_PATH' || OWNERS_CODES.has(String(context['code']));
}

/** What the kernel refused. */
export function refusal(path: string, cause: unknown): HostError {
  const kernelCode = errorCode(cause);
  const isUnsafe = UNSAFE_CODES.has(kernelCode);
  const why = isUnsafe
    ? `${kernelCode}, a symbolic link or another kind of file stands in the way`
    : kernelCode || errorMessage(cause);
  const code = isUnsafe ? 'SLAPOS_ERR_UNSAFE_PATH' : 'SLAPOS_ERR_FILE';
  return new HostError(code, sentence(path, why), cause as { errno?: number; syscall?: string }, {
    cause,
    context: { path, code: kernelCode },
  });
}

/** What the kernel would give but we do not take. */
export function unsafeEntry(path: string, why: string): HostError {
  const message = sentence(path, why);
  return new HostError('SLAPOS_ERR_UNSAFE_PATH', message, {}, { context: { path } });
}

function sentence(path: string, why: string): string {
  return `Cannot use ${printableName(path)}: ${why}.`;
}
