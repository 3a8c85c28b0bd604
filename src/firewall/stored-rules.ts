/**
 * Rules that earlier passes made: upstream's file in the partition, which the partition's user may
 * have written as well, and a record of our own, where only root writes.
 */
import { errorMessage } from '../errors/slapos-error.ts';
import type { GridContext } from '../grid/context.ts';
import type { ManagedPartition } from '../grid/manager.ts';
import { readPartitionList, writePartitionText } from '../grid/partition-json.ts';
import { type FirewallRule, parseStoredRule, renderStoredRule } from './rules.ts';

const PARTITION_FILE = '.slapos-firewalld-rules';
const RECORDS = 'var/firewall';

export interface StoredRules {
  readonly rules: readonly FirewallRule[];
  /** No pass ever made any. */
  readonly isEmpty: boolean;
  /** Whether these rules are what the last complete pass made. */
  isCurrent(rules: readonly FirewallRule[]): boolean;
}

/**
 * Of the partition's file only rules about its own addresses count: with others it could have the
 * rules of somebody else removed.
 */
export async function readStoredRules(
  context: GridContext,
  partition: ManagedPartition,
  addresses: readonly string[],
): Promise<StoredRules> {
  const listed = await readPartitionList(partition, PARTITION_FILE);
  const claimed = parseAll(Array.isArray(listed) ? listed : []);
  const record = await readRecord(context, partition);
  const recorded = parseAll(record ?? []);
  const own = claimed.filter(({ destination }) => addresses.includes(destination));
  return {
    rules: [...recorded, ...own],
    isEmpty: record === undefined && own.length === 0,
    isCurrent: (rules) => {
      if (record === undefined) return rules.length === 0;
      return render(rules) === render(recorded);
    },
  };
}

function parseAll(texts: readonly unknown[]): readonly FirewallRule[] {
  return texts.flatMap((text) => (typeof text === 'string' ? (parseStoredRule(text) ?? []) : []));
}

function recordPath({ id }: ManagedPartition): string {
  return `${RECORDS}/${id}.json`;
}

async function readRecord(
  { host, log, options }: GridContext,
  partition: ManagedPartition,
): Promise<readonly unknown[] | undefined> {
  const path = recordPath(partition);
  const text = await host.openFolder(options.instanceRoot).readText(path);
  if (text === undefined) return undefined;
  try {
    const value: unknown = JSON.parse(text);
    return Array.isArray(value) ? value : [];
  } catch (error) {
    log.warning(`${options.instanceRoot}/${path}: ${errorMessage(error)}, ignoring it.`);
    return [];
  }
}

/** As Python's json.dumps writes it: the texts are ASCII. */
function render(rules: readonly FirewallRule[]): string {
  return `[${rules.map((rule) => JSON.stringify(renderStoredRule(rule))).join(', ')}]`;
}

/** Writes what differs. */
export async function writeStoredRules(
  { host, options }: GridContext,
  partition: ManagedPartition,
  rules: readonly FirewallRule[],
): Promise<void> {
  const text = render(rules);
  const root = host.openFolder(options.instanceRoot);
  if ((await root.readText(recordPath(partition))) !== text) {
    await root.makeFolder('var', { mode: 0o755 });
    await root.makeFolder(RECORDS, { mode: 0o700 });
    await root.write(recordPath(partition), text, { mode: 0o600 });
  }
  const before = await partition.folder.readText(PARTITION_FILE).catch(() => undefined);
  if (before !== text) await writePartitionText(partition, PARTITION_FILE, text, { mode: 0o644 });
}
