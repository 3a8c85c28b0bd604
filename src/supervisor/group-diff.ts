/** What changed between the groups that run and those that the files describe. Pure. */
import type { GroupConfig, ProcessConfig } from './configuration/program-config.ts';

export interface GroupDiff {
  /** In order of (priority, name). */
  readonly added: readonly string[];
  readonly changed: readonly string[];
  /** In the order in which the groups were running. */
  readonly removed: readonly string[];
}

type SortedEntries = ReadonlyArray<readonly [string, unknown]>;

function sortedEntries(process: ProcessConfig, isServerUrlIgnored: boolean): SortedEntries {
  const byKey = ([a]: readonly [string, unknown], [b]: readonly [string, unknown]) =>
    a < b ? -1 : 1;
  const environment = Object.entries(process.environment).sort(byKey);
  const serverUrl = isServerUrlIgnored ? 'AUTO' : process.serverUrl;
  return Object.entries({ ...process, environment, serverUrl }).sort(byKey);
}

/** Text that is equal for equal groups: key order does not count, process order does. */
export function groupFingerprint(group: GroupConfig, isServerUrlIgnored = false): string {
  const processes = group.processes.map((process) => sortedEntries(process, isServerUrlIgnored));
  return JSON.stringify([group.name, group.priority, group.listener ?? null, processes]);
}

function isSameUrl(before: ProcessConfig, after: ProcessConfig): boolean {
  const urls = [before.serverUrl, after.serverUrl];
  return urls[0] === urls[1] || urls.some((url) => url.toUpperCase() === 'AUTO');
}

/** True when a running process needs no restart to become what the files describe. */
export function isSameProcess(before: ProcessConfig, after: ProcessConfig): boolean {
  const [a, b] = [before, after].map((each) => JSON.stringify(sortedEntries(each, true)));
  return a === b && isSameUrl(before, after);
}

/** True when a running group needs no restart to become what the files describe. */
export function isSameGroup(before: GroupConfig, after: GroupConfig): boolean {
  if (before === after) return true;
  if (before.processes.length !== after.processes.length) return false;
  if (groupFingerprint(before, true) !== groupFingerprint(after, true)) return false;
  return before.processes.every((process, index) => {
    const other = after.processes[index];
    return other !== undefined && isSameUrl(process, other);
  });
}

/** Order of starting and listing: priority, then name. */
export function compareGroups(a: GroupConfig, b: GroupConfig): number {
  return a.priority - b.priority || (a.name < b.name ? -1 : a.name > b.name ? 1 : 0);
}

/** Compares running groups with wanted ones. */
export function diffGroups(
  running: readonly GroupConfig[],
  wanted: readonly GroupConfig[],
): GroupDiff {
  const before = new Map(running.map((group) => [group.name, group]));
  const after = new Set(wanted.map((group) => group.name));
  const ordered = [...wanted].sort(compareGroups);
  const isChanged = (group: GroupConfig) => {
    const old = before.get(group.name);
    return old !== undefined && !isSameGroup(old, group);
  };
  return {
    added: ordered.filter((group) => !before.has(group.name)).map((group) => group.name),
    changed: ordered.filter(isChanged).map((group) => group.name),
    removed: running.filter((group) => !after.has(group.name)).map((group) => group.name),
  };
}
