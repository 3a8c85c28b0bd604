/** The thread in which a target runs: it may hang or fill its memory without ending the campaign. */
import { parentPort, workerData } from 'node:worker_threads';
import { type Coverage, type FuzzOutcome, FuzzRun, type FuzzSettings } from './engine.ts';
import type { FuzzTarget } from './target.ts';

export interface WorkerData {
  /** Undefined asks for the names of the targets only. */
  readonly target?: string;
  readonly settings: Omit<FuzzSettings, 'beforeRun'>;
  readonly smallest: { readonly inputs: number; readonly bytes: number };
  /** Count of runs, length of the input that runs, its bytes. */
  readonly current: SharedArrayBuffer;
}

export interface WorkerAnswer extends FuzzOutcome {
  readonly smallest: readonly Uint8Array[];
}

export const CURRENT_HEAD_BYTES = 8;

/** Writes each input where the other thread finds it when this one does not answer any more. */
function showInput(current: SharedArrayBuffer): (input: Uint8Array) => void {
  const head = new Int32Array(current, 0, 2);
  const bytes = new Uint8Array(current, CURRENT_HEAD_BYTES);
  return (input) => {
    head[1] = Math.min(input.length, bytes.length);
    bytes.set(input.subarray(0, bytes.length));
    Atomics.add(head, 0, 1);
  };
}

/** Runs the target that was asked for and answers with what was found. */
export async function serve(targets: readonly FuzzTarget[]): Promise<void> {
  const data = workerData as WorkerData;
  if (data.target === undefined) return parentPort?.postMessage(targets.map(({ name }) => name));
  const target = targets.find(({ name }) => name === data.target);
  if (target === undefined) throw new Error(`there is no target ${data.target}`);
  const { slaposFuzz } = globalThis as unknown as { readonly slaposFuzz: Coverage };
  const run = new FuzzRun(target, slaposFuzz, {
    ...data.settings,
    beforeRun: showInput(data.current),
  });
  const outcome = await run.run();
  const smallest = run.smallest(data.smallest.inputs, data.smallest.bytes);
  const answer: WorkerAnswer = { ...outcome, smallest };
  parentPort?.postMessage(answer);
}
