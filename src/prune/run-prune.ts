/** One run of `node prune` (spec/cli.md 5.7, spec/grid.md 9). */
import { join } from 'node:path';
import { parseConfig } from '../config/read.ts';
import { errorMessage } from '../errors/slapos-error.ts';
import type { BeneathFiles } from '../host/file.ts';
import type { HostFiles } from '../host/host.ts';
import type { Logger } from '../log/logger.ts';
import { HashSearch } from './hash-search.ts';
import {
  findConfigFiles,
  observeSharedParts,
  type PruneReader,
  readSoftwareTexts,
} from './observe.ts';
import { planPrune, sharedRootOf } from './plan.ts';

export interface PruneHost extends PruneReader {
  readonly beneath: BeneathFiles;
  readonly files: Pick<HostFiles, 'stat'>;
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

/** Deletes the unused parts of the shared root. */
export async function runPrune(input: PruneInput): Promise<void> {
  const { host, log, signal, sharedRoot, isDryRun } = input;
  log.warning(`Pruning shared directories at ${sharedRoot}`);
  const parts = await observeSharedParts(host, sharedRoot);
  const search = new HashSearch(parts.map(({ hash }) => hash));
  await scanNode(input, search);
  for (const { path } of planPrune(parts, (hash) => search.has(hash))) {
    signal.throwIfAborted();
    if (!isDryRun) await host.beneath.remove(sharedRoot, path);
    const done = isDryRun ? '' : ' ... removed';
    log.warning(`Unused shared parts at ${join(sharedRoot, path)}${done}`, {
      event: 'prune.unused_part',
      path: join(sharedRoot, path),
    });
  }
}

async function scanNode(input: PruneInput, search: HashSearch): Promise<void> {
  const { host, log } = input;
  await scanSoftware(input, search, input.softwareRoot);
  for (const folder of input.additionalSoftware) {
    if ((await host.files.stat(folder)) === undefined) {
      log.warning(`Additional software directory does not exist: ${folder}`);
    } else await scanSoftware(input, search, folder);
  }
  const visited = new Set([await host.realpath(input.instanceRoot)]);
  await scanInstances(input, search, input.instanceRoot, visited);
}

async function scanSoftware(input: PruneInput, search: HashSearch, root: string): Promise<void> {
  for await (const text of readSoftwareTexts(input.host, root)) {
    input.signal.throwIfAborted();
    search.scan(text);
  }
}

/** Looks for nodes inside partitions, which may use our shared parts too, and goes down in them. */
async function scanInstances(
  input: PruneInput,
  search: HashSearch,
  root: string,
  visited: Set<string | undefined>,
): Promise<void> {
  for await (const path of findConfigFiles(input.host, root)) {
    input.signal.throwIfAborted();
    const node = await readNestedNode(input, root, path);
    if (node === undefined) continue;
    await scanNestedSoftware(input, search, node).catch((error: unknown) => {
      input.signal.throwIfAborted();
      // Its owner could otherwise keep the host from pruning for ever.
      input.log.warning(`Ignoring the node at ${join(root, path)}: ${errorMessage(error)}`);
    });
    const real = await input.host.realpath(node.instanceRoot);
    if (visited.has(real)) continue;
    visited.add(real);
    await scanInstances(input, search, node.instanceRoot, visited);
  }
}

interface NestedNode {
  readonly softwareRoot: string;
  readonly instanceRoot: string;
  readonly sharedRoot: string | undefined;
}

async function scanNestedSoftware(
  input: PruneInput,
  search: HashSearch,
  node: NestedNode,
): Promise<void> {
  await scanSoftware(input, search, node.softwareRoot);
  // The parts of our own root count only while they stay: the plan looks at them.
  const isOurs =
    node.sharedRoot === undefined ||
    (await input.host.realpath(node.sharedRoot)) === (await input.host.realpath(input.sharedRoot));
  if (isOurs || node.sharedRoot === undefined) return;
  for (const { signatures } of await observeSharedParts(input.host, node.sharedRoot)) {
    signatures.forEach((text) => void search.scan(text));
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
    const text = await host.beneath.read(root, path);
    const owner = (await host.beneath.stat(root, path))?.uid;
    const config = parseConfig(text?.toString() ?? '', at);
    const own = (folder: string | undefined) => ownFolder(host, folder, owner);
    const softwareRoot = await own(config.get('slapos', 'software_root'));
    const instanceRoot = await own(config.get('slapos', 'instance_root'));
    if (softwareRoot === undefined || instanceRoot === undefined) {
      log.debug(`Ignoring ${at}: it names no software_root and instance_root of its own.`);
      return undefined;
    }
    const sharedRoot = await own(sharedRootOf(config.get('slapos', 'shared_part_list')));
    return { softwareRoot, instanceRoot, sharedRoot };
  } catch (error) {
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
  const status = await host.files.stat(path);
  return status?.kind === 'directory' && status.uid === owner ? path : undefined;
}
