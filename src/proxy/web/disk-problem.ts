/** What the disk of the cache refuses, as an answer. */
import { errorCode } from '../../errors/slapos-error.ts';
import { HttpProblem } from '../http-problem.ts';

const UNUSABLE = new Set(['EACCES', 'ENOENT', 'ENOTDIR', 'EPERM', 'EROFS']);

/** An HttpProblem 507 or 503 for such an error, any other error as it is. */
export function diskProblem(error: unknown): unknown {
  const code = errorCode(error);
  if (code === 'ENOSPC' || code === 'EDQUOT') {
    return new HttpProblem(507, 'The disk of the cache is full.');
  }
  if (!UNUSABLE.has(code)) return error;
  return new HttpProblem(503, `Shacache cannot use its folders: ${code}`);
}

export async function onDisk<Result>(act: () => Promise<Result>): Promise<Result> {
  try {
    return await act();
  } catch (error) {
    throw diskProblem(error);
  }
}
