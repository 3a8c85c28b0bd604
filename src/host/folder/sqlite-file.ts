/** Opens databases through better-sqlite3, which takes each failing look at a folder for a missing one. */
import { accessSync } from 'node:fs';
import { dirname } from 'node:path';
import type Database from 'better-sqlite3';
import { errorMessage } from '../../errors/slapos-error.ts';

/** What better-sqlite3 says instead of the errno of access(2). */
const MISSING_FOLDER = /directory does not exist/;

export function isFolderMissing(error: unknown): boolean {
  return MISSING_FOLDER.test(errorMessage(error));
}

/**
 * A look at the folder that failed for a moment (EIO, ENOMEM) is no reason: it is opened again when
 * the folder is there.
 * @throws Error of SQLite, or of better-sqlite3 where the folder still cannot be looked at
 */
export function openSqliteFile(
  Sqlite: typeof Database,
  path: string,
  options: Database.Options,
): Database.Database {
  try {
    return new Sqlite(path, options);
  } catch (error) {
    if (!isFolderMissing(error) || !canLookAt(dirname(path))) throw error;
    return new Sqlite(path, options);
  }
}

function canLookAt(folder: string): boolean {
  try {
    accessSync(folder);
    return true;
  } catch {
    return false;
  }
}
