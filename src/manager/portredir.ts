/** Manager `portredir`: ports of the host that lead into a partition, through socat (spec/grid.md 12). */
import { SlaposError } from '../errors/slapos-error.ts';
import { partitionAddresses } from '../grid/addresses.ts';
import type { GridContext, ManagedPartition, Manager } from '../grid/context.ts';
import { warnOfFirst } from '../grid/entry-warnings.ts';
import { readPartitionList } from '../grid/partition-json.ts';
import { findProgram } from '../host/process/find-program.ts';
import { writeManagerGroup } from '../instance/service-files.ts';
import type { GroupProgram } from '../instance/services.ts';
import { SOCAT_SUFFIX } from '../model/manager-group.ts';
import type { ManagerParts } from './parts.ts';
import {
  needsRoot,
  parseRedirections,
  type Redirection,
  redirectionName,
  renderRedirection,
} from './redirections.ts';
import { startManagerGroup } from './start-group.ts';

const FILE = '.slapos-port-redirect';
const ROOT = { uid: 0, gid: 0, name: 'root', home: '/root' };

export function createPortredirManager({ openSupervisor }: ManagerParts): Manager {
  return {
    name: 'portredir',
    asksBy: [FILE],
    groupSuffix: SOCAT_SUFFIX,
    async instanceTearDown(context, partition) {
      const entries = await readPartitionList(partition, FILE);
      if (entries === undefined) return;
      const programs = await listPrograms(context, partition, entries === 'missing' ? [] : entries);
      const { folder, id } = partition;
      const name = `${id}-${SOCAT_SUFFIX}`;
      const isChanged = await writeManagerGroup(context, { name, folder: folder.path, programs });
      if (programs.length > 0) await startManagerGroup(await openSupervisor(), name, isChanged);
      else if (isChanged) await (await openSupervisor()).update();
    },
  };
}

async function listPrograms(
  { env }: GridContext,
  partition: ManagedPartition,
  entries: readonly unknown[],
): Promise<readonly GroupProgram[]> {
  const own = partitionAddresses(partition.wish).map(({ address }) => address);
  const { problems, redirections } = parseRedirections(entries, own);
  warnOfFirst(
    partition.log,
    problems.map((problem) => `${FILE} of ${partition.id}, ${problem}: ignoring it.`),
    (count) => `${FILE} of ${partition.id}: ${count} more problems, ignoring them.`,
  );
  if (redirections.length === 0) return [];
  const socat = await findProgram('socat', env);
  if (socat !== undefined) return redirections.map((each) => describe(socat, partition, each));
  throw new SlaposError('SLAPOS_ERR_PARTITION', `${FILE} of ${partition.id} needs socat.`, {
    hint: 'Install socat, or take portredir out of manager_list.',
  });
}

function describe(
  socat: string,
  { owner }: ManagedPartition,
  redirection: Redirection,
): GroupProgram {
  const name = redirectionName(redirection);
  const command = renderRedirection(socat, redirection, owner.name);
  return { name, command, processName: name, user: needsRoot(redirection) ? ROOT : owner };
}
