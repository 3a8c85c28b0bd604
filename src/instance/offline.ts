/** What the node does without its Master (spec/grid.md 7.7). */
import { errorMessage } from '../errors/slapos-error.ts';
import type { GridContext } from '../grid/context.ts';
import { type KeptPartition, readKeptAnswer } from './kept-answer.ts';
import { hasServiceGroup, removeServiceGroup } from './service-files.ts';
import type { ServiceSupervisor } from './service-supervisor.ts';
import { forgetTimestamp } from './timestamp.ts';

const LEGACY_STATE = '.requested_state';

/**
 * Stops what the Master wanted stopped when it was last heard, and starts every other service that
 * the supervisor knows; with `--force-stop` nothing is started.
 * @returns 3, or 1 when that failed too.
 */
export async function runOffline(
  context: GridContext,
  openSupervisor: () => Promise<ServiceSupervisor>,
): Promise<1 | 3> {
  const { log, options } = context;
  const deed = options.isForceStop ? 'stopping' : 'starting';
  log.warning(`The Master cannot be reached: ${deed} the services that were installed before.`, {
    event: 'instance.offline',
  });
  try {
    const unwanted = (await readKeptAnswer(context)).filter((one) => isUnwanted(context, one));
    const names = [...unwanted.map((one) => one.partitionId), ...(await takeLegacyStops(context))];
    for (const name of names) await stopPartition(context, name);
    const supervisor = await openSupervisor();
    if (names.length > 0) await supervisor.update();
    if (!options.isForceStop) await supervisor.startAll();
    return 3;
  } catch (error) {
    log.error(`The services could not be changed: ${errorMessage(error)}`);
    return 1;
  }
}

function isUnwanted({ options }: GridContext, partition: KeptPartition): boolean {
  if (partition.softwareReleaseUrl === null) return false;
  if (['stopped', 'destroyed'].includes(partition.requestedState)) return true;
  const isMeant = options.only.length === 0 || options.only.includes(partition.partitionId);
  return options.isForceStop && isMeant;
}

/**
 * Without `.timestamp` the next pass with a Master brings back what is stopped here: by force, or for
 * an answer that is older than the last success, since the one after it could not be kept.
 */
async function stopPartition(context: GridContext, partitionId: string): Promise<void> {
  if (await hasServiceGroup(context, partitionId)) await forgetTimestamp(context, partitionId);
  await removeServiceGroup(context, partitionId);
}

/** Older versions noted the state in a file of the partition; it is used once. */
async function takeLegacyStops(context: GridContext): Promise<readonly string[]> {
  const root = context.host.openFolder(context.options.instanceRoot);
  const stopped: string[] = [];
  for (const name of await root.list('')) {
    const state = await readLegacyState(context, name);
    if (state === undefined) continue;
    await root.remove(`${name}/${LEGACY_STATE}`);
    if (state.trim() === 'stopped') stopped.push(name);
  }
  return stopped;
}

async function readLegacyState(context: GridContext, name: string): Promise<string | undefined> {
  const path = `${context.options.instanceRoot}/${name}`;
  if ((await context.host.stat(path))?.kind !== 'directory') return undefined;
  return context.host
    .openFolder(path)
    .readText(LEGACY_STATE)
    .catch(() => undefined);
}
