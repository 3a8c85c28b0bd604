/** Runs targets in threads of their own, and says what became of them. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { bundleTargets } from './bundle.ts';
import { CORPUS_LIMITS, readCorpus } from './corpus.ts';
import type { Finding, FuzzSettings } from './engine.ts';
import { CURRENT_HEAD_BYTES, type WorkerAnswer, type WorkerData } from './worker.ts';

const HEAP_MB = 512;
/** Longest that one input may take. */
const ENDLESS_MS = 20_000;
const CURRENT_BYTES = 256 * 1024;

export interface TargetProgram {
  readonly name: string;
  readonly program: string;
}

/** Every target of `test/fuzz/targets` with its program, built. */
export async function buildTargets(root: string): Promise<TargetProgram[]> {
  const found: TargetProgram[] = [];
  for (const file of readdirSync(join(root, 'test', 'fuzz', 'targets')).sort()) {
    const program = await bundleTargets(root, file);
    for (const name of await listTargets(program)) found.push({ name, program });
  }
  return found;
}

function listTargets(program: string): Promise<readonly string[]> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(program, { workerData: {} });
    worker.once('message', resolve).once('error', reject);
  });
}

/** What one target gave; a run that was ended tells only its last input. */
export type TargetAnswer =
  | WorkerAnswer
  | { readonly findings: readonly [Finding]; readonly runs: number };

export async function runTarget(
  root: string,
  { name, program }: TargetProgram,
  settings: Omit<FuzzSettings, 'beforeRun' | 'corpus'>,
): Promise<TargetAnswer> {
  const current = new SharedArrayBuffer(CURRENT_HEAD_BYTES + CURRENT_BYTES);
  const workerData: WorkerData = {
    target: name,
    settings: { ...settings, corpus: readCorpus(root, name) },
    smallest: CORPUS_LIMITS,
    current,
  };
  const worker = new Worker(program, {
    workerData,
    resourceLimits: { maxOldGenerationSizeMb: HEAP_MB },
    execArgv: ['--enable-source-maps'],
    // Descriptors that the addon opened and Node closes.
    trackUnmanagedFds: false,
  });
  const answer = new Promise<TargetAnswer>((resolve, reject) => {
    worker.once('message', resolve);
    worker.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'ERR_WORKER_OUT_OF_MEMORY') return reject(error);
      return resolve(ended(current, 'memory', `more than ${HEAP_MB} MB`));
    });
  });
  const watch = watchInputs(current, ENDLESS_MS);
  try {
    return await Promise.race([answer, watch.isEndless]);
  } finally {
    watch.stop();
    await worker.terminate();
  }
}

function ended(current: SharedArrayBuffer, kind: Finding['kind'], reason: string): TargetAnswer {
  const [runs = 0, length = 0] = new Int32Array(current, 0, 2);
  const input = Buffer.from(new Uint8Array(current, CURRENT_HEAD_BYTES, length));
  return { runs, findings: [{ kind, reason, input }] };
}

/** Resolves when one input runs longer than that. */
function watchInputs(current: SharedArrayBuffer, limitMs: number) {
  const head = new Int32Array(current, 0, 1);
  let timer: NodeJS.Timeout | undefined;
  const isEndless = new Promise<TargetAnswer>((resolve) => {
    let [last, since] = [0, Date.now()];
    timer = setInterval(() => {
      const runs = Atomics.load(head, 0);
      if (runs !== last) [last, since] = [runs, Date.now()];
      // A worker that has not begun yet, or is done, runs no input.
      else if (runs > 0 && Date.now() - since > limitMs) {
        resolve(ended(current, 'endless', `more than ${limitMs / 1000} s`));
      }
    }, 250);
  });
  return { isEndless, stop: () => clearInterval(timer) };
}
