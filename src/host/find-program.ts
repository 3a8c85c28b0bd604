/** Where a command is, as execvp(3) looks for it. */
import { constants } from 'node:fs';
import { access, stat } from 'node:fs/promises';
import { isAbsolute, join, resolve } from 'node:path';

/** Where the C library looks without a PATH, and where administration programs are. */
const PRESET_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/**
 * The absolute path of a command; undefined when there is none. Relative entries of PATH, and the
 * current folder that an empty one means, are left out: what runs as root must not depend on where
 * it was called.
 * @param name a name to look for in PATH, or a path
 */
export async function findProgram(
  name: string,
  env: Readonly<Record<string, string | undefined>>,
): Promise<string | undefined> {
  const folders = (env['PATH'] || PRESET_PATH).split(':').filter(isAbsolute);
  const candidates = name.includes('/')
    ? [resolve(name)]
    : folders.map((folder) => join(folder, name));
  for (const path of candidates) if (await isProgram(path)) return path;
  return undefined;
}

async function isProgram(path: string): Promise<boolean> {
  try {
    await access(path, constants.X_OK);
    return (await stat(path)).isFile();
  } catch {
    return false;
  }
}
