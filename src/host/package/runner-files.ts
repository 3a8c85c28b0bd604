/**
 * The programs that run plugin promises. They are handed to their interpreter as text: the user of
 * a partition may have no right to read the folder in which the node is installed.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { packageRoot } from './package-files.ts';

export interface RunnerFile {
  readonly path: string;
  readonly text: string;
}

const files = new Map<string, Promise<RunnerFile>>();

/** A module of the Python runner. */
export function readPythonRunner(name: string): Promise<RunnerFile> {
  return readOnce(join(packageRoot(), 'promise-runner', 'python', name));
}

/** The JavaScript runner, as the build has made it of `src/bin/promise-plugin.ts`. */
export function readJavascriptRunner(): Promise<RunnerFile> {
  return readOnce(join(packageRoot(), 'dist', 'bin', 'promise-plugin.js'));
}

function readOnce(path: string): Promise<RunnerFile> {
  const known = files.get(path);
  if (known !== undefined) return known;
  const file = readFile(path, 'utf8').then((text) => ({ path, text }));
  files.set(path, file);
  return file;
}
