/** What a partition is like before it is processed. */
import { parse } from 'node:path';
import { errorMessage, SlaposError } from '../errors/slapos-error.ts';
import type { GridContext } from '../grid/context.ts';
import type { DecisionFacts } from './decide.ts';
import { parsePeriodicity } from './decide.ts';
import type { Partition } from './partition.ts';
import { TIMESTAMP_FILE } from './timestamp.ts';

const MAX_BYTES = 4096;

/** Looks only, but for a `periodicity` file that makes no sense: it is removed, as upstream does. */
export async function observePartition(
  context: GridContext,
  partition: Partition,
): Promise<DecisionFacts> {
  const { timestamp, wish } = partition;
  return {
    isForced: context.options.isForced,
    isForceStop: context.options.isForceStop,
    requestedState: wish.requestedState,
    timestamp,
    stored: await readTimestamp(partition),
    periodicitySeconds: await readPeriodicity(context, partition),
    now: context.now().getTime() / 1000,
  };
}

/** What the partition put there instead is no success, and must not keep it from being stopped. */
async function readTimestamp({ folder, log }: Partition): Promise<DecisionFacts['stored']> {
  const status = await folder.stat(TIMESTAMP_FILE);
  if (status === undefined) return undefined;
  try {
    if (status.kind !== 'file' || status.sizeBytes > MAX_BYTES) throw unsafeTimestamp(folder.path);
    const text = await folder.readText(TIMESTAMP_FILE);
    return text === undefined ? undefined : { text, mtime: status.modifiedMs / 1000 };
  } catch (error) {
    log.warning(`${errorMessage(error)} Removing it.`);
    await folder.remove(TIMESTAMP_FILE);
    return undefined;
  }
}

function unsafeTimestamp(path: string): SlaposError {
  const message = `${path}/${TIMESTAMP_FILE} is no small file.`;
  return new SlaposError('SLAPOS_ERR_UNSAFE_PATH', message);
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
