/** Which partitions are shown in which order, and what is shown of one. Pure. */
import type { NodeStatus, PartitionStatus, PromiseStatus, ServiceStatus } from '../status/model.ts';
import type { ProcessList, ProcessRow } from './data.ts';
import type { SortKey, TopState } from './state.ts';

const FAILED_STATES = new Set(['FATAL', 'BACKOFF', 'UNKNOWN']);

/** Whether a service is not what it should be. */
export function hasServiceFailed({ state, exitStatus }: ServiceStatus): boolean {
  return FAILED_STATES.has(state) || (state === 'EXITED' && (exitStatus ?? 0) !== 0);
}

export function findPartition(
  { partitions }: Pick<NodeStatus, 'partitions'>,
  reference: string | null,
): PartitionStatus | undefined {
  if (reference === null) return undefined;
  return partitions.find((each) => each.reference === reference);
}

export interface Counts {
  readonly services: number;
  readonly running: number;
  readonly failedServices: number;
  readonly promises: number;
  readonly failedPromises: number;
}

export function countStates({
  services,
  promises,
}: Pick<PartitionStatus, 'services' | 'promises'>): Counts {
  return {
    services: services.length,
    running: services.filter(({ state }) => state === 'RUNNING').length,
    failedServices: services.filter(hasServiceFailed).length,
    promises: promises.length,
    failedPromises: promises.filter(({ hasFailed }) => hasFailed).length,
  };
}

/** What the higher of comes first; undefined where nobody knows, which comes last. */
const MEASURES: Readonly<
  Record<Exclude<SortKey, 'name'>, (partition: PartitionStatus) => number | undefined>
> = {
  cpu: ({ consumption }) => consumption?.cpu,
  mem: ({ consumption }) => consumption?.rssBytes,
  io: ({ consumption: used }) => (used ? used.readBytesPerS + used.writeBytesPerS : undefined),
  net: ({ consumption: used }) => (used ? used.netInBytesPerS + used.netOutBytesPerS : undefined),
  disk: ({ consumption }) => consumption?.diskBytes ?? undefined,
  promises: (partition) => {
    const { failedPromises, failedServices } = countStates(partition);
    // A promise that fails is what was sorted by; services break the tie.
    return failedPromises + Math.min(failedServices, 999) / 1000;
  },
};

function matches(partition: PartitionStatus, words: string): boolean {
  const { reference, user, instance } = partition;
  const texts = [reference, user, instance?.title, instance?.reference, instance?.softwareType];
  return texts.some((text) => text?.toLowerCase().includes(words));
}

/** The partitions that pass the filter, in the order asked for; equals stay in theirs. */
export function listPartitions(
  partitions: readonly PartitionStatus[],
  { sortBy, isReversed, filter }: Pick<TopState, 'sortBy' | 'isReversed' | 'filter'>,
): PartitionStatus[] {
  const words = filter.trim().toLowerCase();
  const found = words === '' ? [...partitions] : partitions.filter((each) => matches(each, words));
  if (sortBy === 'name') return isReversed ? found.reverse() : found;
  const sign = isReversed ? -1 : 1;
  const measured = found.map((partition) => ({ partition, value: MEASURES[sortBy](partition) }));
  measured.sort((a, b) => {
    if (a.value === undefined || b.value === undefined) {
      return Number(a.value === undefined) - Number(b.value === undefined);
    }
    return sign * (b.value - a.value);
  });
  return measured.map(({ partition }) => partition);
}

/** A row of what is shown of one partition. */
export type DetailRow =
  | { readonly kind: 'service'; readonly name: string; readonly service: ServiceStatus }
  | { readonly kind: 'promise'; readonly name: string; readonly promise: PromiseStatus }
  | { readonly kind: 'process'; readonly name: string; readonly process: ProcessRow };

/** Services, promises and processes; what failed before what has not. */
export function listDetails(
  partition: PartitionStatus,
  processes: ProcessList | null,
): readonly DetailRow[] {
  const failedFirst = <T>(rows: readonly T[], hasFailed: (row: T) => boolean) => [
    ...rows.filter(hasFailed),
    ...rows.filter((row) => !hasFailed(row)),
  ];
  const services = failedFirst(partition.services, hasServiceFailed);
  const promises = failedFirst(partition.promises, ({ hasFailed }) => hasFailed);
  const list = processes?.partition === partition.reference ? processes.rows : [];
  return [
    ...services.map((service) => {
      return { kind: 'service', name: `service ${service.name}`, service } as const;
    }),
    ...promises.map((promise) => {
      return { kind: 'promise', name: `promise ${promise.title}`, promise } as const;
    }),
    ...list.map((process) => {
      return { kind: 'process', name: `process ${process.pid}`, process } as const;
    }),
  ];
}
