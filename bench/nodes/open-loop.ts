/**
 * Nodes on their schedule: each begins its minute when cron would, whether or not others are done.
 * A minute may be shorter than sixty seconds: with a sixtieth of it, a node does in a second what it
 * does in a minute, and so many nodes load the proxy like sixty times as many.
 */
import type { Behaviour } from './behaviours.ts';
import type { LoopResult } from './closed-loop.ts';
import type { Fleet } from './fleet.ts';
import { Timings } from './timings.ts';

export interface OpenLoopResult extends LoopResult {
  /** Minutes that did not begin because the one before had not ended, as under the node's lock. */
  readonly skipped: number;
}

const TICK_MS = 2;

export async function runOpenLoop(
  fleet: Fleet,
  behaviour: Behaviour,
  { seconds, minuteMs }: { readonly seconds: number; readonly minuteMs: number },
): Promise<OpenLoopResult> {
  const timings = new Timings();
  fleet.timings = timings;
  const { nodes } = fleet;
  const running = new Map<number, Promise<void>>();
  let [minutes, skipped, begun] = [0, 0, 0];
  const begin = (turn: number): void => {
    const index = turn % nodes.length;
    const node = nodes[index];
    if (node === undefined || running.has(index)) {
      skipped += 1;
      return;
    }
    const ended = behaviour(node, Math.floor(turn / nodes.length))
      .then(() => {
        minutes += 1;
      })
      .catch((error: unknown) => timings.fail(String(error)))
      .finally(() => running.delete(index));
    running.set(index, ended);
  };
  const start = performance.now();
  for (let elapsed = 0; elapsed < seconds * 1e3; elapsed = performance.now() - start) {
    // Starts are spread evenly over the minute.
    const due = Math.floor((elapsed / minuteMs) * nodes.length);
    for (; begun <= due; begun += 1) begin(begun);
    await new Promise((resolve) => setTimeout(resolve, TICK_MS));
  }
  await Promise.all(running.values());
  return { timings, seconds: (performance.now() - start) / 1e3, minutes, skipped };
}
