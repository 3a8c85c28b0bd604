/** What the author of a script or a typed line is told of a failure. */
import { join, sep } from 'node:path';
import { inspect } from 'node:util';
import { isSlaposError, type SlaposError } from '../../errors/slapos-error.ts';
import { packageRoot } from '../../host/package/package-files.ts';

/** Message, advice and code of a failure of ours. */
export function renderMessage({ message, hint, code }: SlaposError): string {
  return `${message}${hint === undefined ? '' : ` (${hint.replace(/\.$/, '')})`} [${code}]`;
}

/**
 * Why and where it failed. Frames of this program and of Node say nothing to the author, so they
 * are left out.
 * @param isDebug leaves them in
 */
export function renderFailure(error: unknown, isDebug = false): string {
  const lines = isSlaposError(error)
    ? [renderMessage(error), ...(error.stack ?? '').split('\n').filter(isFrame)]
    : inspect(error).split('\n');
  if (isDebug) return lines.join('\n');
  const kept = lines.filter((line) => !isForeign(line));
  // The brace before the properties of an error stands behind its last frame.
  const last = lines.findLast(isFrame);
  if (last?.endsWith(' {') && isForeign(last)) {
    const before = kept.findLastIndex((line) => lines.indexOf(line) < lines.indexOf(last));
    kept[before] += ' {';
  }
  return kept.join('\n');
}

function isFrame(line: string): boolean {
  return /^ *at /.test(line);
}

function isForeign(line: string): boolean {
  return (
    isFrame(line) && (line.includes(join(packageRoot(), 'dist') + sep) || /\bnode:/.test(line))
  );
}
