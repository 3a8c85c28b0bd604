/**
 * Manager `prerm`: scripts that run before a partition is destroyed, as its services
 * (spec/grid.md 12). The destruction waits for them.
 */
import { errorMessage } from '../errors/slapos-error.ts';
import type { GridContext, ManagedPartition, Manager } from '../grid/context.ts';
import { warnOfFirst } from '../grid/entry-warnings.ts';
import { ownedBy } from '../grid/owner.ts';
import { writePartitionText } from '../grid/partition-json.ts';
import { type ManagerGroup, MOST_SERVICES, writeManagerGroup } from '../instance/service-files.ts';
import { refusedServiceNames } from '../instance/services.ts';
import { PRERM_SUFFIX } from '../model/manager-group.ts';
import type { ManagerParts } from './parts.ts';
import { startManagerGroup } from './start-group.ts';

const SCRIPTS = 'etc/prerm';
const WAIT_LIST = '.slapos-report-wait-service-list';

export function createPrermManager({ openSupervisor }: ManagerParts): Manager {
  return {
    name: 'prerm',
    asksBy: [],
    async report(context, partition, isRetained) {
      if (isRetained) return;
      const names = await listScripts(partition);
      if (names.length === 0) return;
      const group = describeScripts(partition, names);
      const isChanged = await writeManagerGroup(context, group);
      // Before they start: a pass that is cut off here must not empty what they work on.
      await writeWaitList(context, partition, names);
      await startManagerGroup(await openSupervisor(), group.name, isChanged);
    },
  };
}

/** Names of scripts, without those that cannot be a service. */
async function listScripts(partition: ManagedPartition): Promise<readonly string[]> {
  const { folder, id, log } = partition;
  const names = await listNames(partition);
  const found: string[] = [];
  for (const name of names) {
    const status = await folder.stat(`${SCRIPTS}/${name}`);
    if (status?.kind === 'file' || status?.kind === 'link') found.push(name);
  }
  const refused = refusedServiceNames(found);
  warnOfFirst(
    log,
    refused.map(
      (name) => `Script ${JSON.stringify(name)} of ${id} has an unsafe name, ignoring it.`,
    ),
    (count) => `${count} more scripts of ${id} have unsafe names, ignoring them.`,
  );
  return found.filter((name) => !refused.includes(name));
}

async function listNames({ folder, id, log }: ManagedPartition): Promise<readonly string[]> {
  // What is no folder must not keep the partition from being destroyed.
  const names = await folder.list(SCRIPTS).catch((error: unknown) => {
    log.warning(`${errorMessage(error)} Nothing of it is run before ${id} is destroyed.`);
    return [];
  });
  if (names.length > MOST_SERVICES) {
    log.error(
      `${folder.path}/${SCRIPTS} holds ${names.length} scripts: only the first ${MOST_SERVICES} are started.`,
    );
  }
  return names.slice(0, MOST_SERVICES);
}

function describeScripts(
  { folder, id, owner }: ManagedPartition,
  names: readonly string[],
): ManagerGroup {
  return {
    name: `${id}-${PRERM_SUFFIX}`,
    folder: folder.path,
    programs: names.map((name) => ({
      name,
      command: `${folder.path}/${SCRIPTS}/${name}`,
      processName: name,
      user: owner,
    })),
  };
}

async function writeWaitList(
  { host }: GridContext,
  partition: ManagedPartition,
  names: readonly string[],
): Promise<void> {
  const { id, owner } = partition;
  const text = names.map((name) => `${id}-${PRERM_SUFFIX}:${name}\n`).join('');
  await writePartitionText(partition, WAIT_LIST, text, ownedBy(host, owner, 0o644));
}
