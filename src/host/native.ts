/**
 * The only loader of the C++ addon, and the type of everything that it exports.
 *
 * Conventions of the boundary (shared with `native/binding`): one plain object per call; every call
 * that may block returns a promise settled off the JavaScript thread; failures reject with a
 * {@link NativeFailure}; bulk results are one array or one ArrayBuffer; addresses are text that
 * inet_pton(3) takes, MAC addresses are `aa:bb:cc:dd:ee:ff`.
 */
import { createRequire } from 'node:module';
import { SlaposError } from '../errors/slapos-error.ts';
import type { NativeLooks } from './folder/native-look.ts';
import type { NativeKeeper } from './keeper/native-keeper.ts';
import type { NativeLogs } from './log/native-log.ts';
import type { NativeOutcome } from './native-outcome.ts';
import type { NativeNetwork } from './network/native-network.ts';
import type { NativeSockets } from './network/native-socket.ts';
import { nativeFile } from './package/package-files.ts';

/** Shape of every error that crosses the boundary; like Node's own system errors. */
export interface NativeFailure extends Error {
  /** Symbolic errno, `EEXIST`. */
  readonly code: string;
  readonly errno: number;
  readonly syscall: string;
  /** What was being done: device, path, user… */
  readonly detail: string;
  /** netlink extended acknowledgement text, else empty. */
  readonly extack: string;
  /** spawn only: the step of the child that failed (`setgid`, `chdir`, `exec`…). */
  readonly step?: string;
}

export interface NativeCapabilities {
  readonly pidfd: boolean;
  readonly closeRange: boolean;
  readonly openat2: boolean;
  /** gnu_get_libc_version(3), such as `2.36`. */
  readonly glibcVersion: string;
}

export interface AccountGroup {
  readonly name: string;
  readonly gid: number;
}

export interface AccountUser {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
  readonly gecos: string;
  readonly home: string;
  readonly shell: string;
}

/** A change of the account files, all or nothing. */
export interface AccountTransaction {
  /** Folder of passwd, group, shadow and gshadow; `/etc` on a real host. */
  readonly etc: string;
  readonly addGroups: readonly AccountGroup[];
  readonly addUsers: readonly AccountUser[];
  /** Existing users by name; only the fields given change. */
  readonly changeUsers: ReadonlyArray<{
    readonly name: string;
    readonly gid?: number;
    readonly home?: string;
    readonly shell?: string;
  }>;
  /** Users whose shadow password becomes `!`. */
  readonly lockUsers: readonly string[];
  readonly addMembers: ReadonlyArray<{ readonly group: string; readonly user: string }>;
  readonly removeUsers: readonly string[];
  readonly removeGroups: readonly string[];
}

/** How to start a command. Everything is explicit: nothing is inherited but what stands here. */
export interface SpawnRequest {
  /** Absolute path of the program. */
  readonly file: string;
  /** Complete argv, including argv[0]. */
  readonly args: readonly string[];
  /** Complete environment as `KEY=value`. */
  readonly env: readonly string[];
  readonly cwd: string;
  /** Ids to take; absent: stay who we are. With `uid`, `gid` and `groups` are mandatory. */
  readonly uid?: number;
  readonly gid?: number;
  readonly groups?: readonly number[];
  readonly umask?: number;
  /** setrlimit(2), RLIMIT_* by number; Infinity for RLIM_INFINITY. Set before the ids change. */
  readonly limits?: ReadonlyArray<{
    readonly resource: number;
    readonly soft: number;
    readonly hard: number;
  }>;
  /** For fds 0, 1, 2: a descriptor number to duplicate, or `pipe`, or `null` for /dev/null. */
  readonly stdio: readonly [
    'null' | 'pipe' | number,
    'null' | 'pipe' | number,
    'null' | 'pipe' | 'stdout' | number,
  ];
  /** setsid(2) instead of a new process group. */
  readonly isNewSession?: boolean;
  /** Stay in the caller's process group: for a command that uses our terminal. */
  readonly isSameGroup?: boolean;
  /**
   * PR_SET_CHILD_SUBREAPER of prctl(2): what it starts stays below it in the tree of processes,
   * also when the process between ends or starts a session, until it ends itself.
   */
  readonly isSubreaper?: boolean;
  readonly isNoNewPrivs?: boolean;
}

export interface SpawnedProcess {
  readonly pid: number;
  /** Parent ends of the pipes asked for, -1 otherwise; the caller owns and closes them. */
  readonly stdio: readonly [number, number, number];
  /** Settles when the process has been reaped. */
  readonly exited: Promise<ProcessExit>;
}

