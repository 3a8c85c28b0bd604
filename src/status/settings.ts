/** Where the status of a node is read from, by its configuration. Pure. */
import { resolve } from 'node:path';
import type { Config } from '../config/config.ts';
import { parseInteger, requireValue } from '../config/values.ts';

export interface StatusSettings {
  /** Absolute. */
  readonly instanceRoot: string;
  readonly computerId: string;
  readonly masterUrl: string;
  /** What the names of the partitions' folders begin with. */
  readonly partitionBase: string;
  /** Undefined when the configuration does not say: the folders that are there count. */
  readonly partitionAmount: number | undefined;
}

const PARTITION_BASE = 'slappart';
/** More than any node has; a wrong number fills no memory. */
const MAX_PARTITIONS = 10_000;

/**
 * @param cwd what a relative `instance_root` starts from
 * @throws ConfigError SLAPOS_ERR_CONFIG_KEY_MISSING without `[slapos] instance_root`.
 */
export function parseStatusSettings(config: Config, cwd = process.cwd()): StatusSettings {
  const text = (section: string, key: string) => config.get(section, key)?.trim() ?? '';
  const amount = parseInteger(text('slapformat', 'partition_amount'));
  const isPlain = amount !== undefined && amount >= 0 && amount <= MAX_PARTITIONS;
  return {
    instanceRoot: resolve(cwd, requireValue(config, 'slapos', 'instance_root')),
    computerId: text('slapos', 'computer_id'),
    masterUrl: text('slapos', 'master_url'),
    partitionBase: text('slapformat', 'partition_base_name') || PARTITION_BASE,
    partitionAmount: isPlain ? amount : undefined,
  };
}
