/**
 * Remembers which plugins of a software did not work with our own slapos.grid.promise but with the
 * one among its eggs, so that the next run starts with that one. Whatever stands here, the other
 * library is tried too: a partition that makes us remember nonsense only costs time.
 */
import { errorMessage } from '../errors/slapos-error.ts';
import type { GridContext } from '../grid/context.ts';
import type { PromiseCheck } from './check.ts';
import type { PluginEnd } from './plugin-listener.ts';

const PATH = 'var/run/slapos-promise-eggs.json';
const MAX_BYTES = 256 * 1024;
const MAX_NAMES = 200;

type Memory = Record<string, readonly string[]>;

/** Names of plugins, by the path of a software. */
export function parseEggMemory(text: string | undefined): Memory {
  if (text === undefined) return {};
  try {
    const entries = Object.entries(JSON.parse(text) as Record<string, unknown>);
    return Object.fromEntries(
      entries.map(([path, names]) => [path, Array.isArray(names) ? names.filter(isText) : []]),
    );
  } catch {
    return {};
  }
}

function isText(value: unknown): value is string {
  return typeof value === 'string';
}

export async function readEggNames(
  context: GridContext,
  softwarePath: string | undefined,
): Promise<ReadonlySet<string>> {
  if (softwarePath === undefined) return new Set();
  const memory = await readMemory(context);
  return new Set(memory[softwarePath]);
}

/** Keeps what a launch showed; an instance root that cannot be written only costs time later. */
export async function rememberEggNames(
  context: GridContext,
  { log, softwarePath }: PromiseCheck,
  known: ReadonlySet<string>,
  ends: readonly PluginEnd[],
): Promise<void> {
  if (softwarePath === undefined) return;
  const changed = ends.filter(({ promise, usedEggs }) => usedEggs !== known.has(promise.name));
  if (changed.length === 0) return;
  const memory = await readMemory(context);
  const names = new Set(memory[softwarePath]);
  for (const { promise, usedEggs } of changed) {
    if (usedEggs) names.add(promise.name);
    else names.delete(promise.name);
  }
  const kept = await keepExisting(context, { ...memory, [softwarePath]: [...names] });
  await context.host
    .openFolder(context.options.instanceRoot)
    .write(PATH, `${JSON.stringify(kept)}\n`, { mode: 0o600 })
    .catch((error: unknown) => log.debug(`${errorMessage(error)}, ignoring`));
}

async function readMemory({ host, options }: GridContext): Promise<Memory> {
  const [text] = await host.openFolder(options.instanceRoot).readTexts([PATH], MAX_BYTES);
  return parseEggMemory(typeof text === 'string' ? text : undefined);
}

/** Without software that was removed. */
async function keepExisting({ host }: GridContext, memory: Memory): Promise<Memory> {
  const kept: Memory = {};
  for (const [path, names] of Object.entries(memory)) {
    if (names.length > 0 && (await host.stat(path)) !== undefined) {
      kept[path] = names.slice(0, MAX_NAMES);
    }
  }
  return kept;
}
