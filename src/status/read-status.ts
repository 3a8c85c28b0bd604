/** Reads the whole model of a node; what cannot be read is told as such. */
import type { PartitionPromises } from '../promise/result-reader.ts';
import { reasonOf } from './availability.ts';
import type { ConsumptionOfNode } from './consumption.ts';
import type { InstanceStatus, NodeStatus, PartitionStatus } from './model.ts';
import { listPartitionFolders, type PartitionFolder } from './partition-folders.ts';
import type { StatusSources } from './sources.ts';
import type { SupervisedServices } from './supervised-services.ts';

/** Never rejects. */
export async function readNodeStatus(sources: StatusSources): Promise<NodeStatus> {
  const { host, settings } = sources;
  const problems: string[] = [];
  const folders = await orNothing(listPartitionFolders(host, settings), [], problems);
  const readable = folders.filter(({ problem }) => problem === '');
  const references = readable.map(({ reference }) => reference);
  const [assigned, supervised, promises, consumption] = await Promise.all([
    sources.instances.read(),
    sources.services.read(),
    orNothing<ReadonlyMap<string, PartitionPromises>>(
      sources.promises.read(references),
      new Map(),
      problems,
    ),
    sources.consumption.read(references),
  ]);
  const found = { instances: assigned.instances, groups: supervised.groups, promises, consumption };
  return {
    takenAtMs: host.nowMs(),
    computerId: settings.computerId,
    instanceRoot: settings.instanceRoot,
    supervisor: supervised.supervisor,
    document: assigned.document,
    consumption: consumption.consumption,
    ...(problems.length === 0 ? {} : { problems }),
    partitions: folders.map((folder) => toPartition(sources, folder, found)),
  };
}

/** The part that cannot be read is told among the problems. */
async function orNothing<Part>(
  work: Promise<Part>,
  nothing: Part,
  problems: string[],
): Promise<Part> {
  try {
    return await work;
  } catch (error) {
    problems.push(reasonOf(error));
    return nothing;
  }
}

interface Found {
  readonly instances: ReadonlyMap<string, InstanceStatus>;
  readonly groups: SupervisedServices['groups'];
  readonly promises: ReadonlyMap<string, PartitionPromises>;
  readonly consumption: ConsumptionOfNode;
}

const NO_SERVICES: readonly never[] = [];
const NO_PROMISES: readonly never[] = [];

function toPartition(
  { host }: StatusSources,
  { path, problem, reference, uid }: PartitionFolder,
  { consumption, groups, instances, promises }: Found,
): PartitionStatus {
  const user = uid === null ? '' : (host.findUserName(uid) ?? '');
  const own = promises.get(reference);
  const problems =
    problem === '' && (own?.problem ?? '') === ''
      ? []
      : [problem, own?.problem ?? ''].filter(Boolean);
  return {
    reference,
    path,
    user,
    uid,
    instance: instances.get(reference) ?? null,
    services: groups.get(reference)?.services ?? NO_SERVICES,
    promises: own?.promises ?? NO_PROMISES,
    consumption: consumption.find(reference, user),
    ...(problems.length === 0 ? {} : { problems }),
  };
}
