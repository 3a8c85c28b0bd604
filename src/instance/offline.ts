/** What the node does without its Master (spec/grid.md 7.7). */
import { errorMessage } from '../errors/slapos-error.ts';
import type { GridContext } from '../grid/context.ts';
import { removeServiceGroup } from './service-files.ts';
import type { ServiceSupervisor } from './service-supervisor.ts';

const LEGACY_STATE = '.requested_state';

/**
 * Starts every service that the supervisor knows.
 * @returns 3, or 1 when that failed too.
 */
export async function runOffline(
  context: GridContext,
  openSupervisor: () => Promise<ServiceSupervisor>,
): Promise<1 | 3> {
  const { log } = context;
  log.warning('The Master cannot be reached: starting the services that were installed before.', {
    event: 'instance.offline',
  });
  try {
    const hasStopped = await stopLegacyPartitions(context);
    const supervisor = await openSupervisor();
    if (hasStopped) await supervisor.update();
    await supervisor.startAll();
    return 3;
  } catch (error) {
    log.error(`The services could not be started: ${errorMessage(error)}`);
    return 1;
  }
}

/** Older versions noted the state in a file; it is used once. */
async function stopLegacyPartitions(context: GridContext): Promise<boolean> {
  const root = context.host.openFolder(context.options.instanceRoot);
  let hasStopped = false;
  for (const name of await root.list('')) {
    const state = await readLegacyState(context, name);
    if (state === undefined) continue;
    await root.remove(`${name}/${LEGACY_STATE}`);
    if (state.trim() !== 'stopped') continue;
    await removeServiceGroup(context, name);
    hasStopped = true;
  }
  return hasStopped;
}

async function readLegacyState(context: GridContext, name: string): Promise<string | undefined> {
  const path = `${context.options.instanceRoot}/${name}`;
  if ((await context.host.stat(path))?.kind !== 'directory') return undefined;
  return context.host
    .openFolder(path)
    .readText(LEGACY_STATE)
    .catch(() => undefined);
}
