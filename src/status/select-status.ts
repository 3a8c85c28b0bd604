/** A part of the model, by names as supervisorctl takes them. Pure. */
import { splitName } from '../supervisor/ctl/session.ts';
import type { NodeStatus, PartitionStatus } from './model.ts';
import type { ServiceGroup } from './supervised-services.ts';

type Wanted = ReturnType<typeof splitName>;

/**
 * The partitions that the names mean, each with the services that they mean.
 * @param names `slappart0:`, `slappart0:httpd`, …; none for all
 */
export function selectStatus(status: NodeStatus, names: readonly string[]): NodeStatus {
  if (isAll(names)) return status;
  const wanted = names.map(splitName);
  const partitions = status.partitions.flatMap((partition) => {
    const own = wanted.filter(({ group }) => group === partition.reference);
    return own.length === 0 ? [] : [selectServices(partition, own)];
  });
  return { ...status, partitions };
}

function selectServices(partition: PartitionStatus, wanted: readonly Wanted[]): PartitionStatus {
  const services = partition.services.filter(({ name }) => isMeant(wanted, name));
  return { ...partition, services };
}

function isMeant(wanted: readonly Wanted[], name: string): boolean {
  return wanted.some(({ process }) => process === undefined || process === name);
}

export function isAll(names: readonly string[]): boolean {
  return names.length === 0 || names.includes('all');
}

/** States for which `status` ends with a status of its own (spec/supervisor.md 5). */
const STOPPED: ReadonlySet<string> = new Set(['STOPPED', 'EXITED', 'FATAL', 'UNKNOWN']);

/** What the names come to among all services, those of no partition included. */
export function judgeNames(
  groups: ReadonlyMap<string, ServiceGroup>,
  names: readonly string[],
): { readonly isStopped: boolean; readonly errors: readonly string[] } {
  const all = [...groups].flatMap(([group, { services }]) =>
    services.map(({ name, state }) => ({ group, name, state })),
  );
  if (isAll(names)) return { isStopped: all.some(({ state }) => STOPPED.has(state)), errors: [] };
  const errors: string[] = [];
  let isStopped = false;
  for (const name of names) {
    const { group, process } = splitName(name);
    const meant = all.filter(
      (one) => one.group === group && isMeant([{ group, process }], one.name),
    );
    isStopped ||= meant.some(({ state }) => STOPPED.has(state));
    if (meant.length > 0) continue;
    errors.push(
      process === undefined
        ? `${group}: ERROR (no such group)`
        : `${name}: ERROR (no such process)`,
    );
  }
  return { isStopped, errors };
}
