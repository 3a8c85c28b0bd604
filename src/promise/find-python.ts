/** Which Python runs the plugins of a partition (spec/grid.md 5, last paragraph). */
import { parse } from 'node:path';
import type { GridContext } from '../grid/context.ts';
import { pythonOfBuildout } from '../grid/python-of-buildout.ts';

const SHELL = '/bin/sh';
const SYSTEM_PYTHON = '/usr/bin/python3';

/**
 * The one that its software names in `bin/buildout`. A software without one has plugins that need
 * no more than the standard library: any Python serves them.
 */
export async function findPluginPython(
  { host, options }: GridContext,
  softwarePath: string | undefined,
): Promise<string> {
  const otherwise = options.buildoutPython ?? SYSTEM_PYTHON;
  if (softwarePath === undefined) return otherwise;
  const { base, dir } = parse(softwarePath);
  const script = await host
    .openFolder(dir, base)
    .readText('bin/buildout')
    .catch(() => undefined);
  const python = script === undefined ? undefined : pythonOfBuildout(script);
  return python === undefined || python === SHELL || !python.startsWith('/') ? otherwise : python;
}
