/** What one release is installed with. */
import type { GridContext } from '../grid/context.ts';
import type { InTurn } from '../grid/queue.ts';
import type { OwnedFolder } from '../host/grid-host.ts';
import type { UserIdentity } from '../host/user/user.ts';
import type { Logger } from '../log/logger.ts';

export interface Build {
  readonly context: GridContext;
  readonly url: string;
  /** md5 of the URL: the name of its folder. */
  readonly hash: string;
  /** `software_root/<hash>` */
  readonly path: string;
  /** Of `software_root`: who builds. */
  readonly owner: UserIdentity;
  readonly root: OwnedFolder;
  readonly folder: OwnedFolder;
  /** The node's log and the one of the release. */
  readonly log: Logger;
  /** Two buildouts must not install the same shared part at once. */
  readonly runAlone: InTurn;
}
