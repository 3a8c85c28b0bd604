/** Who asks under `peer_check`, by the uid at the other end of the connection. Pure. */
import type { PeerLook } from '../host/network/tcp-peer.ts';
import { forbidden } from './http-problem.ts';
import type { OwnedPartitions } from './partition-owners.ts';
import type { PartitionKey } from './store.ts';

/** What the configuration says about it. */
export interface PeerPolicy {
  /** The computer whose partitions are on this machine. */
  readonly computerId: string;
  /** Users who may do everything. */
  readonly trustedUids: ReadonlySet<number>;
  /** Whether a machine that is not this one may do everything. */
  isTrustedAddress(address: string): boolean;
}

/** What the user of one partition, or of several, may act for. */
export interface PartitionScope {
  readonly uid: number;
  readonly computerId: string;
  owns(key: PartitionKey): boolean;
}

/** Stands for every uid that this user namespace does not know (user_namespaces(7)). */
const OVERFLOW_UID = 65534;

/**
 * Whose connection it is: null for who may do everything.
 * @param address of the other end, as text
 * @throws HttpProblem 403 for who may do nothing.
 */
export function judgePeer(
  look: PeerLook,
  address: string,
  policy: PeerPolicy,
  owned: OwnedPartitions,
): PartitionScope | null {
  if (look.kind === 'unknown') throw refused(`nobody knows who asks: ${look.reason}`);
  if (look.kind === 'elsewhere') {
    if (policy.isTrustedAddress(address)) return null;
    throw refused(`${address} is another machine, and not in peer_check_networks`);
  }
  const { uid } = look;
  if (policy.trustedUids.has(uid)) return null;
  const names = uid === OVERFLOW_UID ? undefined : owned.get(uid);
  if (names !== undefined) return createScope(uid, policy.computerId, names);
  throw refused(
    `uid ${uid} has no partition of ${policy.computerId} and is not in peer_check_users`,
  );
}

export function createScope(
  uid: number,
  computerId: string,
  names: ReadonlySet<string>,
): PartitionScope {
  return {
    uid,
    computerId,
    owns: (key) => key.computerReference === computerId && names.has(key.reference),
  };
}

/** A refusal that says which option makes it. */
export function refused(reason: string) {
  return forbidden(`peer_check: ${reason}.`);
}
