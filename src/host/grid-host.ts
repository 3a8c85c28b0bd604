/** The port through which the grid commands touch the machine; tests may give another one. */

import type { HostError } from '../errors/slapos-error.ts';
import type { LinkOwner } from './file.ts';
import type { CommandMark } from './folder/leftovers.ts';
import type { LookRequest, Looks } from './folder/look.ts';
import type { FileStatus, WriteOptions } from './host.ts';
import type { UserEnd, UserTraces } from './process/end-user.ts';
import type { CommandRequest, CommandResult } from './spawn.ts';
import type { UserIdentity } from './user/user.ts';

export type GridCommand = Omit<
  CommandRequest,
  'argv' | 'onStarted' | 'onOutput' | 'onErrorOutput' | 'maxOutputBytes'
> & {
  /** The absolute path of the program first. */
  readonly argv: readonly string[];
  /** A file of ours that tells of the running command, see {@link GridHost.lockPartition}. */
  readonly noteFile?: string;
  /** Each line of the output as it arrives, without its newline. */
  readonly onLine?: (line: string) => void;
  /** Each line of standard error, which then is no part of the output. */
  readonly onErrorLine?: (line: string) => void;
};

export type CommandOutcome = Omit<CommandResult, 'output'> & {
  /** Standard output and error as they came, invalid UTF-8 replaced. */
  readonly output: string;
};

/**
 * Runs a command to its end.
 * @throws SpawnError when it cannot be started, CancelledError when its signal aborts.
 */
export type RunCommand = (command: GridCommand) => Promise<CommandOutcome>;

/**
 * A folder whose content belongs to somebody we do not trust. Paths are relative to it; no symbolic
 * link is ever followed below it, and nothing outside of it is ever touched.
 * Methods reject with HostError SLAPOS_ERR_UNSAFE_PATH when a link or a wrong kind of file is in
 * the way, SLAPOS_ERR_FILE for other failures.
 */
export interface OwnedFolder {
  readonly path: string;
  /** Text of a regular file; undefined when it is missing. */
  readText(path: string): Promise<string | undefined>;
  /**
   * Many small files in one go, in their order: undefined where one is missing, the error where it
   * cannot be read or is longer than `maxBytes`.
   */
  readTexts(
    paths: readonly string[],
    maxBytes: number,
  ): Promise<ReadonlyArray<string | HostError | undefined>>;
  /** At most the last `bytes` bytes of a file, as text; empty when it is missing. */
  readTail(path: string, bytes: number): Promise<string>;
  /**
   * Bytes of a regular file that has no other name, so that it is nobody else's; undefined when it
   * is missing. More than `maxBytes` is an error.
   */
  readSole(path: string, maxBytes: number): Promise<Buffer | undefined>;
  /**
   * Names in a folder, sorted; empty when it is missing. `''` is the folder itself. More than 10,000
   * are an error.
   */
  list(path: string): Promise<readonly string[]>;
  /** Facts about an entry itself, not about what a link points to. */
  stat(path: string): Promise<FileStatus | undefined>;
  /** Atomic. */
  write(path: string, text: string, options: WriteOptions): Promise<void>;
  append(path: string, text: string, options: WriteOptions): Promise<void>;
  /** Creates one folder; an existing one gets mode and owner. */
  makeFolder(path: string, options: WriteOptions): Promise<void>;
  /** Renames an entry within its folder; missing is fine. */
  rename(path: string, name: string): Promise<void>;
  /** Renames an entry, also into another folder below this one; it must be there. */
  move(path: string, target: string): Promise<void>;
  /** Creates a file from a stream; nothing may stand under its name. Not atomic. */
  writeStream(
    path: string,
    chunks: AsyncIterable<Uint8Array>,
    options: WriteOptions,
  ): Promise<void>;
  /**
   * A file that comes piece by piece, over several runs. What stands under its name and is no
   * regular file of the owner in `options`, or has another name too, is SLAPOS_ERR_UNSAFE_PATH.
   */
  openPart(path: string, options: WriteOptions): Promise<PartFile>;
  /** The content of a regular file that must be there, piece by piece. */
  readStream(path: string): AsyncIterable<Uint8Array>;
  /** Makes an entry a link to `target`; leaves anything that is no link alone. */
  setLink(path: string, target: string, owner?: LinkOwner): Promise<void>;
  /** Removes a file, a link or a tree; missing is fine. */
  remove(path: string): Promise<void>;
  /** Removes all that the folder itself holds, whatever the bytes of the names, but `kept`. */
  empty(kept?: readonly string[]): Promise<void>;
}

