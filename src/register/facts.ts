/** What a registration has to know of the machine. */

import type { Place } from '../host/folder/place.ts';
import type { FileStatus } from '../host/host.ts';
import type { KeptAnswer, RequestNote } from './kept-answer.ts';

/** The folder between request and finished configuration. */
export interface WorkFacts {
  readonly status: FileStatus | undefined;
  readonly note: RequestNote | undefined;
  readonly kept: KeptAnswer | undefined;
}

export interface RegisterFacts {
  /** The folder that the configuration folder is in. */
  readonly parent: Place | undefined;
  /** Names in it. */
  readonly siblings: readonly string[];
  /** The configuration folder. */
  readonly folder: Place | undefined;
  readonly hasConfig: boolean;
  /** The kept answer is already what the configuration folder has. */
  readonly isInPlace: boolean;
  readonly work: WorkFacts;
  readonly ownUid: number;
  readonly isInterfaceKnown: boolean;
  /** Folders above that other users may not pass through. */
  readonly closedAncestors: readonly string[];
}
