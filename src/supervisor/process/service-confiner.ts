/** Decides for each start how its service is confined, by the settings in force at that moment. */
import { existsSync, readdirSync } from 'node:fs';
import type { ServiceSettings } from '../../config/service-settings.ts';
import type { PrivateTmpFolders } from '../../host/folder/private-tmp.ts';
import type { ConfinementAbilities } from '../../host/keeper/keeper-event.ts';
import type { CgroupLimits, ServiceConfinement } from '../../host/process/service-confinement.ts';
import {
  isConfined,
  mayHidePublicTmp,
  planConfinement,
  storageFolders,
} from '../configuration/confinement.ts';
import type { ProcessConfig } from '../configuration/program-config.ts';

export interface ConfinerPorts {
  /** Settings as last read. */
  readonly settings: () => ServiceSettings;
  readonly abilities: ConfinementAbilities;
  readonly tmpFolders: Pick<PrivateTmpFolders, 'ensure'>;
}

export class ServiceConfiner {
  readonly #ports: ConfinerPorts;

  constructor(ports: ConfinerPorts) {
    this.#ports = ports;
  }

  /** Limits of the group of a service; undefined where there are no cgroups or it is root's. */
  limit(config: ProcessConfig): CgroupLimits | undefined {
    const isPartition = config.uid !== undefined && config.uid !== 0;
    if (this.#ports.abilities.cgroup === '' || !isPartition) return undefined;
    return this.#ports.settings().limits;
  }

  /** Limits of the groups of processes, by name. */
  groupLimits(
    processes: ReadonlyArray<
      { readonly groupName: string; readonly config: ProcessConfig } | undefined
    >,
  ): ReadonlyMap<string, CgroupLimits> {
    const found = new Map<string, CgroupLimits>();
    for (const process of processes) {
      const limits = process === undefined ? undefined : this.limit(process.config);
      if (process !== undefined && limits !== undefined) found.set(process.groupName, limits);
    }
    return found;
  }

  /** @returns undefined for a service that may do what its user may */
  confine(config: ProcessConfig, group: string, command: string): ServiceConfinement | undefined {
    const { abilities, tmpFolders } = this.#ports;
    const settings = this.#ports.settings();
    if (!isConfined(settings, config)) return undefined;
    const isTmpHidden = mayHidePublicTmp(settings, config, command, abilities);
    const plan = planConfinement(settings, config, abilities, {
      privateTmp: isTmpHidden ? tmpFolders.ensure(group) : undefined,
      storage: storageFolders(settings, config, listDisks(settings.storageHome)).filter((path) =>
        existsSync(path),
      ),
    });
    return { ...plan, readOnly: plan.readOnly.filter((path) => existsSync(path)) };
  }
}

/** Names of the data disks, `data0`, `data1`… (spec/format.md 8). */
function listDisks(storageHome: string): readonly string[] {
  if (storageHome === '') return [];
  try {
    return readdirSync(storageHome).filter((name) => /^data\d+$/.test(name));
  } catch {
    return [];
  }
}
