/** One run of `node prune` (spec/cli.md 5.7, spec/grid.md 9). */
import { join } from 'node:path';
import { parseConfig } from '../config/read.ts';
import { isMachineFailure } from '../errors/machine-refusal.ts';
import { errorMessage } from '../errors/slapos-error.ts';
import type { BeneathFiles } from '../host/file.ts';
import type { Logger } from '../log/logger.ts';
import { HashSearch } from './hash-search.ts';
import {
  findConfigFiles,
  listSharedParts,
  type PruneReader,
  readLinkedTexts,
  readSignatures,
  readSoftwareTexts,
} from './observe.ts';
import { type ObservedPart, planPrune, type SharedPart, sharedRootOf } from './plan.ts';

export interface PruneHost extends PruneReader {
  readonly beneath: BeneathFiles;
}

export interface PruneInput {
  readonly host: PruneHost;
  readonly log: Logger;
  readonly signal: AbortSignal;
  readonly sharedRoot: string;
  readonly softwareRoot: string;
  readonly instanceRoot: string;
  readonly additionalSoftware: readonly string[];
  /** Only tell what would be deleted. */
  readonly isDryRun: boolean;
}

/** What the node uses of the shared parts, as far as it was looked at. */
interface Usage {
  readonly search: HashSearch;
  readonly found: Set<string>;
  /** Folders that were looked at: nobody makes us do it twice. */
  readonly visited: Set<string | undefined>;
  /** How many characters may still be read for each owner of nested nodes. */
  readonly budgets: Map<number, number>;
}

/** Reading a gibibyte of hostile text takes a minute; a large node has some tens of mebibytes. */
const NESTED_CHARACTERS = 512 * 1024 * 1024;
const NESTED_CONFIG = { maxBytes: 1024 * 1024 };

/**
 * Deletes the unused parts of the shared root.
 * @returns false when one could not be deleted.
 */
export async function runPrune(input: PruneInput): Promise<boolean> {
  const { host, log, sharedRoot } = input;
  log.warning(`Pruning shared directories at ${sharedRoot}`);
  const listed = await listSharedParts(host, sharedRoot);
  const search = new HashSearch(listed.map(({ hash }) => hash));
  const parts: ObservedPart[] = [];
  for (const part of listed) {
    const uses = new Set<string>();
    for await (const text of readSignatures(host, sharedRoot, part)) search.scan(text, uses);
    parts.push({ ...part, uses });
  }
  const usage = {
    search,
    found: new Set<string>(),
    visited: new Set<string>(),
    budgets: new Map(),
  };
  await scanNode(input, usage);
  let isDone = true;
  for (const part of planPrune(parts, usage.found)) {
    if (!(await prunePart(input, part))) isDone = false;
  }
  return isDone;
}

async function prunePart(
  { host, isDryRun, log, sharedRoot, signal }: PruneInput,
  { path }: SharedPart,
): Promise<boolean> {
  signal.throwIfAborted();
  const place = join(sharedRoot, path);
  try {
    if (!isDryRun) await host.beneath.remove(sharedRoot, path);
  } catch (error) {
    log.error(`Unused shared parts at ${place} could not be removed: ${errorMessage(error)}`);
    return false;
  }
  const fields = { event: 'prune.unused_part', path: place };
  log.warning(`Unused shared parts at ${place}${isDryRun ? '' : ' ... removed'}`, fields);
  return true;
}

async function scanNode(input: PruneInput, usage: Usage): Promise<void> {
  const { host, log } = input;
  await scanSoftware(input, usage, input.softwareRoot);
  for (const folder of input.additionalSoftware) {
    if ((await host.stat(folder)) === undefined) {
      log.warning(`Additional software directory does not exist: ${folder}`);
    } else await scanSoftware(input, usage, folder);
  }
  usage.visited.add(await host.realpath(input.instanceRoot));
  await scanInstances(input, usage, input.instanceRoot);
}

/** Folders that the configuration names: what cannot be read ends the run, since it may use all. */
async function scanSoftware(input: PruneInput, usage: Usage, root: string): Promise<void> {
  for (const read of [readSoftwareTexts, readLinkedTexts]) {
    for await (const text of read(input.host, root)) {
      input.signal.throwIfAborted();
      usage.search.scan(text, usage.found);
    }
  }
}

/**
 * Looks for nodes inside partitions, which may use our shared parts too, and goes down in them.
 * @throws HostError where the machine fails: then nobody knows what they use.
 */
