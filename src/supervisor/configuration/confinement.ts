/** What a service of the strict profile may not do (docs/security.md). */
import { basename } from 'node:path';
import { NO_LIMITS, type ServiceSettings } from '../../config/service-settings.ts';
import type { ConfinementAbilities } from '../../host/keeper/keeper-event.ts';
import type { ServiceConfinement } from '../../host/process/service-confinement.ts';
import type { ProcessConfig } from './program-config.ts';

/** Folders that a private one takes the place of. */
const TEMPORARY = ['/tmp', '/var/tmp'];
const LEAST_LANDLOCK = 2;

/** True for programs of partitions: those of another user than root, in a folder of their own. */
export function isConfined(settings: ServiceSettings, config: ProcessConfig): boolean {
  return (
    settings.profile === 'strict' &&
    config.uid !== undefined &&
    config.uid !== 0 &&
    config.directory !== undefined
  );
}

function isBelowTemporary(path: string): boolean {
  return TEMPORARY.some((folder) => path === folder || path.startsWith(`${folder}/`));
}

/** True when nothing that the service needs would be hidden by a /tmp of its own. */
export function mayHidePublicTmp(
  settings: ServiceSettings,
  config: ProcessConfig,
  command: string,
  abilities: ConfinementAbilities,
): boolean {
  const needed = [config.directory ?? '/', settings.softwareRoot, command];
  return abilities.mounts && !needed.some(isBelowTemporary);
}

/** Folders of a partition on the data disks of the node. */
export function storageFolders(
  settings: ServiceSettings,
  config: ProcessConfig,
  disks: readonly string[],
): readonly string[] {
  const partition = basename(config.directory ?? '/');
  if (settings.storageHome === '' || partition === '') return [];
  return disks.map((disk) => `${settings.storageHome}/${disk}/${partition}`);
}

/**
 * The confinement of a process, of what this machine can do.
 * @param storage folders on data disks, that exist
 */
export function planConfinement(
  settings: ServiceSettings,
  config: ProcessConfig,
  abilities: ConfinementAbilities,
  places: { readonly privateTmp: string | undefined; readonly storage: readonly string[] },
): ServiceConfinement {
  const { privateTmp, storage } = places;
  const temporary = privateTmp === undefined ? TEMPORARY : [privateTmp];
  const { softwareRoot } = settings;
  return {
    isNoNewPrivs: true,
    isCallFiltered: abilities.seccomp,
    writable:
      abilities.landlock >= LEAST_LANDLOCK
        ? [config.directory ?? '/', ...storage, ...temporary]
        : undefined,
    readOnly: abilities.mounts && softwareRoot !== '' ? [softwareRoot] : [],
    privateTmp,
  };
}

const CONTROLLER_OF = { memoryMax: 'memory', cpuMax: 'cpu', pidsMax: 'pids' } as const;
const KEY_OF = {
  memoryMax: 'cgroup_memory_max',
  cpuMax: 'cgroup_cpu_max',
  pidsMax: 'pids_max',
} as const;

/** What of the settings this machine cannot do, in words. */
export function listMissing(
  settings: ServiceSettings,
  abilities: ConfinementAbilities,
): readonly string[] {
  const profile = settings.profile === 'strict' ? listMissingAbilities(abilities) : [];
  const limits = (['memoryMax', 'cpuMax', 'pidsMax'] as const).filter(
    (name) =>
      settings.limits[name] !== NO_LIMITS[name] &&
      !abilities.controllers.includes(CONTROLLER_OF[name]),
  );
  return [
    ...profile.map((problem) => `service_profile = strict: ${problem}`),
    ...limits.map(
      (name) =>
        `${KEY_OF[name]}: the ${CONTROLLER_OF[name]} controller of cgroup v2 is not available, no limit`,
    ),
  ];
}

/** What the strict profile lacks on this machine. */
function listMissingAbilities(abilities: ConfinementAbilities): readonly string[] {
  const { landlock, mounts, seccomp } = abilities;
  return [
    ...(landlock < LEAST_LANDLOCK
      ? ['landlock is not available: services may write wherever their user may']
      : []),
    ...(mounts ? [] : ['mount namespaces are refused: /tmp is shared']),
    ...(seccomp ? [] : ['seccomp is not available: no system call is refused']),
  ];
}
