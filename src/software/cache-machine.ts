/** What the binary cache needs to know of this node. */
import { readFile } from 'node:fs/promises';
import { childEnvironment } from '../grid/child-environment.ts';
import type { Machine } from '../networkcache/machine.ts';
import { readMachine } from '../networkcache/read-machine.ts';
import { readTrustedKeys, type TrustedKeys } from '../networkcache/signature.ts';
import type { Build } from './build.ts';

const ASK_TIMEOUT_MS = 10_000;

/** Logs what keeps the cache from being used. @returns undefined for an unknown machine. */
export async function findMachine(build: Build): Promise<Machine | undefined> {
  const machine = await readMachine({
    arch: process.arch,
    readText: (path) => readFile(path, 'utf8').catch(() => undefined),
    ask: (argv) => ask(build, argv),
  });
  if (machine !== undefined) return machine;
  build.log.warning(
    `The binary cache is not used: gcc is not installed and the triplet of ${process.arch} is not known.`,
  );
  return undefined;
}

async function ask(build: Build, argv: readonly string[]): Promise<string | undefined> {
  const { context, owner } = build;
  if ((await context.host.stat(argv[0] ?? '')) === undefined) return undefined;
  const outcome = await context.host.run({
    argv,
    cwd: '/',
    env: childEnvironment(context.env, { home: owner.home }),
    user: owner,
    timeoutMs: ASK_TIMEOUT_MS,
    signal: context.signal,
  });
  return outcome.status === 0 ? outcome.output.trim() : undefined;
}

/** The keys of `signature-certificate-list`; those that cannot be read are told and left out. */
export function readKeys(build: Build): TrustedKeys['keys'] {
  const { keys, problems } = readTrustedKeys(build.context.options.binaryCache.certificates);
  for (const problem of problems) build.log.info(`${problem}, ignoring`);
  return keys;
}
