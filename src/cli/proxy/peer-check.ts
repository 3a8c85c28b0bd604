/** What `peer_check` looks at on this machine. */
import { resolve } from 'node:path';
import type { Config } from '../../config/config.ts';
import { valueError } from '../../config/values.ts';
import { listFolderOwners } from '../../host/folder/folder-owners.ts';
import { proveTcpPeer } from '../../host/network/tcp-peer.ts';
import { UserDirectory } from '../../host/user/user-directory.ts';
import type { ProxyOptions } from '../../proxy/options.ts';
import type { PeerCheck } from '../../proxy/peer-guard.ts';

/** The greatest uid is what chown(2) takes for none. */
const MAX_UID = 0xffff_fffe;

/**
 * @throws ConfigError SLAPOS_ERR_CONFIG_VALUE for an unknown user, SlaposError
 * SLAPOS_ERR_UNSAFE_PATH for an `instance_root` of others, SLAPOS_ERR_HOST where the kernel does
 * not tell who connects.
 */
export async function preparePeerCheck(
  { computerId, peerCheck }: ProxyOptions,
  config: Config,
  cwd: string,
): Promise<PeerCheck | undefined> {
  if (peerCheck === undefined) return undefined;
  const { instanceRoot, isTrustedAddress, users } = peerCheck;
  const root = resolve(cwd, instanceRoot);
  const listOwners = () => listFolderOwners(root);
  listOwners();
  await proveTcpPeer();
  const directory = new UserDirectory();
  const listed = users.map((user) => findUid(user, directory, config));
  const trustedUids = new Set([0, process.geteuid?.() ?? 0, ...listed]);
  return { computerId, trustedUids, isTrustedAddress, listOwners };
}

function findUid(user: string, directory: UserDirectory, config: Config): number {
  if (/^\d+$/.test(user) && Number(user) <= MAX_UID) return Number(user);
  const entry = directory.findUser(user);
  if (entry !== undefined) return entry.uid;
  const message = `peer_check_users has ${user}, whom this machine does not know.`;
  const hint = 'Write names of users, or uids.';
  throw valueError(config, 'slapproxy', 'peer_check_users', message, hint);
}
