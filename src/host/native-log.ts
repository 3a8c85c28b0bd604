/** What the addon does with logs of services (`native/core/file/log_*`). */

export interface NativeLogs {
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