/** A file that is being written; its methods reject with HostError. */
export interface PartFile {
  /** All that is in it. */
  read(): AsyncIterable<Uint8Array>;
  append(chunk: Uint8Array): Promise<void>;
  clear(): Promise<void>;
  /** Resolves when all that was written is on the disk and the file is closed. */
  close(): Promise<void>;
}

/** Where the command that works on a partition is noted. */
export function partitionNoteFile(instanceRoot: string, partitionId: string): string {
  return `${instanceRoot}/var/run/slapos-partition-${partitionId}.child`;
}

/** A file that stays where its folder is renewed; who is told where it is none that we take, and goes. */
export interface KeptFile {
  readonly name: string;
  readonly warn: (text: string) => void;
}

export interface GridHost {
  readonly isRoot: boolean;
  readonly run: RunCommand;
  /**
   * @param root reached by names that only we can change
   * @param beneath a folder in it when `root` itself belongs to somebody else
   */
  openFolder(root: string, beneath?: string): OwnedFolder;
  /**
   * Looks at many things below a folder that only we can change, in one go.
   * @throws NativeFailure when the folder itself cannot be opened.
   */
  look(root: string, request: LookRequest): Promise<Looks>;
  /** As `renewFolder` of renew-folder.ts. */
  renewFolder(path: string, kept?: KeptFile): Promise<boolean>;
  /** Facts about a path, links followed; undefined when it is missing. Changes nothing. */
  stat(path: string): Promise<FileStatus | undefined>;
  /**
   * The same of the home of a user, such as a partition's folder: a file system that this very user
   * has mounted over it goes away where it keeps us from looking.
   */
  statHome(folder: string): Promise<FileStatus | undefined>;
  /**
   * The user that a folder belongs to, with the folder's group as primary group.
   * @throws SlaposError for uid or gid 0, which may never run anything for a partition.
   */
  ownerOf(folder: string): Promise<UserIdentity>;
  /**
   * Brings what was written in the file systems of folders to their disks, those that are missing
   * left out; those who ask meanwhile share the next run.
   * @throws HostError SLAPOS_ERR_FILE, also when an earlier write of somebody else failed.
   */
  syncFiles(folders: readonly string[]): Promise<void>;
  /** Bytes that an ordinary user may still write where `path` is, or would be. */
  freeBytes(path: string): Promise<number>;
  /**
   * Kills the processes of a user that bear a mark, with their descendants.
   * @returns how many bore it.
   */
  endProcessesOf(user: UserIdentity, mark: CommandMark): Promise<number>;
  /**
   * Kills all processes of a user and waits for their end.
   * @throws NativeFailure for root and for the user of this process.
   */
  endUserProcesses(user: UserIdentity): Promise<UserEnd>;
  /** Removes what a user without processes left in folders that all share. */
  removeUserTraces(user: UserIdentity): Promise<UserTraces>;
  /**
   * Takes the lock of one partition; waits for other slapos processes.
   * A command that a killed process left running there, by {@link partitionNoteFile}, is killed first.
   * @param onKilled hears of that
   * @returns what gives it back.
   * @throws BusyError when another process holds it for too long.
   */
  lockPartition(
    instanceRoot: string,
    partitionId: string,
    onKilled: (pid: number) => void,
  ): Promise<() => void>;
}
