/** Opening entries of folders of somebody we do not trust, and what is told when that is refused. */
import { join } from 'node:path';
import { errorCode, errorMessage, HostError } from '../errors/slapos-error.ts';
import { printableName } from '../log/printable.ts';
import { loadNative } from './native.ts';

/** openat2(2), open(2): a link, another kind of file or a way out stands where none should. */
const UNSAFE_CODES = new Set(['ELOOP', 'EXDEV', 'ENOTDIR', 'ENXIO']);

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
