/** Looks at the files of commands without making anybody else wait for a dead file system. */
import { constants } from 'node:fs';
import { FolderQueue } from '../folder/folder-queue.ts';
import { loadNative } from '../native.ts';

export interface CommandStatus {
  readonly isDirectory: boolean;
  readonly mode: number;
  /** access(2) with X_OK. */
  readonly mayExecute: boolean;
}

const looks = new FolderQueue((requests: readonly { readonly path: string }[]) => {
  return loadNative().lookAtCommands({ paths: requests.map(({ path }) => path) });
});

/** What stands under a path, links followed; undefined when there is nothing. */
export async function lookAtCommand(path: string): Promise<CommandStatus | undefined> {
  const look = await looks.ask({ path });
  if (look === null) return undefined;
  return { ...look, isDirectory: (look.mode & constants.S_IFMT) === constants.S_IFDIR };
}
