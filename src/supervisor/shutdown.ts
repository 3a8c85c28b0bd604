/** Stopping everything in order (spec/supervisor.md 3.5). */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Controller } from './controller.ts';
import type { ManagedProcess } from './process/managed-process.ts';
import { isStoppedState } from './process/process-state.ts';

const REPORT_INTERVAL_MS = 3000;

/** Groups by priority, the highest number first: listeners, at -1, are the last. */
function levels(controller: Controller): ManagedProcess[][] {
  const byPriority = new Map<number, ManagedProcess[]>();
  for (const { config, processes } of controller.groups().reverse()) {
    const level = byPriority.get(config.priority) ?? [];
    byPriority.set(config.priority, [...level, ...processes.values()]);
  }
  return [...byPriority.values()];
}

async function reportWaiting(
  controller: Controller,
  processes: readonly ManagedProcess[],
  signal: AbortSignal,
): Promise<void> {
  for (;;) {
    await sleep(REPORT_INTERVAL_MS, undefined, { signal, ref: false });
    const names = processes
      .filter(({ status }) => !isStoppedState(status.state))
      .map(({ config }) => config.name);
    controller.log.write('INFO', `waiting for ${names.join(', ')} to die`);
  }
}

async function stopLevel(
  controller: Controller,
  processes: readonly ManagedProcess[],
): Promise<void> {
  const living = processes.filter(({ status }) => !isStoppedState(status.state));
  for (const process of processes) {
    process.dispatch({ kind: 'giveUp' });
    if (!isStoppedState(process.status.state)) process.dispatch({ kind: 'stop' });
  }
  if (living.length === 0) return;
  const names = living.map(({ config }) => config.name).join(', ');
  controller.log.write('INFO', `waiting for ${names} to die`);
  const done = new AbortController();
  reportWaiting(controller, living, done.signal).catch(() => {}); // Ends with the abort.
  await Promise.all(living.map((each) => each.until((status) => isStoppedState(status.state))));
  done.abort();
}

/** Stops every process, one priority after the other, those of one priority together. */
export async function stopEverything(controller: Controller): Promise<void> {
  for (const level of levels(controller)) await stopLevel(controller, level);
}
