/**
 * The whole of an update in one call (spec/supervisor.md 11.9): groups that went away or changed
 * are stopped at the same time, and of a changed group only the processes that changed.
 */

import type { GroupConfig } from './configuration/program-config.ts';
import type { Controller } from './controller.ts';
import { type GroupDiff, isSameProcess } from './group-diff.ts';
import { isStoppable, stopProcess } from './operations.ts';
import type { ManagedProcess } from './process/managed-process.ts';

async function stopAll(processes: readonly ManagedProcess[]): Promise<void> {
  await Promise.all(
    processes.map(async (process) => {
      if (isStoppable(process)) await stopProcess(process, process.namespec, true);
      else await process.until(({ state }) => state !== 'STOPPING');
    }),
  );
}

async function remove(controller: Controller, name: string): Promise<void> {
  const group = controller.group(name);
  if (group === undefined) return;
  do await stopAll([...group.processes.values()]);
  while (!controller.removeGroup(name));
}

/** Names of processes that go on as they are. */
function unchanged(before: GroupConfig, after: GroupConfig): ReadonlySet<string> {
  // The pool of a listener is its group.
  if (before.listener !== undefined || after.listener !== undefined) return new Set();
  const old = new Map(before.processes.map((each) => [each.name, each]));
  const same = after.processes.filter((each) => {
    const other = old.get(each.name);
    return other !== undefined && isSameProcess(other, each);
  });
  return new Set(same.map(({ name }) => name));
}

async function change(controller: Controller, config: GroupConfig): Promise<void> {
  const group = controller.group(config.name);
  const kept = group === undefined ? new Set<string>() : unchanged(group.config, config);
  if (group === undefined || kept.size === 0) {
    await remove(controller, config.name);
    return controller.addGroup(config);
  }
  const gone = [...group.processes.values()].filter((each) => !kept.has(each.config.name));
  do await stopAll(gone);
  while (!(await controller.replaceGroup(config, kept)));
}

/** Makes the running groups what a reading of the files gave. */
export async function applyGroupUpdate(
  controller: Controller,
  diff: GroupDiff,
  wanted: readonly GroupConfig[],
): Promise<void> {
  const byName = new Map(wanted.map((group) => [group.name, group]));
  const configs = (names: readonly string[]) => names.flatMap((name) => byName.get(name) ?? []);
  await Promise.all([
    ...diff.removed.map((name) => remove(controller, name)),
    ...configs(diff.changed).map((config) => change(controller, config)),
  ]);
  for (const config of configs(diff.added)) await controller.addGroup(config);
}
