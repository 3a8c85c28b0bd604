/** What a walk of faults has tried already, so that it goes on where it was ended. */
import { appendFileSync, mkdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { packageRoot } from '../../src/host/package/package-files.ts';
import { describeFault, type Fault } from './fault-tracer.ts';
import { actionsFor, type FaultOutcome } from './fault-walk.ts';

interface Tried {
  readonly fault: string;
  readonly isHit: boolean;
  readonly status: number | null;
  readonly problems: readonly string[];
}

/** The same in each run: sites have names of their own. */
const keyOf = (fault: Fault) => describeFault(fault).replaceAll(/grid-site-\w+/g, 'grid-site');

/** A file of one line for each fault of a scene, in `build/`; without a scene nothing is kept. */
export class FaultProgress {
  readonly #file: string | undefined;
  readonly #tried = new Map<string, Tried>();

  constructor(scene?: string) {
    if (scene === undefined) return;
    this.#file = join(packageRoot(), 'build', 'fault-walk', `${scene}.jsonl`);
    for (const line of readLines(this.#file)) {
      const tried = JSON.parse(line) as Tried;
      this.#tried.set(tried.fault, tried);
    }
  }

  /** Whether a fault was tried; one with a finding is to be tried again. */
  isDone(fault: Fault): boolean {
    return this.#tried.get(keyOf(fault))?.problems.length === 0;
  }

  add({ fault, isHit, status, problems }: FaultOutcome): void {
    const tried: Tried = { fault: keyOf(fault), isHit, status, problems };
    this.#tried.set(tried.fault, tried);
    if (this.#file === undefined) return;
    mkdirSync(dirname(this.#file), { recursive: true });
    appendFileSync(this.#file, `${JSON.stringify(tried)}\n`);
  }
}

function readLines(file: string): string[] {
  try {
    return readFileSync(file, 'utf8').split('\n').slice(0, -1);
  } catch {
    return [];
  }
}

/** The first error of each call and its end there, then the other errors, then what is only late or short. */
export function rankFaults(faults: readonly Fault[]): Fault[] {
  return [0, 1, 2].flatMap((rank) => faults.filter((fault) => rankOf(fault) === rank));
}

/** 0 for one error and a kill of each call. */
export function rankOf(fault: Fault): number {
  if (/^(delay|short)/.test(fault.action)) return 2;
  const [first] = actionsFor({ ...fault, occurrence: 0 });
  return fault.action === first || fault.action === 'kill' ? 0 : 1;
}
