import { expect, it } from 'vitest';
import type { GridContext } from '../../../src/grid/context.ts';
import { describeFailure } from '../../../src/grid/describe-failure.ts';
import { silentLogger } from '../../../src/log/logger.ts';
import { bootstrapBuildout, runBuildout } from '../../../src/software/run-buildout.ts';

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

it.each([
  [{ isTimedOut: false }, 'Error: buildout was ended by SIGKILL (out of memory?)'],
  [{ isTimedOut: true }, 'timed out after 60 seconds'],
])('tells how a bootstrap ended: %o', async (end, reason) => {
  const killed = { status: -1, signal: 9, output: 'Getting x.\n', isTruncated: false, ...end };
  const context = {
    env: { PATH: '/bin' },
    options: { buildoutPython: '/bin/python3', buildoutScript: '' },
    signal: new AbortController().signal,
    host: {
      run: async ({ argv }: { argv: readonly string[] }) =>
        argv.includes('bootstrap') ? killed : { ...killed, status: 0 },
      stat: async () => ({ kind: 'file' }),
      openFolder: () => ({ readText: async () => '#!/bin/sh\n' }),
    },
  } as unknown as GridContext;
  const owner = { uid: 1, gid: 1, groups: [], home: '/s', name: 'x' };
  const run = { folder: '/s', owner, log: silentLogger, timeoutMs: 60_000 };
  const error = await bootstrapBuildout(context, run, []).catch((caught: unknown) => caught);
  expect(
    String((error as Error).message)
      .split('\n')
      .at(-1),
  ).toBe(reason);
});
