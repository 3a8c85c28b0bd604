/**
 * What a partition has used, for charts: from the collector's daemon, which keeps its last samples,
 * or by minute from the database, which keeps a day.
 */
import { daemonSocket, readSeries as readSamples } from '../collect/daemon/daemon-client.ts';
import type { SeriesField, SeriesView } from '../collect/daemon/series.ts';
import { reasonOf } from './availability.ts';
import { readCollectedSeries } from './collector-database.ts';
import { collectorDatabase, DAEMON_PATIENCE } from './consumption.ts';
import type { Consumption, PartitionSeries } from './model.ts';
import { isPartitionName } from './partition-folders.ts';
import type { StatusSources } from './sources.ts';

/** Minutes of a day. */
const MAX_MINUTES = 1440;
/** What the model tells of what the daemon keeps. */
const FIELDS: ReadonlyArray<SeriesField & keyof Consumption> = [
  'cpu',
  'rssBytes',
  'processes',
  'threads',
  'readBytesPerS',
  'writeBytesPerS',
  'netInBytesPerS',
  'netOutBytesPerS',
];

/** What may be missing before the first sample; minutes are not told apart more finely. */
const MAX_GAP_MS = 2 * 60_000;

/**
 * Samples of the daemon where they reach back far enough, else minutes.
 * @param sinceMs only what is newer, milliseconds since the epoch
 * @returns undefined for a name that is no partition's.
 */
export async function readSeries(
  sources: StatusSources,
  reference: string,
  sinceMs = 0,
): Promise<PartitionSeries | undefined> {
  if (!isPartitionName(sources.settings, reference)) return undefined;
  const samples = await readSampleSeries(sources, reference, sinceMs);
  const nowMs = sources.host.nowMs();
  if (samples !== undefined && beginOf(samples, nowMs) - sinceMs <= MAX_GAP_MS) return samples;
  const minutes = await readMinutes(sources, reference, sinceMs);
  if (samples === undefined) return minutes;
  const isFurther = beginOf(minutes, Infinity) < beginOf(samples, nowMs) - MAX_GAP_MS;
  return isFurther ? minutes : samples;
}

/**
 * @param sinceMs only what is newer, milliseconds since the epoch
 * @returns undefined without a daemon, and for a name that is no partition's.
 */
export async function readSampleSeries(
  { host, settings }: StatusSources,
  reference: string,
  sinceMs: number,
): Promise<PartitionSeries | undefined> {
  if (!isPartitionName(settings, reference)) return undefined;
  const read = host.readSamplesOf ?? readSamples;
  const socket = daemonSocket(settings.instanceRoot);
  const view = await read(socket, reference, sinceMs, DAEMON_PATIENCE);
  return view === undefined ? undefined : toSeries(reference, view);
}

function beginOf({ timesMs }: PartitionSeries, otherwiseMs: number): number {
  return timesMs[0] ?? otherwiseMs;
}

function toSeries(partition: string, { timesMs, values }: SeriesView): PartitionSeries {
  const told = Object.fromEntries(FIELDS.map((field) => [field, values[field]]));
  return { partition, resolution: 'sample', timesMs, values: told, reason: '' };
}

async function readMinutes(
  { host, settings }: StatusSources,
  reference: string,
  sinceMs: number,
): Promise<PartitionSeries> {
  const database = collectorDatabase(settings.instanceRoot);
  const nothing = { partition: reference, resolution: 'minute', timesMs: [], values: {} } as const;
  try {
    const { targets } = await host.look(settings.instanceRoot, { targets: [reference] });
    const owner = typeof targets[0] === 'object' ? host.findUserName(targets[0].uid) : undefined;
    if (owner === undefined) return { ...nothing, reason: 'Its folder has no known owner.' };
    const oldestMs = Math.max(sinceMs, host.nowMs() - MAX_MINUTES * 60_000);
    const found = await readCollectedSeries(database, owner, oldestMs);
    const reason = found.timesMs.length > 0 ? '' : 'Nothing was collected in that time.';
    return { ...nothing, ...found, reason };
  } catch (error) {
    return { ...nothing, reason: `${database}: ${reasonOf(error)}` };
  }
}
