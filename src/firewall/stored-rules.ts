/**
 * Rules that earlier passes made: upstream's file in the partition, which the partition's user may
 * have written as well, and a record of our own, where only root writes.
 */
import { errorMessage } from '../errors/slapos-error.ts';
import type { GridContext, ManagedPartition } from '../grid/context.ts';
import { readPartitionList, writePartitionText } from '../grid/partition-json.ts';
import { readRecord, recordPath, writeRecord } from './records.ts';
import { type FirewallRule, parseStoredRule, renderStoredRule } from './rules.ts';

const PARTITION_FILE = '.slapos-firewalld-rules';

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
  const record = await readRecordedRules(context, partition);
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

function recordName({ id }: ManagedPartition): string {
  return `${id}.json`;
}

async function readRecordedRules(
  context: GridContext,
  partition: ManagedPartition,
): Promise<readonly unknown[] | undefined> {
  const name = recordName(partition);
  const text = await readRecord(context, name);
  if (text === undefined) return undefined;
  try {
    const value: unknown = JSON.parse(text);
    return Array.isArray(value) ? value : [];
  } catch (error) {
    const path = `${context.options.instanceRoot}/${recordPath(name)}`;
    context.log.warning(`${path}: ${errorMessage(error)}, ignoring it.`);
    return [];
  }
}

/** As Python's json.dumps writes it: the texts are ASCII. */
function render(rules: readonly FirewallRule[]): string {
  return `[${rules.map((rule) => JSON.stringify(renderStoredRule(rule))).join(', ')}]`;
}

/** Writes what differs. */
export async function writeStoredRules(
  context: GridContext,
  partition: ManagedPartition,
  rules: readonly FirewallRule[],
): Promise<void> {
  const text = render(rules);
  await writeRecord(context, recordName(partition), text);
  const before = await partition.folder.readText(PARTITION_FILE).catch(() => undefined);
  if (before !== text) await writePartitionText(partition, PARTITION_FILE, text, { mode: 0o644 });
}
