/** Empties a partition that the Master no longer wants (spec/grid.md 8, "Destroy"). */
import { errorCode, errorMessage, SlaposError } from '../errors/slapos-error.ts';
import type { GridContext } from '../grid/context.ts';
import { eachManager } from '../grid/manager.ts';
import { isOwnersDoing } from '../host/folder/beneath-refusal.ts';
import { renewalName } from '../host/folder/renew-folder.ts';
import type { OwnedFolder } from '../host/grid-host.ts';
import type { UserIdentity } from '../host/user/user.ts';
import { refreshCertificate, removeCertificate } from '../instance/certificates.ts';
import { notifyStopped } from '../instance/notify.ts';
import { type Partition, partitionPath } from '../instance/partition.ts';
import { decideRetention } from '../instance/retention.ts';
import { removeServiceFiles, removeServiceGroup } from '../instance/service-files.ts';
import type { ServiceSupervisor } from '../instance/service-supervisor.ts';
import { isPartitionServiceFile } from '../instance/services.ts';
import { runPartitionScript } from './run-script.ts';

const LOCK_DELAY = '.slapos-retention-lock-delay';
const LOCK_DATE = '.slapos-retention-lock-date';
const WAIT_LIST = '.slapos-report-wait-service-list';
/** What `node format` wrote: it describes the partition, not the instance. */
const KEPT = '.slapos-resource';
/** The longest list of services that managers write, a thousand names, fits. */
const NOTE_BYTES = 512 * 1024;

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
  await notifyStopped(context, partition.masterId).catch((error: unknown) => {
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
  await leaveNothing(context, partition);
  // Before the partition loses what it says of its rules.
  await context.firewall?.remove(context, partition);
  await emptyPartition(context, partition);
  if ((await removeServiceFiles(context, id)).needsUpdate) await (await openSupervisor()).update();
  await tellDestroyed(context, partition);
  return true;
}

/** The list is the partition's: services of others named in it do not keep it. */
async function hasRunningServices(
  partition: Partition,
  openSupervisor: () => Promise<ServiceSupervisor>,
): Promise<boolean> {
  const text = await readNote(partition, WAIT_LIST);
  const { id } = partition;
  const names = (text ?? '')
    .split('\n')
    .map((line) => line.trim())
    .filter((name) => isPartitionServiceFile(name.replace(/:.*/, '.conf'), id));
  if (names.length === 0) return false;
  const states = await (await openSupervisor()).listStates();
  return names.some((name) => ['RUNNING', 'STARTING'].includes(states.get(name) ?? ''));
}

async function isRetained(context: GridContext, partition: Partition): Promise<boolean> {
  const { folder, id, log } = partition;
  const decision = decideRetention(
    await readNote(partition, LOCK_DELAY),
    await readNote(partition, LOCK_DATE),
    context.now().getTime() / 1000,
  );
  for (const text of decision.ignored) log.warning(`${folder.path}/${text}, ignoring it.`);
  if (decision.action === 'destroy') return false;
  if (decision.lockDate !== undefined) {
    await folder.write(LOCK_DATE, decision.lockDate, { mode: 0o644 });
  }
  log.info(`Partition ${id} is retained until ${new Date(decision.until * 1000).toISOString()}.`);
  return true;
}

/**
 * A file of the node in the partition's folder. What its owner put in its place is removed: it must
 * not keep the partition from being destroyed.
 * @throws HostError when the machine cannot read it: it may say that the partition is to stay.
 */
async function readNote({ folder, log }: Partition, name: string): Promise<string | undefined> {
  try {
    return (await folder.readSole(name, NOTE_BYTES))?.toString();
  } catch (error) {
    if (!isOwnersDoing(error)) throw error;
    log.warning(`${errorMessage(error)} It is removed.`);
    // Where a file system of its own stands in the way: that goes with its processes.
    await folder.remove(name).catch((failure: unknown) => {
      log.warning(`${errorMessage(failure)} It counts as missing.`);
    });
    return undefined;
  }
}

async function runDestroyScript(context: GridContext, partition: Partition): Promise<void> {
  const { folder, id } = partition;
  const script = `${folder.path}/sbin/destroy`;
  if (!(await hasDestroyScript(folder))) return;
  const seconds = context.options.reportTimeoutSeconds;
  const { failure, output } = await runPartitionScript(context, partition, {
    argv: [script],
    cwd: folder.path,
    ...(seconds > 0 ? { timeoutMs: seconds * 1000 } : {}),
  });
  if (failure === undefined) return;
  throw new SlaposError(
    'SLAPOS_ERR_PARTITION',
    `Failed to run destroy script of partition ${id}: ${failure}\n${output}`,
  );
}

/**
 * Where a link or a file system of its user stands in the way only that user may look further.
 * @throws HostError when the kernel does not say whether there is one.
 */
async function hasDestroyScript(folder: OwnedFolder): Promise<boolean> {
  try {
    return (await folder.stat('sbin/destroy')) !== undefined;
  } catch (error) {
    if (errorCode(error) === 'SLAPOS_ERR_UNSAFE_PATH') return true;
    if (errorCode((error as { cause?: unknown }).cause) === 'EACCES') return true;
    throw error;
  }
}

/**
 * The user of the partition is also that of the next instance in it, which must meet neither
 * processes nor files of this one. Before the folder is emptied, so that nobody fills it again.
 * @throws SlaposError when processes cannot be ended.
 */
async function leaveNothing(context: GridContext, { id, log, owner }: Partition): Promise<void> {
  if (!(await isOwnUser(context, id, owner))) return;
  const { contained, found, left } = await context.host.endUserProcesses(owner);
  if (contained > 0) {
    log.warning(`${contained} process(es) of uid ${owner.uid} in containers are left alone.`);
  }
  if (left > 0) {
    throw new SlaposError(
      'SLAPOS_ERR_PARTITION',
      `${left} process(es) of uid ${owner.uid} of partition ${id} cannot be ended: it is not freed.`,
      {
        hint: `Look at ps -u ${owner.uid}: they wait for a disk or a file server (state D), or fork without end.`,
      },
    );
  }
  if (found > 0) log.info(`Ended ${found} process(es) that were not supervised.`);
  const { failures, removed } = await context.host.removeUserTraces(owner);
  if (removed.length > 0)
    log.info(`Removed what the partition's user left: ${removed.join(', ')}.`);
  if (failures.length === 0) return;
  log.warning(`The partition's user left what cannot be removed: ${failures.join(', ')}.`);
}

/**
 * Whether the user is the partition's alone, as `node format` makes them: then its home is the
 * partition. Users of other kinds may have processes and files that are none of our business.
 */
async function isOwnUser(
  { host, options: { instanceRoot } }: GridContext,
  id: string,
  owner: UserIdentity,
): Promise<boolean> {
  if (!host.isRoot || owner.home !== partitionPath(instanceRoot, id)) return false;
  const folder = host.openFolder(instanceRoot);
  for (const name of await folder.list('')) {
    // What a renewal of this very folder left when it was killed is no other partition's.
    if (name !== id && name !== renewalName(id) && (await folder.stat(name))?.uid === owner.uid)
      return false;
  }
  return true;
}

async function emptyPartition(context: GridContext, partition: Partition): Promise<void> {
  const { folder, id } = partition;
  await removeCertificate(context, id);
  await folder.remove('software_release');
  const home = context.options.instanceStorageHome;
  if (home !== '') await emptyStorage(context, partition, home);
  const isKept = (await folder.stat(KEPT))?.kind === 'file';
  await folder.empty(isKept ? [KEPT] : []);
  await renew(context, partition, folder.path, KEPT);
}

/** What the user of the instance gave others of its folder must not hold for the next one. */
async function renew(
  { host }: GridContext,
  { log }: Pick<Partition, 'log'>,
  path: string,
  kept?: string,
): Promise<void> {
  const warn = (text: string) => log.warning(`${text} \`slapos node format\` writes it again.`);
  if (await host.renewFolder(path, kept === undefined ? undefined : { name: kept, warn })) return;
  log.warning(
    `${path} is mounted, or may not be replaced, and stays: look for access rights on it with getfacl.`,
  );
}

/**
 * Extra disks: `<storage home>/<disk>/<partition>`. They are looked for where only root writes, not
 * in `DATA` of the partition, whose links its owner may have taken away.
 */
async function emptyStorage(
  context: GridContext,
  partition: Pick<Partition, 'id' | 'log'>,
  home: string,
): Promise<void> {
  const { host } = context;
  for (const disk of await host.openFolder(home).list('')) {
    const path = `${home}/${disk}`;
    if ((await host.stat(path))?.kind !== 'directory') continue;
    const folder = host.openFolder(path, partition.id);
    await folder.empty();
    if ((await folder.stat(''))?.kind === 'directory') await renew(context, partition, folder.path);
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
