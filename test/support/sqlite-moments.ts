/**
 * What a SIGKILL between two statements leaves: the files as they are at that moment, since the
 * kernel keeps what was written. Locks go with the process.
 */
import { copyFileSync, existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import Sqlite from 'better-sqlite3';

type Method = (this: unknown, ...values: unknown[]) => unknown;

/** Calls look before every statement that work executes, on any connection of this process. */
export async function beforeEachStatement(
  look: () => void,
  work: () => Promise<void>,
): Promise<void> {
  const probe = new Sqlite(':memory:');
  const patched: Array<[Record<string, Method>, string[]]> = [
    [Sqlite.prototype as unknown as Record<string, Method>, ['exec', 'pragma']],
    [
      Object.getPrototypeOf(probe.prepare('SELECT 1')) as Record<string, Method>,
      ['run', 'get', 'all'],
    ],
  ];
  probe.close();
  const restore = patched.flatMap(([target, names]) =>
    names.map((name) => patch(target, name, look)),
  );
  try {
    await work();
  } finally {
    for (const undo of restore) undo();
  }
}

function patch(target: Record<string, Method>, name: string, look: () => void): () => void {
  const original = target[name];
  if (original === undefined) throw new Error(`better-sqlite3 has no ${name}`);
  target[name] = function patched(...values) {
    look();
    return original.apply(this, values);
  };
  return () => {
    target[name] = original;
  };
}

/** Copies a database with its journals into a new folder and returns the path of the copy. */
export function copyDatabase(path: string, folder: string): string {
  mkdirSync(folder);
  const copy = join(folder, 'proxy.db');
  for (const suffix of ['', '-wal', '-shm', '-journal']) {
    if (existsSync(path + suffix)) copyFileSync(path + suffix, copy + suffix);
  }
  return copy;
}
