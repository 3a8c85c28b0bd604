/**
 * Section `[slapos]` of the supervisor's main file: how services are confined and limited. It is ours;
 * supervisord ignores sections that it does not know, and without settings it is not written, so that
 * the file stays the one that upstream writes.
 */
import {
  type CgroupLimits,
  DEFAULT_SERVICE_SETTINGS,
  NO_LIMITS,
  SERVICE_PROFILES,
  type ServiceSettings,
} from '../../config/service-settings.ts';
import { ValueError } from './value-types.ts';

const KEYS = {
  memoryMax: 'cgroup_memory_max',
  cpuMax: 'cgroup_cpu_max',
  pidsMax: 'pids_max',
} as const satisfies Record<keyof CgroupLimits, string>;

type LimitName = keyof CgroupLimits;
const LIMIT_NAMES = Object.keys(KEYS) as LimitName[];

/** The section with a blank line before it; '' when every setting is the default. */
export function renderServiceSection(settings: ServiceSettings): string {
  const { limits, profile, softwareRoot, storageHome } = settings;
  const lines = LIMIT_NAMES.filter((name) => limits[name] !== NO_LIMITS[name]).map(
    (name) => `${KEYS[name]} = ${limits[name]}\n`,
  );
  if (profile !== 'default') {
    lines.unshift(`service_profile = ${profile}\n`);
    if (softwareRoot !== '') lines.push(`software_root = ${literal(softwareRoot)}\n`);
    if (storageHome !== '') lines.push(`instance_storage_home = ${literal(storageHome)}\n`);
  }
  return lines.length === 0 ? '' : `\n[slapos]\n${lines.join('')}`;
}

/** `%` starts an expansion in this language. */
function literal(text: string): string {
  return text.replaceAll('%', '%%');
}

/** @throws ValueError for a value that {@link renderServiceSection} does not write. */
export function parseServiceSection(get: (key: string) => string | undefined): ServiceSettings {
  const word = get('service_profile') ?? DEFAULT_SERVICE_SETTINGS.profile;
  const profile = SERVICE_PROFILES.find((known) => known === word);
  if (profile === undefined) throw new ValueError(`no such service_profile: ${word}`);
  const limit = (name: LimitName) => {
    const text = get(KEYS[name]) ?? NO_LIMITS[name];
    if (/^(max|\d+)( \d+)?$/.test(text)) return text;
    throw new ValueError(`${KEYS[name]} cannot be ${text}`);
  };
  return {
    profile,
    softwareRoot: get('software_root') ?? '',
    storageHome: get('instance_storage_home') ?? '',
    limits: {
      memoryMax: limit('memoryMax'),
      cpuMax: limit('cpuMax'),
      pidsMax: limit('pidsMax'),
    },
  };
}