async function scanInstances(input: PruneInput, usage: Usage, root: string): Promise<void> {
  for await (const path of findConfigFiles(input.host, root)) {
    input.signal.throwIfAborted();
    const node = await readNestedNode(input, root, path);
    if (node === undefined) continue;
    for (const scan of [scanNestedSoftware, scanNestedInstances]) {
      await scan(input, usage, node).catch((error: unknown) => {
        input.signal.throwIfAborted();
        if (isMachineFailure(error)) throw error;
        // Its owner could otherwise keep the host from pruning for ever.
        input.log.warning(`Ignoring the node at ${join(root, path)}: ${errorMessage(error)}`);
      });
    }
  }
}

async function scanNestedInstances(
  input: PruneInput,
  usage: Usage,
  { instanceRoot }: NestedNode,
): Promise<void> {
  if (await isNew(input, usage, instanceRoot)) await scanInstances(input, usage, instanceRoot);
}

async function isNew({ host }: PruneInput, { visited }: Usage, path: string): Promise<boolean> {
  const real = await host.realpath(path);
  if (real === undefined || visited.has(real)) return false;
  visited.add(real);
  return true;
}

interface NestedNode {
  readonly owner: number;
  readonly softwareRoot: string;
  readonly instanceRoot: string;
  readonly sharedRoot: string | undefined;
}

async function scanNestedSoftware(
  input: PruneInput,
  usage: Usage,
  { owner, sharedRoot, softwareRoot }: NestedNode,
): Promise<void> {
  if (await isNew(input, usage, softwareRoot)) {
    await scanNested(input, usage, owner, readSoftwareTexts(input.host, softwareRoot));
  }
  // The parts of our own root count only while they stay: the plan looks at them.
  const isOurs =
    sharedRoot === undefined ||
    (await input.host.realpath(sharedRoot)) === (await input.host.realpath(input.sharedRoot));
  if (isOurs || sharedRoot === undefined || !(await isNew(input, usage, sharedRoot))) return;
  for (const part of await listSharedParts(input.host, sharedRoot)) {
    await scanNested(input, usage, owner, readSignatures(input.host, sharedRoot, part));
  }
}

/** @throws Error when all nodes of this owner together are too large. */
async function scanNested(
  input: PruneInput,
  { budgets, found, search }: Usage,
  owner: number,
  texts: AsyncIterable<string>,
): Promise<void> {
  for await (const text of texts) {
    input.signal.throwIfAborted();
    const left = (budgets.get(owner) ?? NESTED_CHARACTERS) - text.length;
    budgets.set(owner, left);
    if (left < 0) throw new Error(`the nodes of uid ${owner} hold too much.`);
    search.scan(text, found);
  }
}

/** What a `slapos.cfg` inside a partition says, as far as it concerns folders of its own owner. */
async function readNestedNode(
  { host, log }: PruneInput,
  root: string,
  path: string,
): Promise<NestedNode | undefined> {
  const at = join(root, path);
  try {
    const text = await host.beneath.read(root, path, NESTED_CONFIG);
    const owner = (await host.beneath.stat(root, path))?.uid;
    const config = parseConfig(text?.toString() ?? '', at);
    const own = (folder: string | undefined) => ownFolder(host, folder, owner);
    const softwareRoot = await own(config.get('slapos', 'software_root'));
    const instanceRoot = await own(config.get('slapos', 'instance_root'));
    if (softwareRoot === undefined || instanceRoot === undefined || owner === undefined) {
      log.debug(`Ignoring ${at}: it names no software_root and instance_root of its own.`);
      return undefined;
    }
    const sharedRoot = await own(sharedRootOf(config.get('slapos', 'shared_part_list')));
    return { owner, softwareRoot, instanceRoot, sharedRoot };
  } catch (error) {
    if (isMachineFailure(error)) throw error;
    log.debug(`Ignoring ${at}: ${errorMessage(error)}`);
    return undefined;
  }
}

/** A folder that belongs to a user: nobody can send us to the folders of somebody else. */
async function ownFolder(
  host: PruneHost,
  folder: string | undefined,
  owner: number | undefined,
): Promise<string | undefined> {
  const path = folder?.trim();
  if (path === undefined || !path.startsWith('/')) return undefined;
  const status = await host.stat(path);
  return status?.kind === 'directory' && status.uid === owner ? path : undefined;
}
