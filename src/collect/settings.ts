/** What `node collect` takes from slapos.cfg (spec/collect.md 2). */
import { join } from 'node:path';
import type { Config } from '../config/config.ts';
import { ConfigError } from '../errors/slapos-error.ts';
import type { CollectUser } from './sample.ts';

export interface CollectSettings {
  readonly instanceRoot: string;
  readonly computerId: string;
  /** Days of reported rows that stay in the database; 0 keeps none. */
  readonly cacheDays: number;
  readonly users: readonly CollectUser[];
  /** Names of the partitions' taps, in the order of the users. */
  readonly taps: readonly string[];
  readonly computerModelId: string;
  /** Undefined: no heating test. */
  readonly heatingSensorId: string | undefined;
  readonly folder: FolderSettings;
}

export interface FolderSettings {
  readonly isEnabled: boolean;
  readonly pidFolder: string;
  /** Seconds between two measures of a partition, 0 for every run. */
  readonly cycleS: number;
  /** Whether the file system is asked what a user has, where it keeps user quotas. */
  readonly isQuotaUsed: boolean;
}

/** The folders below `<instance_root>/var` that a run makes. */
export interface CollectFolders {
  readonly dataLog: string;
  readonly consumptionReport: string;
  readonly xmlReport: string;
}

/**
 * Reads the settings.
 * @throws ConfigError SLAPOS_ERR_CONFIG_KEY_MISSING or SLAPOS_ERR_CONFIG_VALUE naming the key.
 */
export function parseCollectSettings(config: Config): CollectSettings {
  const instanceRoot = required(config, 'slapos', 'instance_root');
  const baseName = required(config, 'slapformat', 'user_base_name');
  const partitionBase = required(config, 'slapformat', 'partition_base_name');
  const tapBase = optional(config, 'slapformat', ['tap_base_name']) ?? 'slaptap';
  required(config, 'slapformat', 'partition_amount');
  const amount = integer(config, 'slapformat', ['partition_amount'], 0);
  return {
    instanceRoot,
    computerId: required(config, 'slapos', 'computer_id'),
    cacheDays: integer(config, 'slapos', ['collect_cache'], 15),
    users: Array.from({ length: amount }, (_, index) => ({
      name: `${baseName}${index}`,
      path: join(instanceRoot, `${partitionBase}${index}`),
    })),
    taps: Array.from({ length: amount }, (_, index) => `${tapBase}${index}`),
    computerModelId: optional(config, 'slapformat', ['computer_model_id']) ?? 'no_model',
    heatingSensorId: optional(config, 'slapformat', ['heating_sensor_id']),
    folder: parseFolderSettings(config, instanceRoot),
  };
}

export function collectFolders(settings: CollectSettings): CollectFolders {
  const folder = (...names: string[]) => join(settings.instanceRoot, 'var', ...names);
  return {
    dataLog: folder('data-log'),
    consumptionReport: folder('consumption-report'),
    xmlReport: folder('xml_report', settings.computerId),
  };
}

/** First the names that upstream reads, misspelt one included; then those of its example file. */
function parseFolderSettings(config: Config, instanceRoot: string): FolderSettings {
  const isTrue = (keys: readonly string[], preset: string) =>
    ['true', 'on', '1'].includes((optional(config, 'collect', keys) ?? preset).toLowerCase());
  const pidFolder = optional(config, 'collect', [
    'disk_snapshot_process_pid_foder',
    'disk_snapshot_process_pid_folder',
    'pid_folder',
  ]);
  return {
    isEnabled: isTrue(['report_disk_usage', 'enable'], 'true'),
    pidFolder: pidFolder ?? join(instanceRoot, 'var', 'run'),
    cycleS: integer(config, 'collect', ['disk_snapshot_time_cycle', 'time_cycle'], 86_400),
    isQuotaUsed: isTrue(['disk_snapshot_use_quota', 'use_quota'], 'false'),
  };
}

function optional(config: Config, section: string, keys: readonly string[]): string | undefined {
  for (const key of keys) {
    const value = config.get(section, key)?.trim();
    if (value !== undefined && value !== '') return value;
  }
  return undefined;
}

function required(config: Config, section: string, key: string): string {
  const value = optional(config, section, [key]);
  if (value !== undefined) return value;
  throw new ConfigError(
    'SLAPOS_ERR_CONFIG_KEY_MISSING',
    `${config.path}: section [${section}] has no key ${key}, which node collect needs.`,
    { hint: `Set ${key} in [${section}].`, context: { file: config.path, section, key } },
  );
}

function integer(
  config: Config,
  section: string,
  keys: readonly string[],
  fallback: number,
): number {
  const value = optional(config, section, keys);
  if (value === undefined) return fallback;
  if (/^\+?\d{1,9}$/.test(value)) return Number(value);
  const key = keys.find((name) => config.get(section, name) !== undefined) ?? '';
  const at = config.locate(section, key);
  throw new ConfigError(
    'SLAPOS_ERR_CONFIG_VALUE',
    `${config.path}:${at?.line ?? 0}: [${section}] ${key} = ${value} is not a whole number.`,
    { context: { file: config.path, line: at?.line, section, key } },
  );
}
