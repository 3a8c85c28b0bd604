/** Who files of a partition or a software release belong to. */
import type { GridHost } from '../host/grid-host.ts';
import type { WriteOptions } from '../host/host.ts';
import type { UserIdentity } from '../host/user/user.ts';

/** Mode and owner for something that is created in a folder of `owner`; only root can give away. */
export function ownedBy(host: GridHost, owner: UserIdentity, mode: number): WriteOptions {
  return host.isRoot ? { mode, uid: owner.uid, gid: owner.gid } : { mode };
}
