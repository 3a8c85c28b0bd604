/** What is wrong, and where: the first thing that an operator wants to know. Pure. */
import type { PanelInstance, PanelNode, PanelOverview, PanelPartition } from '../api.ts';
import { renderAgo, renderCount, softwareName } from './words.ts';

/** A node that says nothing for longer has missed several of its runs. */
const SILENT_MS = 15 * 60_000;

export interface Trouble {
  /** Where, for people. */
  readonly place: string;
  readonly what: string;
  /** Address in the page; empty for what is in sight. */
  readonly href: string;
}

export function isErrorReport(report: string): boolean {
  return /^#error\b/i.test(report);
}

/** `#access all is well` without its first word. */
export function reportText(report: string): string {
  return report.replace(/^#(access|error)\s*/i, '');
}

/** What is wrong with a partition, in a few words; empty when nothing is known to be. */
export function partitionTroubles(partition: PanelPartition): readonly string[] {
  const { services, promises, report } = partition;
  return [
    services !== null && services.failed > 0
      ? `${renderCount(services.failed, 'service')} failed`
      : '',
    promises !== null && promises.failed > 0
      ? `${renderCount(promises.failed, 'promise')} failed`
      : '',
    isErrorReport(report) && !partition.isFree ? reportText(report) || 'reports an error' : '',
  ].filter((text) => text !== '');
}

export function nodeTroubles(node: PanelNode, nowMs: number): readonly string[] {
  const { lastContactMs, partitions, report } = node;
  const isUsed = partitions.some(({ isFree }) => !isFree);
  const isSilent = lastContactMs !== null && nowMs - lastContactMs > SILENT_MS;
  return [
    ...node.problems,
    isErrorReport(report) ? reportText(report) || 'reports an error' : '',
    isSilent ? `last seen ${renderAgo(lastContactMs, nowMs)}` : '',
    lastContactMs === null && isUsed ? 'never seen' : '',
  ].filter((text) => text !== '');
}

/** Everything that is wrong, nodes first. */
export function listTroubles(overview: PanelOverview, nowMs: number): readonly Trouble[] {
  const titles = titlesOf(overview);
  return [
    ...overview.nodes.flatMap((node) =>
      nodeTroubles(node, nowMs).map((what) => ({ place: node.computerId, what, href: '' })),
    ),
    ...overview.software
      .filter(({ state }) => state === 'error')
      .map(({ url, computerId }) => ({
        place: `${softwareName(url)} on ${computerId}`,
        what: 'its build failed',
        href: '#/software',
      })),
    ...overview.nodes.flatMap((node) => node.partitions.flatMap(ofPartition(node, titles))),
  ];
}

function ofPartition(node: PanelNode, titles: ReadonlyMap<string, string>) {
  return (partition: PanelPartition): Trouble[] =>
    partitionTroubles(partition).map((what) => ({
      place: titles.get(partition.instance) ?? partition.reference,
      what,
      href: partitionLink(node, partition),
    }));
}

export function partitionLink(node: PanelNode, partition: PanelPartition): string {
  const parts = [node.computerId, partition.reference].map(encodeURIComponent);
  return partition.instance === ''
    ? `#/partition/${parts.join('/')}`
    : `#/instance/${encodeURIComponent(partition.instance)}`;
}

export function titlesOf(overview: PanelOverview): ReadonlyMap<string, string> {
  return new Map(overview.instances.map(({ reference, title }) => [reference, title]));
}

export interface RowFilter {
  readonly text: string;
  readonly onlyTroubles: boolean;
}

/** Every word of the filter must be somewhere in the row. */
export function matchesFilter(
  partition: PanelPartition,
  title: string,
  { text, onlyTroubles }: RowFilter,
): boolean {
  if (onlyTroubles && partitionTroubles(partition).length === 0) return false;
  const words = text
    .toLowerCase()
    .split(/\s+/)
    .filter((word) => word !== '');
  if (words.length === 0) return true;
  const hay = [partition.reference, partition.instance, title, partition.report]
    .concat(partition.addresses, partition.isFree ? 'free' : '')
    .join('\n')
    .toLowerCase();
  return words.every((word) => hay.includes(word));
}

export interface TreeEntry {
  readonly instance: PanelInstance;
  readonly depth: number;
}

/**
 * Instances below who asked for them, in the order of their titles. One whose parent is unknown
 * stands among the roots, and a ring is cut.
 */
export function layOutTree(instances: readonly PanelInstance[]): readonly TreeEntry[] {
  const known = new Set(instances.map(({ reference }) => reference));
  const children = new Map<string, PanelInstance[]>();
  for (const instance of instances) {
    const { requestedBy, reference } = instance;
    const parent = known.has(requestedBy) && requestedBy !== reference ? requestedBy : '';
    children.set(parent, [...(children.get(parent) ?? []), instance]);
  }
  const entries: TreeEntry[] = [];
  const seen = new Set<string>();
  const add = (instance: PanelInstance, depth: number): void => {
    if (seen.has(instance.reference)) return;
    seen.add(instance.reference);
    entries.push({ instance, depth });
    for (const child of sorted(children.get(instance.reference) ?? [])) add(child, depth + 1);
  };
  for (const root of sorted(children.get('') ?? [])) add(root, 0);
  for (const instance of instances) add(instance, 0);
  return entries;
}

/** `instance 2` before `instance 10`. */
const ORDER = new Intl.Collator(undefined, { numeric: true });

function sorted(instances: readonly PanelInstance[]): readonly PanelInstance[] {
  return [...instances].sort((a, b) => ORDER.compare(a.title, b.title));
}