export interface ProcessExit {
  /** Exit status, or -1 when a signal ended the process. */
  readonly status: number;
  /** Signal number, or 0. */
  readonly signal: number;
}

/** Size of a folder and how its walk went. */
export interface NativeDiskUsage {
  readonly bytes: number;
  /** Files and folders seen. */
  readonly entries: number;
  /** Folders that could not be read, apart from those that vanished. */
  readonly failures: number;
}

/** What the owner of a folder uses on its file system. */
export interface NativeDiskQuota {
  readonly bytes: number;
  readonly uid: number;
}

/** Counts of statvfs(3), in fragments. */
export interface NativeDiskSpace {
  readonly fragmentBytes: number;
  readonly blocks: number;
  readonly freeBlocks: number;
  /** Free for users other than root. */
  readonly availableBlocks: number;
}

/** Owner and permission bits of a file; an id that is not given stays as it is. */
export interface NativeOwnership {
  readonly mode: number;
  readonly uid?: number;
  readonly gid?: number;
}

/**
 * Everything that the addon exports. `test/unit/host/native.test.ts` compares
 * {@link NATIVE_EXPORTS} with what the built addon really has.
 */
export interface NativeAddon
  extends NativeKeeper,
    NativeLogs,
    NativeLooks,
    NativeNetwork,
    NativeSockets {
  capabilities(): NativeCapabilities;
  /**
   * Gives free memory of malloc back to the kernel, and large blocks as soon as they are free from
   * now on; whether there was some (malloc_trim(3), mallopt(3)).
   */
  memoryTrim(): boolean;

  /** Applies one account transaction under lckpwdf(3). Rejects without any change on failure. */
  accountApply(transaction: AccountTransaction): Promise<void>;

  /** Starts a command; rejects with `step` when the child could not reach exec(2). */
  spawn(request: SpawnRequest): Promise<SpawnedProcess>;
  /**
   * Sends a signal to a process started by {@link spawn} that was not reaped yet: to its process
   * group when `isGroup`. Returns false when it is already gone.
   */
  spawnSignal(request: {
    readonly pid: number;
    readonly signal: number;
    readonly isGroup: boolean;
  }): boolean;

  /**
   * Kills every process whose real user is `uid`, also those that fork without end, and waits for
   * their end. Refuses uid 0 and the caller's own.
   * Processes of containers that share our users are left alone.
   * @returns how many there were, how many are left after `timeoutMs`, and how many of containers
   */
  procEndUser(request: {
    readonly uid: number;
    readonly timeoutMs: number;
  }): Promise<{ readonly found: number; readonly left: number; readonly contained: number }>;
  /** Removes the System V IPC objects that a user owns or made, and tells how many. */
  ipcRemove(request: { readonly uid: number }): Promise<number>;
  /** Samples processes; see `src/host/proc.ts` for the record layout. */
  procSample(request: {
    readonly uids?: readonly number[];
    readonly procRoot?: string;
  }): Promise<ArrayBuffer>;

  /**
   * What du(1) -s says of a folder that may belong to somebody we do not trust: allocated bytes in
   * whole KiB, hard links once, no link followed. Runs on up to four threads of low priority.
   */
  diskUsage(request: { readonly path: string }): Promise<NativeDiskUsage>;
  /**
   * The same, summed over the folders that symbolic links in `path` lead to: those owned by the
   * owner of `path`, each once, apart from those on the file system of `apartFrom` unless that is
   * empty. Nothing when `path` is missing.
   */
  diskLinkedUsage(request: {
    readonly path: string;
    readonly apartFrom: string;
  }): Promise<NativeDiskUsage>;
  /** What the owner of a folder uses by quotactl_fd(2). ESRCH: no user quotas. EPERM: root's. */
  diskQuota(request: { readonly path: string }): Promise<NativeDiskQuota>;
  /** statvfs(3) of a mounted file system. */
  diskSpace(request: { readonly path: string }): Promise<NativeDiskSpace>;

  /**
   * Takes a mount away at once (umount2(2), MNT_DETACH), whose root `fd` is. Throws a `NativeFailure`:
   * EINVAL when it is no root of a mount.
   */
  mountDetach(request: { readonly fd: number }): void;
  /** OFD lock on an open descriptor (fcntl_locking(2)): true when got, false when held elsewhere. */
  lockTry(request: { readonly fd: number; readonly isExclusive: boolean }): boolean;

  /**
   * Opens `path` relative to the folder `root`, never through a symbolic link and never outside
   * (openat2(2) RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS). `flags` are those
   * of open(2); O_CLOEXEC, O_NOFOLLOW and O_NONBLOCK are added. Resolves to a descriptor that the
   * caller closes.
   */
  openBeneath(request: {
    readonly root: string;
    readonly path: string;
    readonly flags: number;
    readonly mode?: number;
    /** Walk by openat(2), as on kernels without openat2: for tests. */
    readonly isByComponent?: boolean;
  }): Promise<number>;
  /**
   * Reads many regular files beneath `root`, as UTF-8: a text, null where nothing stands, or why
   * not. A file of more than `maxBytes` is EFBIG; one that is no regular file is ELOOP.
   */
  readTextsBeneath(request: {
    readonly root: string;
    readonly paths: readonly string[];
    readonly maxBytes: number;
  }): Promise<ReadonlyArray<string | NativeOutcome>>;
  /**
   * Writes files atomically beneath `root`, each for itself: temporary file in the same folder,
   * owner, mode, fsync(2), renameat(2), fsync of the folder. Never follows a symbolic link.
   */
  writeAllBeneath(request: {
    readonly root: string;
    readonly files: ReadonlyArray<
      NativeOwnership & { readonly path: string; readonly data: string | Uint8Array }
    >;
  }): Promise<readonly NativeOutcome[]>;
  /**
   * Creates folders whose parents are trusted, or gives existing ones this owner and mode, each for
   * itself. A link of that name is refused.
   */
  foldersCreate(request: {
    readonly folders: ReadonlyArray<NativeOwnership & { readonly path: string }>;
  }): Promise<readonly NativeOutcome[]>;
  /**
   * mkdirat(2) beneath `root` with owner and mode set through the descriptor. An existing folder is
   * given them too, but its owner changes only when the parent folder is ours: else EPERM.
   */
  mkdirBeneath(request: {
    readonly root: string;
    readonly path: string;
    readonly mode: number;
    readonly uid?: number;
    readonly gid?: number;
  }): Promise<void>;
  /** Removes a file, link or whole tree beneath `root`; does not follow links; ENOENT is fine. */
  removeBeneath(request: { readonly root: string; readonly path: string }): Promise<void>;
  /** Removes all that a folder beneath `root` holds, or `root` itself, but the names `kept`. */
  emptyBeneath(request: {
    readonly root: string;
    readonly path: string;
    readonly kept: readonly string[];
  }): Promise<void>;
  /**
   * Removes the entries of a folder that belong to a user, with all that they hold; nothing where
   * there is no such folder. None of the user's processes may run.
   * @returns how many, and why others stay
   */
  removeOwned(request: {
    readonly folder: string;
    readonly uid: number;
  }): Promise<{ readonly removed: number; readonly failures: readonly NativeOutcome[] }>;
  /** Brings what was written in the file system of a folder to its disk: syncfs(2). */
  fileSystemSync(request: { readonly folder: string }): Promise<void>;
}

