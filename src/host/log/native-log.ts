/** What the addon does for services before they start and with their logs (`native/core/file`). */

export interface NativeLogs {
  /** What stands under the names of commands, links followed: stat(2) and access(2) X_OK. */
  lookAtCommands(request: {
    readonly paths: readonly string[];
  }): Promise<ReadonlyArray<null | { readonly mode: number; readonly mayExecute: boolean }>>;
  /**
   * Opens a log of a service with `flags` of open(2), of which only O_APPEND stays set. Below the
   * first folder that somebody else may write to no link is followed, and the log must be a
   * regular file with one name (ELOOP, EMLINK, EINVAL) that is ours or `ownerUid`'s where that is
   * given (EPERM). A fifo without reader is ENXIO. The caller closes the descriptor.
   */
  logOpen(request: {
    readonly path: string;
    readonly flags: number;
    readonly mode?: number;
    readonly ownerUid?: number;
  }): Promise<number>;
  /** Opens many at once: for each a descriptor, or why not. */
  logOpenMany(request: {
    readonly logs: ReadonlyArray<{ readonly path: string; readonly ownerUid: number }>;
    readonly flags: number;
    readonly mode?: number;
  }): Promise<ReadonlyArray<number | { readonly code: string; readonly detail: string }>>;
  /**
   * Moves a log of at least `maxBytes` to its backup `.1` beside services that go on writing:
   * `collapsed` when nothing can have been lost (ext4, xfs, f2fs; a rest of at most a block stays),
   * `truncated` where the file system cannot do that or no backup is wanted.
   */
  logRotate(request: {
    readonly path: string;
    readonly maxBytes: number;
    readonly backups: number;
  }): Promise<'none' | 'collapsed' | 'truncated'>;
  /**
   * Starts the thread that keeps watched logs below their size; once. `onProblem` hears of a log
   * that cannot be rotated. Does not keep Node alive.
   */
  logSweepStart(onProblem: (path: string, error: Error) => void): void;
  /** Watches a log; as often as it is forgotten again. */
  logSweepWatch(request: {
    readonly path: string;
    readonly maxBytes: number;
    readonly backups: number;
  }): void;
  logSweepForget(request: { readonly path: string }): void;
}
