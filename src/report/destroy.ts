/** Empties a partition that the Master no longer wants (spec/grid.md 8, "Destroy"). */
import { errorCode, errorMessage, SlaposError } from '../errors/slapos-error.ts';
import { childEnvironment } from '../grid/child-environment.ts';
import type { GridContext } from '../grid/context.ts';
import { eachManager } from '../grid/manager.ts';
import { refreshCertificate, removeCertificate } from '../instance/certificates.ts';
import type { Partition } from '../instance/partition.ts';
import { decideRetention } from '../instance/retention.ts';
import { removeServiceFiles, removeServiceGroup } from '../instance/service-files.ts';
import type { ServiceSupervisor } from '../instance/service-supervisor.ts';

const LOCK_DELAY = '.slapos-retention-lock-delay';
const LOCK_DATE = '.slapos-retention-lock-date';
const WAIT_LIST = '.slapos-report-wait-service-list';
/** What `node format` wrote: it describes the partition, not the instance. */
const KEPT = ['.slapos-resource'];

/**
 * Stops the services, then destroys the partition unless retention or a service still forbids it.
 * @returns true when the partition is free now.
 * @throws SlaposError when it could not be destroyed.
 */
export async function destroyPartition(
  context: GridContext,
  partition: Partition,
  openSupervisor: () => Promise<ServiceSupervisor>,
): Promise<boolean> {
  const { id, log } = partition;
  log.info(`Destroying partition ${id}...`);
  if ((await removeServiceGroup(context, id)).needsUpdate) await (await openSupervisor()).update();
  await refreshCertificate(context, partition);
  await context.master.reportStopped(partition.masterId).catch((error: unknown) => {
    log.warning(`The Master was not told: ${errorMessage(error)}, ignoring`);
  });
  const isRetainedStill = await isRetained(context, partition);
  await eachManager(context, (manager) => manager.report?.(context, partition, isRetainedStill));
  if (await hasRunningServices(partition, openSupervisor)) {
    log.info(`Partition ${id} still has services that must end first.`);
    return false;
  }
  if (isRetainedStill) return false;
  await runDestroyScript(context, partition);
  await emptyPartition(context, partition);
  if ((await removeServiceFiles(context, id)).needsUpdate) await (await openSupervisor()).update();
  await tellDestroyed(context, partition);
  return true;
}

async function hasRunningServices(
  { folder }: Partition,
  openSupervisor: () => Promise<ServiceSupervisor>,
): Promise<boolean> {
  const text = await folder.readText(WAIT_LIST);
  const names = (text ?? '').split('\n').map((line) => line.trim());
  if (names.every((name) => name === '')) return false;
  const states = await (await openSupervisor()).listStates();
  return names.some((name) => ['RUNNING', 'STARTING'].includes(states.get(name) ?? ''));
}

async function isRetained(context: GridContext, { folder, id, log }: Partition): Promise<boolean> {
  const decision = decideRetention(
    await folder.readText(LOCK_DELAY),
    await folder.readText(LOCK_DATE),
    context.now().getTime() / 1000,
  );
  if (decision.action === 'destroy') return false;
  if (decision.lockDate !== undefined) {
    await folder.write(LOCK_DATE, decision.lockDate, { mode: 0o644 });
  }
  log.info(`Partition ${id} is retained until ${new Date(decision.until * 1000).toISOString()}.`);
  return true;
}

async function runDestroyScript(context: GridContext, partition: Partition): Promise<void> {
  const { folder, id, log, owner } = partition;
  const script = `${folder.path}/sbin/destroy`;
  if ((await context.host.stat(script)) === undefined) return;
  const { partitionTimeoutSeconds } = context.options;
  const outcome = await context.host.run({
    argv: [script],
    cwd: folder.path,
    env: childEnvironment(context.env, { home: owner.home }),
    user: owner,
    onLine: (line) => log.info(line),
    signal: context.signal,
    ...(partitionTimeoutSeconds === undefined ? {} : { timeoutMs: partitionTimeoutSeconds * 1000 }),
  });
  if (outcome.status === 0) return;
  throw new SlaposError(
    'SLAPOS_ERR_PARTITION',
    `Failed to run destroy script of partition ${id}:\n${outcome.output}`,
  );
}

async function emptyPartition(context: GridContext, partition: Partition): Promise<void> {
  const { folder, id } = partition;
  await removeCertificate(context, id);
  await folder.remove('software_release');
  const home = context.options.instanceStorageHome;
  if (home !== '') await emptyStorage(context, partition, home);
  const names = (await folder.list('')).filter((name) => !KEPT.includes(name));
  for (const name of names) await folder.remove(name);
}

/** Extra disks: `DATA/<disk>` links to `<storage home>/<disk>/<partition>`. */
async function emptyStorage(
  context: GridContext,
  { folder, id }: Partition,
  home: string,
): Promise<void> {
  for (const disk of await folder.list('DATA').catch(() => [])) {
    await folder.remove(`DATA/${disk}`);
    const storage = context.host.openFolder(`${home}/${disk}/${id}`);
    for (const name of await storage.list('')) await storage.remove(name);
  }
}

async function tellDestroyed(context: GridContext, { log, masterId }: Partition): Promise<void> {
  await context.master.reportDestroyed(masterId).catch((error: unknown) => {
    const isIgnored =
      errorCode(error) === 'SLAPOS_ERR_MASTER_NOT_FOUND' ||
      errorCode(error) === 'SLAPOS_ERR_MASTER_UNAVAILABLE';
    if (!isIgnored) throw error;
    log.warning(`The Master was not told: ${errorMessage(error)}, ignoring`);
  });
}
