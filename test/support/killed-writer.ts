/** What SQLite leaves on the disk when a program is killed as it writes. */
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import Sqlite from 'better-sqlite3';

/** By suffix: the database itself first, then what stands beside it. */
export type DatabaseFiles = ReadonlyMap<string, Buffer>;

const SUFFIXES = ['', '-journal', '-wal'];

export function readDatabaseFiles(path: string): DatabaseFiles {
  const suffixes = SUFFIXES.filter((suffix) => existsSync(path + suffix));
  return new Map(suffixes.map((suffix) => [suffix, readFileSync(path + suffix)]));
}

export function writeDatabaseFiles(path: string, files: DatabaseFiles): void {
  for (const suffix of [...SUFFIXES, '-shm']) rmSync(path + suffix, { force: true });
  for (const [suffix, content] of files) writeFileSync(path + suffix, content);
}

/** Leaves the files of a program that is killed after these statements. */
export function leaveByKill(path: string, ...statements: readonly string[]): DatabaseFiles {
  const writer = new Sqlite(path);
  for (const statement of statements) writer.exec(statement);
  const files = readDatabaseFiles(path);
  writer.close();
  writeDatabaseFiles(path, files);
  return files;
}

/** Begins a transaction that reaches the file before it ends, once it changes some ten pages. */
export const BEGIN_TEARING = 'PRAGMA cache_size = 1; BEGIN';
