import { expect, it } from 'vitest';
import type { GridContext } from '../../../src/grid/context.ts';
import { describeFailure } from '../../../src/grid/describe-failure.ts';
import { silentLogger } from '../../../src/log/logger.ts';
import { runBuildout } from '../../../src/software/run-buildout.ts';

function build(end: { readonly status: number; readonly signal: number }): Promise<void> {
  const output = 'Installing x.\n';
  const outcome = { ...end, output, isTruncated: false, isTimedOut: false };
  const context = {
    env: {},
    options: { isBuildoutDebug: false },
    signal: new AbortController().signal,
    host: {
      run: async () => outcome,
      openFolder: () => ({ readText: async () => '#!/bin/sh\n' }),
    },
  } as unknown as GridContext;
  const owner = { uid: 1, gid: 1, groups: [], home: '/s', name: 'x' };
  const run = { folder: '/s', owner, log: silentLogger };
  return runBuildout(context, run, { root: '/s', path: 'bin/buildout' }, []);
}

it.each([
  [{ status: 1, signal: 0 }, 'Installing x.'],
  [{ status: -1, signal: 9 }, 'Error: buildout was ended by SIGKILL (out of memory?)'],
  [{ status: -1, signal: 11 }, 'Error: buildout was ended by SIGSEGV'],
])('tells how a build ended: %o', async (end, reason) => {
  const error = await build(end).catch((caught: unknown) => caught);
  expect(describeFailure(error)).toBe(
    `Failed to run buildout profile in directory '/s': ${reason}`,
  );
});
