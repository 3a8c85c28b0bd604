/** What kind of script `console` is given, seen without running it. */
import { closeSync, openSync, readSync, statSync } from 'node:fs';
import { errorCode, UsageError } from '../../errors/slapos-error.ts';

const BEGINNING_BYTES = 1024;

/** The first bytes of a plain file as text; '' of anything else, and of what cannot be read. */
export function readBeginning(path: string): string {
  try {
    return readPlain(path) ?? '';
  } catch {
    return '';
  }
}

/**
 * The first bytes of a script.
 * @returns undefined for what can be read only once, such as a pipe.
 * @throws UsageError SLAPOS_ERR_USAGE, exit 1, when it cannot be read.
 */
export function readScriptBeginning(path: string): string | undefined {
  try {
    return readPlain(path);
  } catch (cause) {
    const message = `Cannot read the script ${path}: ${errorCode(cause)}.`;
    throw new UsageError('SLAPOS_ERR_USAGE', message, { exitCode: 1, cause });
  }
}

function readPlain(path: string): string | undefined {
  const status = statSync(path);
  if (status.isDirectory()) throw Object.assign(new Error('a folder'), { code: 'EISDIR' });
  // Opening a pipe takes it away from its writer.
  if (!status.isFile()) return undefined;
  const fd = openSync(path, 'r');
  try {
    const buffer = Buffer.alloc(BEGINNING_BYTES);
    return buffer.toString('utf8', 0, readSync(fd, buffer, 0, BEGINNING_BYTES, 0));
  } finally {
    closeSync(fd);
  }
}

/** Whether a text begins as a Python script that is a program. */
export function hasPythonShebang(text: string): boolean {
  return /^#!.*\bpython[\d.]*(?:\s|$)/.test(text.split('\n', 1)[0] ?? '');
}
