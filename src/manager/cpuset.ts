/**
 * Manager `cpuset`: a processor of its own for processes that ask for it, where cgroup version 1 is
 * mounted (spec/grid.md 12; cpuset(7)). `node format` prepares one set for each processor.
 */
import { join } from 'node:path';
import { errorMessage } from '../errors/slapos-error.ts';
import type { GridContext, ManagedPartition, Manager } from '../grid/context.ts';
import { ownedBy } from '../grid/owner.ts';
import { readPartitionText } from '../grid/partition-json.ts';
import type { HostFiles } from '../host/host.ts';
import { parseCpuList } from '../model/cpu-list.ts';
import type { ManagerParts } from './parts.ts';

const REQUESTS = '.slapos-cpu-exclusive';
const MAX_REQUESTS = 256;

export interface CpusetPlaces {
  /** Where cgroup version 1 has its cpuset hierarchy. */
  readonly folder: string;
  /** Folder of the processors in sysfs. */
  readonly processors: string;
  readonly proc: string;
}

const PLACES: CpusetPlaces = {
  folder: '/sys/fs/cgroup/cpuset',
  processors: '/sys/devices/system/cpu',
  proc: '/proc',
};

export function createCpusetManager(
  { files, settings }: Pick<ManagerParts, 'files' | 'settings'>,
  places = PLACES,
): Manager {
  return {
    name: 'cpuset',
    asksBy: [REQUESTS],
    async instance(context, partition) {
      const found = await readPartitionText(partition, REQUESTS);
      if (found.kind !== 'found' || found.text.trim() === '') return;
      const { log, owner } = partition;
      const cpus = parseCpuList((await files.readText(join(places.folder, 'cpuset.cpus'))) ?? '');
      const [first, ...others] = cpus;
      if (first === undefined || !(await isFormatted(files, places, first))) {
        log.warning(
          'cpuset does nothing: the processors are not prepared by `slapos node format`.',
        );
        return;
      }
      if (!settings.powerUsers.includes(owner.name)) {
        log.warning(`${owner.name} is not in power_user_list: it gets no processor of its own.`);
        return;
      }
      await gatherTasks(files, places, partition, first);
      const left = await place(files, places, partition, others, parsePids(found.text));
      await writeRequests(context, partition, found.text, left);
    },
  };
}

async function isFormatted(
  files: HostFiles,
  { folder }: CpusetPlaces,
  cpu: number,
): Promise<boolean> {
  return (await files.stat(join(folder, `cpu${cpu}`)))?.kind === 'directory';
}

function parsePids(text: string): readonly number[] {
  const words = text.split(/\s+/).filter((word) => /^[1-9]\d{0,9}$/.test(word));
  return [...new Set(words.map(Number))];
}

function tasksFile({ folder }: CpusetPlaces, cpu: number): string {
  return join(folder, `cpu${cpu}`, 'tasks');
}

async function readTasks(files: HostFiles, path: string): Promise<readonly number[]> {
  return parsePids((await files.readText(path)) ?? '');
}

/** Everything that runs where it likes goes to the first processor. */
async function gatherTasks(
  files: HostFiles,
  places: CpusetPlaces,
  { log }: ManagedPartition,
  first: number,
): Promise<void> {
  const target = tasksFile(places, first);
  let refused = 0;
  for (const pid of await readTasks(files, join(places.folder, 'tasks'))) {
    // Threads of the kernel that belong to a processor stay there, and some end meanwhile.
    await files.writeControl(target, String(pid)).catch(() => {
      refused += 1;
    });
  }
  if (refused > 0) log.debug(`cpuset: ${refused} tasks stay where they are.`);
}

/**
 * Gives each process the first processor that nobody has.
 * @returns those that got none.
 */
async function place(
  files: HostFiles,
  places: CpusetPlaces,
  partition: ManagedPartition,
  cpus: readonly number[],
  asked: readonly number[],
): Promise<readonly number[]> {
  const taken = new Map<number, readonly number[]>();
  for (const cpu of cpus) taken.set(cpu, await readTasks(files, tasksFile(places, cpu)));
  const placed = new Set([...taken.values()].flat());
  const left: number[] = [];
  for (const pid of asked.slice(0, MAX_REQUESTS)) {
    if (placed.has(pid) || !(await isOwn(files, places, partition, pid))) continue;
    const cpu = cpus.find((each) => taken.get(each)?.length === 0);
    if (cpu !== undefined && (await moveTask(files, places, partition, pid, cpu))) {
      taken.set(cpu, [pid]);
    } else left.push(pid);
  }
  return left;
}

/** A partition may not move processes of others: its own by the real user id (proc_pid_status(5)). */
async function isOwn(
  files: HostFiles,
  { proc }: CpusetPlaces,
  { log, owner }: ManagedPartition,
  pid: number,
): Promise<boolean> {
  const status = await files.readText(join(proc, String(pid), 'status')).catch(() => undefined);
  if (status === undefined) return false;
  const uid = /^Uid:\s+(\d+)/m.exec(status)?.[1];
  if (uid === String(owner.uid)) return true;
  log.warning(`Process ${pid} is not of ${owner.name}: it gets no processor of its own.`);
  return false;
}

async function moveTask(
  files: HostFiles,
  places: CpusetPlaces,
  { log }: ManagedPartition,
  pid: number,
  cpu: number,
): Promise<boolean> {
  try {
    await files.writeControl(tasksFile(places, cpu), String(pid));
  } catch (error) {
    log.warning(`Process ${pid} cannot have processor ${cpu}: ${errorMessage(error)}`);
    return false;
  }
  log.info(`Process ${pid} has processor ${cpu} for itself.`, { event: 'cpuset.placed' });
  const governor = join(places.processors, `cpu${cpu}`, 'cpufreq', 'scaling_governor');
  if ((await files.stat(governor)) === undefined) return true;
  await files.writeControl(governor, 'performance').catch((error: unknown) => {
    log.warning(`${errorMessage(error)} The processor keeps its speed, ignoring.`);
  });
  return true;
}

/** What was asked for and not given stands there again for the next pass. */
async function writeRequests(
  { host }: GridContext,
  { folder, owner }: ManagedPartition,
  before: string,
  left: readonly number[],
): Promise<void> {
  const text = left.map((pid) => `${pid}\n`).join('');
  if (text !== before) await folder.write(REQUESTS, text, ownedBy(host, owner, 0o644));
}
