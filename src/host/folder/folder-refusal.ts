/** Why a folder cannot be looked at, for libraries that take each such answer for "does not exist". */
import { accessSync } from 'node:fs';
import { errorCode } from '../../errors/slapos-error.ts';

/** @returns a sentence, without its end, that names the folder and what the kernel says of it now. */
export function observeFolderRefusal(folder: string): string {
  try {
    accessSync(folder);
    return `its folder ${folder} could not be looked at for a moment`;
  } catch (error) {
    const code = errorCode(error);
    if (code === 'ENOENT') return `its folder ${folder} does not exist`;
    return `its folder ${folder} cannot be looked at: ${code}`;
  }
}
