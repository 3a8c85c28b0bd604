/** As much as the proxy bears: every worker takes the next node as soon as it is done with one. */
import type { Behaviour } from './behaviours.ts';
import type { Fleet } from './fleet.ts';
import type { SimulatedNode } from './simulated-node.ts';
import { Timings } from './timings.ts';

export interface LoopResult {
  readonly timings: Timings;
  readonly seconds: number;
  /** Minutes of nodes that were gone through. */
  readonly minutes: number;
}

export async function runClosedLoop(
  fleet: Fleet,
  behaviour: Behaviour,
  { seconds, workers }: { readonly seconds: number; readonly workers: number },
): Promise<LoopResult> {
  const timings = new Timings();
  fleet.timings = timings;
  const turns = new Turns(fleet.nodes);
  const start = performance.now();
  const isOver = (): boolean => performance.now() - start > seconds * 1e3;
  let minutes = 0;
  const work = async (): Promise<void> => {
    while (!isOver()) {
      const { node, turn } = turns.take();
      try {
        await behaviour(node, turn);
        minutes += 1;
      } catch (error) {
        timings.fail(String(error));
        // A proxy that is gone would be asked without end.
        if (timings.failures > 100) return;
      } finally {
        turns.giveBack(node);
      }
    }
  };
  const count = Math.min(workers, fleet.nodes.length);
  await Promise.all(Array.from({ length: count }, work));
  return { timings, seconds: (performance.now() - start) / 1e3, minutes };
}

/** Nodes one after another, none that somebody is at: a node does one thing at a time. */
class Turns {
  readonly #free: SimulatedNode[];
  readonly #turns = new Map<SimulatedNode, number>();

  constructor(nodes: readonly SimulatedNode[]) {
    this.#free = nodes.toReversed();
  }

  take(): { readonly node: SimulatedNode; readonly turn: number } {
    const node = this.#free.pop();
    if (node === undefined) throw new Error('more workers than nodes');
    const turn = this.#turns.get(node) ?? 0;
    this.#turns.set(node, turn + 1);
    return { node, turn };
  }

  giveBack(node: SimulatedNode): void {
    this.#free.unshift(node);
  }
}
