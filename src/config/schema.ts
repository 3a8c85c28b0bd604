/**
 * Every key of a configuration file: section, type, default, who reads it. The table feeds the
 * warnings about unknown keys, `slapos config show` and the documentation.
 */

import { CLIENT_KEYS, PROXY_KEYS } from './schema-client.ts';
import {
  COLLECT_KEYS,
  DEVPERM_KEYS,
  FIREWALL_KEYS,
  MULTIMASTER_KEYS,
  NETWORKCACHE_KEYS,
} from './schema-extra.ts';
import { FORMAT_KEYS } from './schema-format.ts';
import type { KeySpec, SectionSpec } from './schema-key.ts';
import { NODE_KEYS } from './schema-node.ts';

/** Sections that this program reads, in the order in which they are shown. */
export const SECTIONS: readonly SectionSpec[] = [
  { name: 'slapos', precedence: ['slapos'], keys: NODE_KEYS },
  { name: 'slapformat', precedence: ['slapos', 'slapformat'], keys: FORMAT_KEYS },
  { name: 'networkcache', precedence: ['networkcache', 'slapos'], keys: NETWORKCACHE_KEYS },
  { name: 'collect', precedence: ['collect'], keys: COLLECT_KEYS },
  { name: 'firewall', precedence: ['firewall'], keys: FIREWALL_KEYS, isFeature: true },
  {
    name: 'manager:devperm',
    precedence: ['manager:devperm'],
    keys: DEVPERM_KEYS,
    isFeature: true,
  },
  {
    name: 'slapproxy',
    precedence: 'file order',
    with: 'slapos',
    keys: PROXY_KEYS,
    isFeature: true,
  },
  { name: 'slapconsole', precedence: ['slapconsole'], keys: CLIENT_KEYS, isFeature: true },
  {
    name: 'multimaster',
    isPrefix: true,
    precedence: ['multimaster'],
    keys: MULTIMASTER_KEYS,
    isFeature: true,
  },
];

/** Sections whose keys may also stand in `[slapos]`, as upstream merges them. */
const MERGED_INTO_SLAPOS = ['slapformat', 'networkcache', 'slapproxy'];

/** The section of the table that describes a section of a file; undefined for foreign ones. */
export function findSection(name: string): SectionSpec | undefined {
  return SECTIONS.find((section) =>
    section.isPrefix === true ? name.startsWith(`${section.name}/`) : section.name === name,
  );
}

function namesOf(keys: readonly KeySpec[]): string[] {
  return keys.flatMap((spec) => [spec.key, ...(spec.oldNames ?? [])]);
}

/** Every key that means something in a section, old spellings included. */
export function knownKeys(section: SectionSpec): ReadonlySet<string> {
  const names = namesOf(section.keys);
  const related = section.name === 'slapos' ? MERGED_INTO_SLAPOS : relatedSections(section.name);
  for (const other of related) names.push(...namesOf(findSection(other)?.keys ?? []));
  return new Set(names);
}

/** `[slapformat]` and `[slapproxy]` may hold what is usually written in `[slapos]`. */
function relatedSections(name: string): readonly string[] {
  return name === 'slapformat' || name === 'slapproxy' || name === 'slapconsole' ? ['slapos'] : [];
}
