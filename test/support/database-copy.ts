/** A look into a database of SQLite that leaves it as it is. */
import { copyFileSync, existsSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';

/** Reads a copy, with what a killed run left beside it: only the next run may put the original right. */
export function inCopy<Result>(
  file: string,
  read: (database: Database.Database) => Result,
): Result {
  const folder = mkdtempSync('/srv/collector-');
  try {
    for (const suffix of ['', '-journal', '-wal'])
      if (existsSync(file + suffix)) copyFileSync(file + suffix, join(folder, `copy.db${suffix}`));
    const database = new Database(join(folder, 'copy.db'), { fileMustExist: true });
    const result = read(database);
    database.close();
    return result;
  } finally {
    rmSync(folder, { recursive: true });
  }
}
