/** Who owns the folders of a folder that only root writes to, such as `instance_root`. */
import { lstatSync, readdirSync, realpathSync, statSync } from 'node:fs';
import { errorCode, SlaposError } from '../../errors/slapos-error.ts';

const GROUP_OR_OTHER_WRITE = 0o022;

/**
 * Uid of the owner of each folder by its name. Links do not count: the owner of a folder cannot
 * give it to another user, nor rename it where the parent is not his. Nothing when there is none.
 * @throws SlaposError SLAPOS_ERR_UNSAFE_PATH when others than root and we may make folders there.
 */
export function listFolderOwners(root: string): ReadonlyMap<string, number> {
  const path = resolveFolder(root);
  if (path === undefined) return new Map();
  expectOurs(path);
  const owners = new Map<string, number>();
  for (const name of readdirSync(path)) {
    const state = lstatSync(`${path}/${name}`, { throwIfNoEntry: false });
    if (state?.isDirectory() === true) owners.set(name, state.uid);
  }
  return owners;
}

function resolveFolder(root: string): string | undefined {
  try {
    return realpathSync(root);
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}

function expectOurs(path: string): void {
  const { mode, uid } = statSync(path);
  const isOurs = uid === 0 || uid === process.geteuid?.();
  if (isOurs && (mode & GROUP_OR_OTHER_WRITE) === 0) return;
  throw new SlaposError(
    'SLAPOS_ERR_UNSAFE_PATH',
    `The owners of folders in ${path} mean nothing: others than root may make some there.`,
    { hint: `Give ${path} to root, with mode 0755.`, context: { path, uid, mode } },
  );
}
