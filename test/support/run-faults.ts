/** A walk of faults over several commands, with its counts. */

import { listLasting } from './fault-lasting.ts';
import { FaultProgress, rankFaults, rankOf } from './fault-progress.ts';
import { SCENES } from './fault-scenes.ts';
import { buildTracer, describeFault, type Fault } from './fault-tracer.ts';
import {
  describeOutcome,
  type FaultOutcome,
  listFaults,
  openWalk,
  type SceneWalk,
  tryFault,
} from './fault-walk.ts';
import { seededRandom } from './seeded-random.ts';

export interface FaultRun {
  readonly scenes: readonly string[];
  /** Faults of each scene, drawn without repetition. */
  readonly most: number;
  readonly seed: number;
  /** What a fault must contain; empty texts for all. */
  readonly filter?: { readonly call: string; readonly target: string; readonly action: string };
  /** One error and one kill for each call, in place of all errors, short and late answers. */
  readonly isEach?: boolean;
  /** Only each n-th fault of the list. */
  readonly every?: number;
  /** Keeps in `build/` what was tried, and leaves out what was tried without a finding. */
  readonly isResumed?: boolean;
  /** Only tells the faults. */
  readonly isList?: boolean;
  readonly isVerbose?: boolean;
  /** Disks that fill or turn read-only and killed helpers, in place of single calls. */
  readonly isLasting?: boolean;
  onLine(line: string): void;
}

/** @returns how many faults had a finding */
export async function runFaults(run: FaultRun): Promise<number> {
  const tracer = buildTracer();
  try {
    let found = 0;
    for (const name of run.scenes) found += await walkScene(tracer.program, name, run);
    return found;
  } finally {
    tracer.remove();
  }
}

async function walkScene(tracer: string, name: string, run: FaultRun): Promise<number> {
  const open = SCENES[name];
  if (open === undefined) throw new Error(`no scene ${name}`);
  const scene = await open();
  try {
    const walk = await openWalk(tracer, scene);
    const progress = new FaultProgress(run.isResumed === true ? name : undefined);
    const all = listWanted(walk, run);
    const left = all.filter((fault) => !progress.isDone(fault));
    const drawn = draw(left, run.most, seededRandom(run.seed));
    run.onLine(
      `${name}: ${walk.calls.length} calls, ${all.length} faults, ${all.length - left.length} done, ${drawn.length} tried`,
    );
    if (run.isList === true) for (const fault of drawn) run.onLine(`  ${describeFault(fault)}`);
    if (run.isList === true) return 0;
    const outcomes: FaultOutcome[] = [];
    for (const fault of drawn) {
      const outcome = await tryFault(tracer, walk, fault);
      outcomes.push(outcome);
      progress.add(outcome);
      if (run.isVerbose === true)
        run.onLine(`  ${outcome.status} ${describeFault(fault)}\n${outcome.output}`);
      if (outcome.problems.length > 0)
        run.onLine(`    ${describeOutcome(outcome)}${loud(outcome.output)}`);
    }
    for (const line of count(outcomes)) run.onLine(`  ${line}`);
    return outcomes.filter(({ problems }) => problems.length > 0).length;
  } finally {
    await scene.close();
  }
}

function listWanted({ scene, calls }: SceneWalk, run: FaultRun): Fault[] {
  const faults = run.isLasting === true ? listLasting(calls) : rankFaults(listFaults(scene, calls));
  const all = faults.filter(isWanted(run));
  const each = run.isEach === true ? all.filter((fault) => rankOf(fault) === 0) : all;
  return each.filter((_, index) => index % (run.every ?? 1) === 0);
}

function isWanted({ filter = { call: '', target: '', action: '' } }: FaultRun) {
  return ({ call, target, action }: Fault) =>
    call.includes(filter.call) && target.includes(filter.target) && action.includes(filter.action);
}

/** So many of a list, by chance, in their order. */
function draw<T>(all: readonly T[], most: number, random: () => number): readonly T[] {
  if (all.length <= most) return all;
  const ranked = all.map((one, index) => ({ one, index, rank: random() }));
  const chosen = ranked.sort((a, b) => a.rank - b.rank).slice(0, most);
  return chosen.sort((a, b) => a.index - b.index).map(({ one }) => one);
}

/** Faults by their action: met, of those with a harmless end, findings. */
function count(outcomes: readonly FaultOutcome[]): string[] {
  const actions = [...new Set(outcomes.map(({ fault }) => fault.action))].sort();
  const line = (action: string, list: readonly FaultOutcome[]) => {
    const met = list.filter(({ isHit }) => isHit).length;
    const harmless = list.filter(({ status, isHit }) => isHit && status === 0).length;
    const found = list.filter(({ problems }) => problems.length > 0).length;
    return `${action}: ${list.length} faults, ${met} met, ${harmless} harmless, ${found} findings`;
  };
  return [
    ...actions.map((action) =>
      line(
        action,
        outcomes.filter(({ fault }) => fault.action === action),
      ),
    ),
    line('all', outcomes),
  ];
}

/** Warnings and errors of a run, below a finding. */
function loud(output: string): string {
  const lines = output.split('\n').filter((line) => / (WARNING|ERROR|CRITICAL) /.test(line));
  return lines
    .slice(0, 5)
    .map((line) => `\n        ${line.slice(0, 300)}`)
    .join('');
}
