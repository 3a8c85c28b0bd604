/** Which version of the schema a database file has. */
import type { Database } from 'better-sqlite3';
import { SlaposError } from '../errors/slapos-error.ts';
import { OLDEST_VERSION, PROXY_TABLES, SCHEMA_VERSION, type SchemaVersion } from './schema.ts';

/** What old versions had besides: its content moved into table config. */
export const OLD_ROOT_TABLE = 'local_software_release_root';
const FAMILIES: ReadonlySet<string> = new Set([...PROXY_TABLES, OLD_ROOT_TABLE]);

export interface VersionedTable {
  readonly name: string;
  /** The name without the version. */
  readonly family: string;
  readonly version: number;
}

/** The tables that are ours; a file may hold others. */
export function listVersionedTables(database: Database): VersionedTable[] {
  const names = database
    .prepare("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY rowid")
    .pluck()
    .all() as string[];
  return names.flatMap((name) => {
    const [, family, digits] = /^([a-z_]+?)(\d+)$/.exec(name) ?? [];
    if (family === undefined || !FAMILIES.has(family)) return [];
    return [{ name, family, version: Number(digits) }];
  });
}

/**
 * The one version that all tables share, null when there are none.
 * @throws SlaposError SLAPOS_ERR_DATABASE for a version that cannot be worked with, a mixture, or
 *   tables of version 18 that are not those of slapos.core 1.26.
 */
export function readSchemaVersion(database: Database, path: string): number | null {
  const versions = [...new Set(listVersionedTables(database).map((table) => table.version))];
  const [version] = versions;
  if (version === undefined) return null;
  if (versions.length > 1) throw mixed(path, versions);
  if (version < OLDEST_VERSION) throw tooOld(path, version);
  if (version > 18 || (version === 18 && !isReleased18(database))) throw tooNew(path, version);
  return version;
}

export function isCurrent(version: number): version is SchemaVersion {
  return version === 17 || version === 18;
}

/** Drafts of upstream used the same number for other tables. */
function isReleased18(database: Database): boolean {
  return ['partition18', 'slave18'].every((table) => {
    const columns = database.pragma(`table_info(${table})`) as Array<{ readonly name: string }>;
    return columns.some((column) => column.name === 'requester_id');
  });
}

function mixed(path: string, versions: readonly number[]): SlaposError {
  const list = versions.toSorted((a, b) => a - b).join(', ');
  return new SlaposError(
    'SLAPOS_ERR_DATABASE',
    `Database ${path} holds tables of several schema versions (${list}): a conversion was cut off.`,
    {
      hint: `Restore the newest ${path}-backup-*.sql with \`slapos proxy restore\`.`,
      context: { path, versions },
    },
  );
}

function tooOld(path: string, version: number): SlaposError {
  return new SlaposError(
    'SLAPOS_ERR_DATABASE',
    `Database ${path} has schema version ${version}; those before ${OLDEST_VERSION} cannot be converted.`,
    { hint: 'Start with another database_uri.', context: { path, version } },
  );
}

function tooNew(path: string, version: number): SlaposError {
  return new SlaposError(
    'SLAPOS_ERR_DATABASE',
    `Database ${path} has schema version ${version}, newer than ${SCHEMA_VERSION} and 18 of slapos.core 1.26, which this program works with.`,
    {
      hint: 'Use the program that wrote it, restore an older backup with `slapos proxy restore`, or start with another database_uri.',
      context: { path, version },
    },
  );
}
