/** Looking at many files at once (`native/core/file/look.h`). */
import type { NativeOutcome } from '../native-outcome.ts';

export interface NativeText {
  readonly text: string;
  /** Milliseconds since 1970, with a fraction. */
  readonly modifiedMs: number;
}

export interface NativeStatus {
  /** Kind and permission bits, stat(2). */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly modifiedMs: number;
}

/** Outcomes in the order of the request. */
export interface NativeLook {
  readonly texts: ReadonlyArray<NativeText | NativeOutcome>;
  /** Names sorted by their bytes. */
  readonly folders: ReadonlyArray<readonly string[] | NativeOutcome>;
  readonly targets: ReadonlyArray<NativeStatus | NativeOutcome>;
}

export interface NativeLooks {
  /**
   * Looks at many things beneath `root` in one task, each for itself: null where nothing stands, or
   * why not. `texts` are read as `readTextsBeneath` does, `folders` listed without following a link
   * (more than `maxNames` entries are E2BIG), and of `targets` is told what stat(2) says, links
   * followed.
   */
  lookBeneath(request: {
    readonly root: string;
    readonly texts: readonly string[];
    readonly maxBytes: number;
    readonly folders: readonly string[];
    readonly maxNames: number;
    readonly targets: readonly string[];
  }): Promise<NativeLook>;
}
