/** How many nodes on their schedule one proxy bears. */
import { seededRandom } from '../../test/support/seeded-random.ts';
import { usualMinute } from './behaviours.ts';
import type { Fleet } from './fleet.ts';
import { runOpenLoop } from './open-loop.ts';

const MINUTE_MS = 60_000;
const LIMIT_MS = 1000;
/** A minute that is skipped now and then is late; more than this share is overload. */
const MOST_SKIPPED = 0.01;
/** By how much the load grows from one try to the next. */
const GROWTH = 1.5;
const FIRST_NODES = 10_000;
const MOST_NODES = 2_000_000;

export interface Capacity {
  /** As many nodes with a pass a minute; 0 where not even the first load was borne. */
  readonly nodes: number;
  readonly p99Ms: number;
}

/** Shortens the minute of the fleet until the proxy does not keep up. @param seconds of a try */
export async function findCapacity(fleet: Fleet, seconds: number): Promise<Capacity> {
  let best: Capacity = { nodes: 0, p99Ms: Number.NaN };
  const behaviour = usualMinute(seededRandom(1));
  for (let nodes = FIRST_NODES; nodes <= MOST_NODES; nodes *= GROWTH) {
    const minuteMs = (MINUTE_MS * fleet.nodes.length) / nodes;
    const {
      timings,
      skipped,
      minutes,
      seconds: took,
    } = await runOpenLoop(fleet, behaviour, {
      seconds,
      minuteMs,
    });
    const { p99Ms, count } = timings.all();
    const isKept = skipped <= MOST_SKIPPED * (minutes + skipped) && took < seconds + 1;
    const isBorne = p99Ms < LIMIT_MS && isKept && timings.failures === 0;
    const text = `${Math.round(nodes)} nodes: ${Math.round(count / took)} requests/s, p99 ${p99Ms.toFixed(1)} ms, ${skipped} skipped, ${timings.failures} failed ${timings.firstFailure}`;
    process.stderr.write(`  ${text}\n`);
    if (!isBorne) break;
    best = { nodes: Math.round(nodes), p99Ms };
  }
  return best;
}
