/** Where a command is, as execvp(3) looks for it. */
import { constants } from 'node:fs';
import { access, stat } from 'node:fs/promises';
import { isAbsolute, join, resolve } from 'node:path';

type Environment = Readonly<Record<string, string | undefined>>;

/** Where the C library looks without a PATH, and where administration programs are. */
const PRESET_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** Every path at which a command may be, in the order in which they are looked at. */
function candidatesFor(name: string, env: Environment): string[] {
  if (name.includes('/')) return [resolve(name)];
  const folders = (env['PATH'] || PRESET_PATH).split(':').filter(isAbsolute);
  return folders.map((folder) => join(folder, name));
}

/**
 * The absolute path of a command; undefined when there is none. Relative entries of PATH, and the
 * current folder that an empty one means, are left out: what runs as root must not depend on where
 * it was called.
 * @param name a name to look for in PATH, or a path
 */
export async function findProgram(name: string, env: Environment): Promise<string | undefined> {
  for (const path of candidatesFor(name, env)) if (await isProgram(path)) return path;
  return undefined;
}

/** Every command of a name, as {@link findProgram} looks for it. */
export async function listPrograms(name: string, env: Environment): Promise<string[]> {
  const found: string[] = [];
  for (const path of candidatesFor(name, env)) if (await isProgram(path)) found.push(path);
  return found;
}

async function isProgram(path: string): Promise<boolean> {
  try {
    await access(path, constants.X_OK);
    return (await stat(path)).isFile();
  } catch {
    return false;
  }
}
