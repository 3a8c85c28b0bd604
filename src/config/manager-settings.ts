/** `manager_list` and what the sections of managers say (spec/grid.md 12). */
import { ConfigError } from '../errors/slapos-error.ts';
import type { Config } from './config.ts';
import { splitLines, splitNames } from './values.ts';

export const MANAGER_NAMES = [
  'cpuset',
  'devperm',
  'portredir',
  'prerm',
  'whitelistfirewall',
] as const;

export type ManagerName = (typeof MANAGER_NAMES)[number];

export interface ManagerSettings {
  /** In the order of `manager_list`, each once. */
  readonly names: readonly ManagerName[];
  /** Users that may ask for a processor of their own. */
  readonly powerUsers: readonly string[];
  /** Devices that partitions may be given; undefined when nothing says so. */
  readonly allowedDisks: readonly string[] | undefined;
}

/** @throws ConfigError SLAPOS_ERR_CONFIG_VALUE for a name that is no manager. */
export function readManagerSettings(config: Config): ManagerSettings {
  const names = splitNames(config.get('slapos', 'manager_list') ?? '');
  const disks = config.get('manager:devperm', 'allowed-disk-for-vm');
  return {
    names: [...new Set(checkManagerNames(names))],
    powerUsers: splitNames(config.get('slapos', 'power_user_list') ?? ''),
    allowedDisks: disks === undefined ? undefined : splitLines(disks),
  };
}

/** @throws ConfigError SLAPOS_ERR_CONFIG_VALUE for a name that is no manager. */
export function checkManagerNames(names: readonly string[]): readonly ManagerName[] {
  return names.map((name) => {
    const known = MANAGER_NAMES.find((each) => each === name);
    if (known !== undefined) return known;
    throw new ConfigError('SLAPOS_ERR_CONFIG_VALUE', `'${name}' in manager_list is no manager.`, {
      hint: `Known managers: ${MANAGER_NAMES.join(', ')}.`,
      context: { key: 'manager_list' },
    });
  });
}
