/** What lsblk(8) tells of the block devices. Pure. */
import { quoteEntry } from '../grid/entry-warnings.ts';

/** More of one partition are not looked at. */
const MAX_DISKS = 64;

/**
 * Paths of whole disks and of the partitions directly on them.
 * @param text the output of `lsblk --json --output-all`
 * @throws SyntaxError for anything else.
 */
export function parseBlockDevices(text: string): ReadonlySet<string> {
  const document: unknown = JSON.parse(text);
  const devices = listUnder(document, 'blockdevices');
  const paths = devices.flatMap((device) => [
    ...pathOf(device, 'disk'),
    ...listUnder(device, 'children').flatMap((child) => pathOf(child, 'part')),
  ]);
  return new Set(paths);
}

function listUnder(value: unknown, key: string): readonly unknown[] {
  if (typeof value !== 'object' || value === null) return [];
  const list = (value as Record<string, unknown>)[key];
  return Array.isArray(list) ? list : [];
}

function pathOf(device: unknown, kind: string): readonly string[] {
  if (typeof device !== 'object' || device === null) return [];
  const { path, type } = device as Record<string, unknown>;
  return type === kind && typeof path === 'string' ? [path] : [];
}

/** The paths that `.slapos-disk-permission` asks for; other entries count as problems. */
export function parseDiskRequests(entries: readonly unknown[]): {
  readonly paths: readonly string[];
  readonly problems: readonly string[];
} {
  const asked = entries.slice(0, MAX_DISKS).map((entry) => {
    const disk = (entry as { readonly disk?: unknown } | null)?.disk;
    return typeof disk === 'string' && disk.startsWith('/') && !disk.includes('\0')
      ? { path: disk }
      : { problem: `${quoteEntry(entry)} names no disk` };
  });
  const isMany = entries.length > MAX_DISKS;
  return {
    paths: [...new Set(asked.flatMap(({ path }) => path ?? []))],
    problems: [
      ...asked.flatMap(({ problem }) => problem ?? []),
      ...(isMany ? [`it has more than ${MAX_DISKS} entries`] : []),
    ],
  };
}
