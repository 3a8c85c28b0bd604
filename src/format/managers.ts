/** What `manager_list` means for format (spec/format.md 9). */
import { join } from 'node:path';
import { checkManagerNames } from '../config/manager-settings.ts';
import type { Logger } from '../log/logger.ts';
import { parseCpuList } from '../model/cpu-list.ts';
import type { FormatOptions } from './options.ts';
import type { FormatPorts } from './ports.ts';
import type { Step } from './step.ts';

/** Where cgroup version 1 has its cpuset hierarchy (cpuset(7)). */
const CPUSET_FOLDER = '/sys/fs/cgroup/cpuset';
const CPUSET_MODE = 0o755;

/** The cpuset hierarchy as it was found; undefined where the manager has nothing to do. */
export interface FoundCpusets {
  readonly folder: string;
  readonly cpus: readonly number[];
  /** Contents of the settings that exist, by path. */
  readonly settings: ReadonlyMap<string, string>;
}

/** @throws ConfigError SLAPOS_ERR_CONFIG_VALUE for a name that is no manager. */
export function checkManagers({ managers, inputDefinitionFile }: FormatOptions, log: Logger): void {
  if (managers.length > 0 && inputDefinitionFile !== null) {
    log.warning('manager_list has no effect with an input definition file.');
    return;
  }
  checkManagerNames(managers);
}

/** Looks at the cpuset hierarchy when the cpuset manager is asked for. */
export async function observeCpusets(
  { host, cpusetFolder: folder = CPUSET_FOLDER }: FormatPorts,
  { managers, inputDefinitionFile }: FormatOptions,
  log: Logger,
): Promise<FoundCpusets | undefined> {
  if (!managers.includes('cpuset') || inputDefinitionFile !== null) return undefined;
  const text = await host.files.readText(join(folder, 'cpuset.cpus'));
  if (text === undefined) {
    log.warning(`cpuset: ${folder}/cpuset.cpus does not exist (cgroup version 1), ignoring it.`);
    return undefined;
  }
  const cpus = parseCpuList(text);
  const settings = new Map<string, string>();
  for (const [path] of cpus.flatMap((cpu) => wantedSettings(folder, cpu))) {
    const value = await host.files.readText(path);
    if (value !== undefined) settings.set(path, value.trim());
  }
  return { folder, cpus, settings };
}

/** A set for each processor: its own, exclusive, on the first memory node. */
export function planCpusets(found: FoundCpusets | undefined): Step[] {
  if (found === undefined) return [];
  const { folder, cpus, settings } = found;
  return cpus.flatMap((cpu): Step[] => {
    const wanted = wantedSettings(folder, cpu);
    const isThere = wanted.some(([path]) => settings.has(path));
    const set = { path: join(folder, `cpu${cpu}`), mode: CPUSET_MODE, isRecursive: true };
    return [
      ...(isThere ? [] : [{ kind: 'directoryCreate' as const, ...set, owner: null }]),
      ...wanted
        .filter(([path, value]) => settings.get(path) !== value)
        .map(([path, value]) => ({ kind: 'controlWrite' as const, path, value })),
    ];
  });
}

function wantedSettings(folder: string, cpu: number): ReadonlyArray<readonly [string, string]> {
  const set = join(folder, `cpu${cpu}`);
  return [
    [join(set, 'cpuset.cpus'), String(cpu)],
    [join(set, 'cpuset.cpu_exclusive'), '1'],
    [join(set, 'cpuset.mems'), '0'],
  ];
}
