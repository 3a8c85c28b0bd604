/**
 * What the user of a partition may ask of the XML and HATEOAS endpoints under `peer_check`: acting
 * for its own partition, and nothing that is not listed. Pure.
 */
import { rootTitle } from './documents.ts';
import { type PartitionScope, refused } from './peer-scope.ts';
import { parseRequest, type WantedInstance } from './request-form.ts';
import type { RouteRequest } from './route.ts';
import { slaveReference } from './slave.ts';
import type { PartitionKey, ProxyTables, SlaveRow } from './store.ts';

/** What the database has to say too. @throws HttpProblem 403 */
export type StoreCheck = (tables: ProxyTables) => Promise<void>;

/** @throws HttpProblem 403; null when nothing is left to be checked. */
export type PeerRule = (
  request: Pick<RouteRequest, 'form' | 'sender'>,
  scope: PartitionScope,
) => StoreCheck | null;

/** @throws HttpProblem 403 for another partition than its own, or none. */
export function expectOwn(key: PartitionKey | null, scope: PartitionScope): PartitionKey {
  if (key === null) throw refused(`uid ${scope.uid} must name its partition`);
  if (scope.owns(key)) return key;
  throw refused(`${key.reference} of ${key.computerReference} is not of uid ${scope.uid}`);
}

/** Says nothing about any partition. */
const open: PeerRule = () => null;

const own: PeerRule = ({ form }, scope) => {
  expectOwn(form.optionalPartition(), scope);
  return null;
};

const registered: PeerRule = ({ form }, scope) => {
  const computerReference = form.optional('computer_reference');
  const reference = form.optional('computer_partition_reference');
  const isNamed = computerReference !== null && reference !== null;
  expectOwn(isNamed ? { computerReference, reference } : null, scope);
  return null;
};

/** The answer is cut down to its own partitions. */
const computer: PeerRule = ({ form }, { computerId, uid }) => {
  if (form.optional('computer_id') === computerId) return null;
  throw refused(`uid ${uid} may see its partitions of ${computerId} only`);
};

const rename: PeerRule = ({ form }, scope) => {
  return ownTitle(expectOwn(form.optionalPartition(), scope), scope);
};

/** Titles of roots are the users': by another one it could take what they mean for another. */
export function ownTitle(key: PartitionKey, scope: PartitionScope): StoreCheck {
  return async (tables) => {
    const row = await tables.getPartition(key);
    if (row?.requestedBy !== '') return;
    throw refused(`uid ${scope.uid} may not rename an instance that a user requested`);
  };
}

const publish: PeerRule = ({ form }, scope) => {
  const { computerReference, reference: host } = expectOwn(form.optionalPartition(), scope);
  const reference = form.optional('slave_reference');
  if (reference === null) return null;
  return async (tables) => {
    const slave = await tables.getSlave({ reference, computerReference });
    if (slave === null || slave.hostedBy === host) return;
    throw refused(`${reference} is not served by ${host}`);
  };
};

const request: PeerRule = ({ form, sender }, scope) => {
  const named = form.optionalPartition();
  if (named !== null) expectOwn(named, scope);
  const requester = expectOwn(sender ?? named, scope);
  return ownSlave(parseRequest(form), requester, scope);
};

/** Slaves of two trees may have the same name: one of another tree must not be taken over. */
export function ownSlave(
  { filter, isShared, title }: Pick<WantedInstance, 'filter' | 'isShared' | 'title'>,
  requester: PartitionKey,
  scope: PartitionScope,
): StoreCheck | null {
  if (!isShared) return null;
  const computerReference = String(filter['computer_guid'] || scope.computerId);
  return async (tables) => {
    const row = await tables.getPartition(requester);
    if (row === null) return;
    const root = rootTitle(row);
    const reference = slaveReference(title, root);
    const slave = await tables.getSlave({ reference, computerReference });
    if (slave === null || (await isOfTree(slave, root, tables))) return;
    throw refused(`${reference} was requested by others than the tree of ${root}`);
  };
}

/** Whether the tree of this root asked for a slave, as far as the database tells. */
export async function isOfTree(
  slave: SlaveRow,
  root: string,
  tables: ProxyTables,
): Promise<boolean> {
  if (slave.askedBy !== null) return slave.askedBy === root;
  const { computerReference, requesterId: reference } = slave;
  if (reference === 'user') return false;
  const row = await tables.getPartition({ computerReference, reference });
  return row === null || row.title === null || rootTitle(row) === root;
}

/** What is not here is for trusted users only: formatting, supplying, destroying, other masters'. */
export const PEER_RULES: Readonly<Record<string, PeerRule>> = {
  '/': open,
  '/panel/public/*': open,
  '/getRunId': open,
  '/getHateoasUrl': open,
  '/getSoftwareReleaseListFromSoftwareProduct': open,
  '/getFullComputerInformation': computer,
  '/getComputerInformation': computer,
  '/registerComputerPartition': registered,
  '/getHostingSubscriptionIpList': own,
  '/getComputerPartitionCertificate': own,
  '/getComputerPartitionStatus': own,
  '/requestComputerPartition': request,
  '/startedComputerPartition': own,
  '/stoppedComputerPartition': own,
  '/softwareInstanceError': own,
  '/softwareInstanceBang': own,
  '/softwareInstanceRename': rename,
  '/setComputerPartitionConnectionXml': publish,
  '/updateComputerPartitionRelatedInstanceList': own,
  '/hateoas': ({ form }, { uid }) => {
    if (form.optional('mode') === null) return null;
    throw refused(`documents are not for the users of partitions, such as uid ${uid}`);
  },
};
