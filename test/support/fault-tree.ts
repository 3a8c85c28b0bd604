/** What a node is: its files, to compare a machine on which a call failed with one on which none did. */
import { createHash } from 'node:crypto';
import { lstatSync, readdirSync, readFileSync, readlinkSync, type Stats } from 'node:fs';
import { join } from 'node:path';

export interface TreeOptions {
  /** Paths that say nothing: logs, what differs from run to run. */
  readonly ignored?: RegExp;
  /** Files of which only kind, mode and owner count. */
  readonly volatile?: RegExp;
  /** Takes out of a text what differs from run to run. */
  readonly normalise?: (path: string, text: string) => string;
}

/** One line for each file below folders: path, kind, mode, owner and what it holds. */
export function describeTree(roots: readonly string[], options: TreeOptions = {}): string[] {
  return roots.flatMap((root) => describePath(root, options)).sort();
}

function describePath(path: string, options: TreeOptions): string[] {
  if (options.ignored?.test(path)) return [];
  const status = lstatSync(path, { throwIfNoEntry: false });
  if (status === undefined) return [];
  const inside = status.isDirectory() ? readdirSync(path) : [];
  const owned = `${(status.mode & 0o7777).toString(8)} ${status.uid}:${status.gid}`;
  return [
    `${path} ${owned} ${describeContent(path, status, options)}`,
    ...inside.flatMap((name) => describePath(join(path, name), options)),
  ];
}

function describeContent(path: string, status: Stats, options: TreeOptions): string {
  if (status.isDirectory()) return 'folder';
  if (status.isSymbolicLink()) return `link to ${readlinkSync(path)}`;
  if (!status.isFile()) return 'special';
  if (options.volatile?.test(path)) return 'file';
  const text = readFileSync(path, 'latin1');
  const plain = options.normalise?.(path, text) ?? text;
  const sum = createHash('sha256').update(plain).digest('hex').slice(0, 12);
  return `file of ${plain.length} bytes ${sum}`;
}

/** Lines that only one of two descriptions has. */
export function compareLines(expected: readonly string[], found: readonly string[]): string[] {
  const [wanted, had] = [new Set(expected), new Set(found)];
  return [
    ...expected.filter((line) => !had.has(line)).map((line) => `lacks ${line}`),
    ...found.filter((line) => !wanted.has(line)).map((line) => `has ${line}`),
  ];
}
