/**
 * The folder that relative paths are told from. Where it was deleted getcwd(2) fails with ENOENT, and
 * with it whatever else would resolve a path or start a program.
 */

/**
 * Enters `/` where the working folder is no more.
 * @param warn is given one line then, without its end
 * @returns the working folder, an absolute path
 */
export function enterWorkingFolder(warn: (line: string) => void): string {
  try {
    return process.cwd();
  } catch {
    process.chdir('/');
    warn('The working directory was deleted: relative paths are of / now.');
    return '/';
  }
}
