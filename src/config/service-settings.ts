/** What `[slapos]` says about how services are confined and limited (docs/security.md). */
import { resolve } from 'node:path';
import { parseByteSize } from './byte-size.ts';
import type { Config } from './config.ts';
import { valueError } from './values.ts';

export const SERVICE_PROFILES = ['default', 'strict'] as const;
export type ServiceProfile = (typeof SERVICE_PROFILES)[number];

/** Limits of all services of a partition together, as cgroup v2 takes them; `max` for none. */
export interface CgroupLimits {
  /** Bytes. */
  readonly memoryMax: string;
  /** Microseconds of processor time, and of how long: `150000 100000`. */
  readonly cpuMax: string;
  /** Processes and threads. */
  readonly pidsMax: string;
}

export interface ServiceSettings {
  readonly profile: ServiceProfile;
  /** Seen read-only in the strict profile; '' for none. */
  readonly softwareRoot: string;
  /** Folder of data disks, on which partitions may write; '' for none. */
  readonly storageHome: string;
  readonly limits: CgroupLimits;
}

export const NO_LIMITS: CgroupLimits = { memoryMax: 'max', cpuMax: 'max 100000', pidsMax: 'max' };

export const DEFAULT_SERVICE_SETTINGS: ServiceSettings = {
  profile: 'default',
  softwareRoot: '',
  storageHome: '',
  limits: NO_LIMITS,
};

const PERIOD_US = 100_000;
/** The kernel refuses less than a millisecond. */
const LEAST_QUOTA_US = 1000;
/** And more than 44 bits (kernel/sched/core.c, max_cfs_runtime). */
const MOST_QUOTA_US = 2 ** 44 - 1;
/** PID_MAX_LIMIT (kernel/cgroup/pids.c). */
const MOST_PROCESSES = 4_194_304;

/** Bytes for `memory.max`, from `512M` or `max`; undefined when it is neither. */
export function parseMemoryMax(text: string): string | undefined {
  if (text.trim() === 'max') return 'max';
  const bytes = parseByteSize(text);
  const isLimit = bytes !== undefined && bytes >= 1 && bytes <= Number.MAX_SAFE_INTEGER;
  return isLimit ? String(bytes) : undefined;
}

/** `cpu.max` from a number of processors, `1.5`, or `max`; undefined when it is neither. */
export function parseCpuMax(text: string): string | undefined {
  if (text.trim() === 'max') return `max ${PERIOD_US}`;
  const match = /^\s*(\d+(?:\.\d+)?)\s*$/.exec(text);
  if (match === null) return undefined;
  const quotaUs = Math.round(Number(match[1]) * PERIOD_US);
  const isQuota = quotaUs >= LEAST_QUOTA_US && quotaUs <= MOST_QUOTA_US;
  return isQuota ? `${quotaUs} ${PERIOD_US}` : undefined;
}

/** `pids.max` from a number of processes, or `max`; undefined when it is neither. */
export function parsePidsMax(text: string): string | undefined {
  const word = text.trim();
  if (word === 'max') return word;
  return /^[1-9]\d*$/.test(word) && Number(word) <= MOST_PROCESSES ? word : undefined;
}

interface LimitKey {
  readonly key: string;
  readonly parse: (text: string) => string | undefined;
  readonly hint: string;
}

const MEMORY: LimitKey = {
  key: 'cgroup_memory_max',
  parse: parseMemoryMax,
  hint: 'write a size such as 2G, or max',
};
const CPU: LimitKey = {
  key: 'cgroup_cpu_max',
  parse: parseCpuMax,
  hint: 'write a number of processors such as 1.5, or max',
};
const PIDS: LimitKey = {
  key: 'pids_max',
  parse: parsePidsMax,
  hint: 'write a number of processes, or max',
};

/**
 * Reads the settings of services.
 * @throws ConfigError SLAPOS_ERR_CONFIG_VALUE
 */
export function readServiceSettings(config: Config): ServiceSettings {
  const text = (key: string) => config.get('slapos', key) ?? '';
  const path = (key: string) => (text(key) === '' ? '' : resolve(text(key)));
  const limit = ({ key, parse, hint }: LimitKey, none: string): string => {
    if (text(key) === '') return none;
    const value = parse(text(key));
    if (value !== undefined) return value;
    throw valueError(config, 'slapos', key, `'${text(key)}' is no limit.`, hint);
  };
  return {
    profile: readProfile(config),
    softwareRoot: path('software_root'),
    storageHome: path('instance_storage_home'),
    limits: {
      memoryMax: limit(MEMORY, NO_LIMITS.memoryMax),
      cpuMax: limit(CPU, NO_LIMITS.cpuMax),
      pidsMax: limit(PIDS, NO_LIMITS.pidsMax),
    },
  };
}

function readProfile(config: Config): ServiceProfile {
  const word = config.get('slapos', 'service_profile') ?? '';
  const profile = word === '' ? 'default' : SERVICE_PROFILES.find((known) => known === word);
  if (profile !== undefined) return profile;
  const key = 'service_profile';
  throw valueError(config, 'slapos', key, `No such profile: ${word}`, 'write default or strict');
}