export const NATIVE_EXPORTS: ReadonlyArray<keyof NativeAddon> = [
  'capabilities',
  'memoryTrim',
  'netlinkDump',
  'netlinkApply',
  'netlinkAwaitAddress',
  'netlinkAwaitDad',
  'netlinkAwaitNeighbours',
  'tuntapCreate',
  'tuntapDelete',
  'accountApply',
  'spawn',
  'spawnSignal',
  'procSample',
  'procEndUser',
  'ipcRemove',
  'diskUsage',
  'diskLinkedUsage',
  'diskQuota',
  'diskSpace',
  'lockTry',
  'mountDetach',
  'openBeneath',
  'readTextsBeneath',
  'lookBeneath',
  'writeAllBeneath',
  'foldersCreate',
  'mkdirBeneath',
  'removeBeneath',
  'emptyBeneath',
  'removeOwned',
  'fileSystemSync',
  'lookAtCommands',
  'logOpen',
  'logOpenMany',
  'logRotate',
  'logSweepStart',
  'logSweepWatch',
  'logSweepForget',
  'keeperConnect',
  'keeperSend',
  'fdDuplicate',
  'pipeOpen',
  'peerCredentials',
  'tcpPeerUid',
  'datagramSend',
  'socketListen',
];

let loaded: NativeAddon | undefined;

/**
 * Loads the addon once.
 * @throws SlaposError SLAPOS_ERR_NATIVE when it was not built or cannot be loaded.
 */
export function loadNative(): NativeAddon {
  if (loaded !== undefined) return loaded;
  const path = nativeFile('slapos_native.node');
  try {
    loaded = createRequire(path)(path) as NativeAddon;
  } catch (cause) {
    throw new SlaposError('SLAPOS_ERR_NATIVE', `The native addon cannot be loaded from ${path}.`, {
      cause,
      hint: 'Run `npm run setup` in the folder of slapos-node.',
    });
  }
  return loaded;
}
