/** The files of the machine in memory: texts and folders by path, with what each call changes told. */
import { dirname } from 'node:path';
import { HostError } from '../../src/errors/slapos-error.ts';
import type { PartitionFiles } from '../../src/format/ports.ts';
import type { FileToWrite } from '../../src/host/file.ts';
import type { FileStatus, FolderToMake, HostFiles, OperationResult } from '../../src/host/host.ts';

export interface FakeFile {
  content: string;
  mode: number;
}

interface FakeTree {
  readonly folders: Map<string, { mode: number; uid: number; gid: number }>;
  readonly fileTable: Map<string, FakeFile>;
}

/** @param change Called before each change; may throw. */
export function fakeFiles(tree: FakeTree, change: () => void): HostFiles {
  const folderAt = (path: string) => {
    const folder = tree.folders.get(path);
    if (folder === undefined) throw fileError(`no folder ${path}`);
    return folder;
  };
  const files: HostFiles = {
    async read(path: string) {
      const file = tree.fileTable.get(path);
      return file === undefined ? undefined : Buffer.from(file.content, 'latin1');
    },
    async readText(path: string) {
      return tree.fileTable.get(path)?.content;
    },
    async list(path: string) {
      if (!tree.folders.has(path)) return undefined;
      const inside = [...tree.folders.keys(), ...tree.fileTable.keys()];
      return inside
        .filter((one) => one !== '/' && dirname(one) === path)
        .map((one) => one.slice(one.lastIndexOf('/') + 1))
        .sort();
    },
    async stat(path: string): Promise<FileStatus | undefined> {
      const folder = tree.folders.get(path);
      if (folder !== undefined) {
        return { ...folder, kind: 'directory', sizeBytes: 0, modifiedMs: 0 };
      }
      const file = tree.fileTable.get(path);
      if (file === undefined) return undefined;
      return { kind: 'file', mode: file.mode, uid: 0, gid: 0, sizeBytes: 0, modifiedMs: 0 };
    },
    statTarget(path: string) {
      return files.stat(path);
    },
    statAll(paths: readonly string[]) {
      return Promise.all(paths.map((path) => files.stat(path)));
    },
    async mkdir(path: string, { mode, isRecursive }: { mode: number; isRecursive?: boolean }) {
      if (tree.folders.has(path)) return;
      if (!tree.folders.has(dirname(path))) {
        if (isRecursive !== true) throw fileError(`no folder for ${path}`);
        await files.mkdir(dirname(path), { mode, isRecursive });
      }
      change();
      tree.folders.set(path, { mode, uid: 0, gid: 0 });
    },
    makeFolders(folders: readonly FolderToMake[]) {
      return eachForItself(folders, async ({ path, mode, uid = 0, gid = 0 }) => {
        if (!tree.folders.has(path)) await files.mkdir(path, { mode });
        change();
        tree.folders.set(path, { mode, uid, gid });
      });
    },
    async chmod(path: string, mode: number) {
      change();
      tree.folders.set(path, { ...folderAt(path), mode });
    },
    async chown(path: string, uid: number, gid: number) {
      change();
      tree.folders.set(path, { ...folderAt(path), uid, gid });
    },
    async write(path: string, data: string | Uint8Array, { mode }: { mode: number }) {
      folderAt(dirname(path));
      change();
      const content = typeof data === 'string' ? data : Buffer.from(data).toString('latin1');
      tree.fileTable.set(path, { content, mode });
    },
    writeControl(path: string, value: string) {
      return files.write(path, value, { mode: 0o644 });
    },
    async remove(path: string) {
      change();
      tree.fileTable.delete(path);
      if (!tree.folders.has(path)) return;
      if ((await files.list(path))?.length !== 0) throw fileError(`${path} is not empty`);
      tree.folders.delete(path);
    },
  };
  return files;
}

export function fakePartitionFiles(files: HostFiles): PartitionFiles {
  return {
    readTexts: (root, paths) => Promise.all(paths.map((path) => files.readText(`${root}/${path}`))),
    writeAll: async (root, all) => {
      const write = ({ path, data, mode }: FileToWrite) =>
        files.write(`${root}/${path}`, data, { mode });
      return (await eachForItself(all, write)).map(({ error }) => error);
    },
    remove: (root, path) => files.remove(`${root}/${path}`),
  };
}

/** A refusal of one is its own; a crash ends everything. */
async function eachForItself<Operation>(
  operations: readonly Operation[],
  act: (operation: Operation) => Promise<void>,
): Promise<Array<OperationResult<Operation>>> {
  const results: Array<OperationResult<Operation>> = [];
  for (const operation of operations) {
    try {
      await act(operation);
      results.push({ operation, error: undefined });
    } catch (error) {
      if (!(error instanceof HostError)) throw error;
      results.push({ operation, error });
    }
  }
  return results;
}

function fileError(problem: string): HostError {
  return new HostError('SLAPOS_ERR_FILE', problem, {});
}
