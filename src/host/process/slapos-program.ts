import { join } from 'node:path';
import { packageRoot } from '../package/package-files.ts';

/** First words of the command line of our own `slapos`. */
export function slaposProgram(): readonly [string, ...string[]] {
  return [process.execPath, join(packageRoot(), 'bin', 'slapos')];
}
