/** The load campaign: what the command and the test in the root lane run. */

import { type FigureRow, judgeFigures, type Sample, takeSample } from './load-figures.ts';
import { LoadModel } from './load-model.ts';
import { LoadNode } from './load-node.ts';
import { LoadRun, type NodeFault, type RoundPlan } from './load-run.ts';
import { seededRandom } from './seeded-random.ts';

export interface LoadOptions {
  readonly partitions: number;
  readonly services: number;
  readonly seed: number;
  /** Until so much time is over, or so many rounds. */
  readonly minutes?: number;
  readonly rounds?: number;
  onLine?(line: string): void;
}

export interface LoadOutcome {
  readonly rounds: number;
  readonly problems: readonly string[];
  readonly met: ReadonlyMap<string, number>;
  readonly lines: number;
  readonly cuts: number;
  readonly samples: readonly Sample[];
  readonly rows: readonly FigureRow[];
}

/** The node is disturbed in this part of the time, and again after the measured part. */
const DISTURBED_UNTIL = 0.45;
const MEASURED_UNTIL = 0.92;
const FAULT_EVERY = 2;
const FAULTS: ReadonlyArray<readonly [NodeFault, boolean]> = [
  ['controller', false],
  ['upgrade', true],
  ['proxy', false],
  ['controller', true],
  ['upgrade', false],
  ['proxy killed', true],
  ['keeper', true],
];
const FIRST_FAULT = ['controller', false] as const;
const LONGEST_DELAY_MS = 1500;
const MOST_PROBLEMS = 40;
/** Of the partitions, in each round. */
const CHANGED = 0.04;
const CRASHED = 0.02;

/** @param share of the time that is over */
function isLevel(share: number): boolean {
  return share >= DISTURBED_UNTIL && share < MEASURED_UNTIL;
}

/** What comes in a round. */
function planRound(
  index: number,
  isMeasured: boolean,
  partitions: number,
  random: () => number,
): RoundPlan {
  const work = {
    changes: Math.max(3, Math.round(partitions * CHANGED)),
    crashes: Math.max(2, Math.round(partitions * CRASHED)),
  };
  if (isMeasured || index % FAULT_EVERY === 1) return work;
  const [fault, isDuring] = FAULTS[Math.floor(index / FAULT_EVERY) % FAULTS.length] ?? FIRST_FAULT;
  const faultAfterMs = random() * LONGEST_DELAY_MS;
  return { ...work, fault, ...(isDuring ? { faultAfterMs } : {}) };
}

export async function runLoad(options: LoadOptions): Promise<LoadOutcome> {
  const { partitions, services } = options;
  const random = seededRandom(options.seed);
  const say = options.onLine ?? (() => {});
  const node = new LoadNode(partitions, services);
  const model = new LoadModel(partitions, services, random);
  const run = new LoadRun(node, model);
  const samples: Sample[] = [];
  const measured: Sample[] = [];
  const problems: string[] = [];
  try {
    await node.prepare();
    say('formatted');
    const filled = await run.fill();
    problems.push(...filled.problems);
    say(`${filled.look.services.length} services run after ${Math.round(filled.pass.ms)} ms`);
    await node.startCollector();
    const startMs = performance.now();
    let rounds = 0;
    const share = () =>
      Math.max(
        options.rounds === undefined ? 0 : rounds / options.rounds,
        options.minutes === undefined
          ? 0
          : (performance.now() - startMs) / 60_000 / options.minutes,
      );
    for (; share() < 1 && problems.length < MOST_PROBLEMS; rounds += 1) {
      const at = share();
      const isMeasured = options.minutes !== undefined && isLevel(at);
      const plan = planRound(rounds, isMeasured, partitions, random);
      const result = await run.round(plan);
      const found = [...result.problems, ...(await run.checkCollector())];
      const sample = await takeSample(node, result, performance.now() - startMs);
      samples.push(sample);
      if (isMeasured) measured.push(sample);
      found.push(...sample.problems);
      problems.push(...found.map((problem) => `round ${rounds}: ${problem}`));
      say(describeRound(rounds, plan, result.passes, sample, found));
    }
    problems.push(...run.checkLogs(node.look()));
    const rows = judgeFigures(samples, measured);
    const { cuts, linesRead: lines, met } = run;
    return { rounds, problems, met, lines, cuts, samples, rows };
  } finally {
    await node.remove();
  }
}

function describeRound(
  round: number,
  { fault }: RoundPlan,
  passes: number,
  { atMs, figures, services }: Sample,
  problems: readonly string[],
): string {
  const ms = (name: string) => Math.round(figures[`${name}, ms`] ?? 0);
  const mib = (name: string) => ((figures[`${name}, RSS`] ?? 0) / 2 ** 20).toFixed(1);
  return [
    `${(atMs / 1000).toFixed(0)} s, round ${round}${fault === undefined ? '' : ` (${fault})`}:`,
    `${services} services, ${passes} passes of ${ms('pass with changes')}/${ms('pass without changes')} ms,`,
    `status ${ms('supervisorctl status')} ms, MiB ${['keeper', 'controller', 'proxy', 'collector'].map(mib).join('/')}`,
    ...problems.slice(0, 10).map((problem) => `\n   ${problem}`),
  ].join(' ');
}
