/** What a partition is like before it is processed. */
import { parse } from 'node:path';
import type { GridContext } from '../grid/context.ts';
import type { DecisionFacts } from './decide.ts';
import { parsePeriodicity } from './decide.ts';
import type { Partition } from './partition.ts';
import { TIMESTAMP_FILE } from './timestamp.ts';

/** Looks only, but for a `periodicity` file that makes no sense: it is removed, as upstream does. */
export async function observePartition(
  context: GridContext,
  partition: Partition,
): Promise<DecisionFacts> {
  const { folder, timestamp, wish } = partition;
  const text = await folder.readText(TIMESTAMP_FILE);
  const status = text === undefined ? undefined : await folder.stat(TIMESTAMP_FILE);
  return {
    isForced: context.options.isForced,
    isForceStop: context.options.isForceStop,
    requestedState: wish.requestedState,
    timestamp,
    stored:
      text === undefined || status === undefined
        ? undefined
        : { text, mtime: status.modifiedMs / 1000 },
    periodicitySeconds: await readPeriodicity(context, partition),
    now: context.now().getTime() / 1000,
  };
}

async function readPeriodicity(context: GridContext, partition: Partition): Promise<number> {
  const preset = context.options.maximumPeriodicitySeconds;
  if (partition.softwarePath === undefined) return preset;
  const { dir, base } = parse(partition.softwarePath);
  const folder = context.host.openFolder(dir, base);
  const text = await folder.readText('periodicity').catch(() => undefined);
  if (text === undefined) return preset;
  const seconds = parsePeriodicity(text);
  if (seconds !== undefined) return seconds;
  partition.log.warning(`${folder.path}/periodicity holds no number: removing it.`);
  await folder.remove('periodicity');
  return preset;
}
