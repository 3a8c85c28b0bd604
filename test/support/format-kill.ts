/**
 * The kill campaign: many machines, on each of which `node format` is killed with SIGKILL at moments
 * drawn from a seed and then run to the end. Each must end as one where nothing was killed.
 */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { packageRoot } from '../../src/host/package/package-files.ts';
import { seededRandom } from './seeded-random.ts';

const LARGEST_OUTPUT_BYTES = 256 * 1024 * 1024;
/** Share of machines on which the run after a killed one is killed as well. */
const SECOND_KILL = 0.25;

export interface KillCampaign {
  readonly partitions: number;
  /** Kills altogether; a machine may see two. */
  readonly kills: number;
  readonly seed: number;
  /** Hears one line for each machine. */
  onLine(line: string): void;
}

/** So many milliseconds after so many lines of the log. */
export interface Moment {
  readonly lines: number;
  readonly delayMs: number;
}

export interface Kill extends Moment {
  /** What the run was doing, as it said itself. */
  readonly reached: string;
  readonly hasJournal: boolean;
}

export interface Run {
  readonly ms: number;
  readonly lines: ReadonlyArray<{ readonly text: string; readonly ms: number }>;
}

export interface Machine {
  readonly kills: readonly Kill[];
  readonly last: Run;
  readonly again: Run;
  readonly snapshot: Readonly<Record<string, readonly string[]>>;
}

export interface KillResult {
  /** Those that met a run which was still at work. */
  readonly kills: readonly Kill[];
  readonly machines: number;
  /** First lines in which machines differ from the undisturbed one; empty when all converged. */
  readonly differences: readonly string[];
}

const WAS_OVER = 'was over';
/** Machines tried for each kill wanted, at most: a run may end before its moment. */
const PATIENCE = 4;

/** @throws Error when a machine cannot be made, or format fails on it. */
export function runKillCampaign(campaign: KillCampaign): KillResult {
  const { partitions, seed, onLine } = campaign;
  const whole = runMachine(partitions, []);
  onLine(`undisturbed: ${ms(whole.last.ms)}, then ${ms(whole.again.ms)} with nothing to do`);
  const random = seededRandom(seed);
  const kills: Kill[] = [];
  const differences: string[] = [];
  let machines = 0;
  while (kills.length < campaign.kills && machines < PATIENCE * campaign.kills) {
    const isTwice = random() < SECOND_KILL && kills.length + 1 < campaign.kills;
    const moments = Array.from({ length: isTwice ? 2 : 1 }, () => drawMoment(whole.last, random));
    const machine = runMachine(partitions, moments);
    machines += 1;
    kills.push(...machine.kills.filter((kill) => kill.reached !== WAS_OVER));
    const found = differencesOf(whole.snapshot, machine.snapshot);
    differences.push(...found.map((line) => `${describeKills(machine)}: ${line}`));
    onLine(describeMachine(machine, found));
  }
  return { kills, machines, differences };
}

/** Every phase of a run is as likely as another, however short it is, and every moment within it. */
function drawMoment({ lines, ms }: Run, random: () => number): Moment {
  const phase = Math.floor(random() * (lines.length + 1));
  const start = lines[phase - 1]?.ms ?? 0;
  const end = lines[phase]?.ms ?? ms;
  return { lines: phase, delayMs: random() * (end - start) };
}

function runMachine(partitions: number, moments: readonly Moment[]): Machine {
  const script = '"$SLAPOS_PACKAGE/test/support/kill-machine.mjs"';
  const { status, stdout, stderr } = spawnSync(
    join(packageRoot(), 'scripts/in-namespace.sh'),
    ['bash', '-c', `exec node ${script} "$0"`, JSON.stringify({ partitions, moments })],
    {
      encoding: 'utf8',
      maxBuffer: LARGEST_OUTPUT_BYTES,
      env: { ...process.env, NODE_EXTRA_CA_CERTS: undefined },
    },
  );
  if (status !== 0) throw new Error(`killed at ${JSON.stringify(moments)}: ${stderr}`);
  return JSON.parse(stdout) as Machine;
}

const ms = (value: number): string => `${value.toFixed(0)} ms`;

function describeKills({ kills }: Machine): string {
  const told = kills.map(({ lines, delayMs, reached }) => {
    return `${delayMs.toFixed(1)} ms after line ${lines} (${reached})`;
  });
  return `killed ${told.join(' and ')}`;
}

function describeMachine(machine: Machine, differences: readonly string[]): string {
  const end = differences.length === 0 ? 'same end' : `DIFFERS: ${differences[0]}`;
  return `${describeKills(machine)}, re-run ${ms(machine.last.ms)}: ${end}`;
}

function differencesOf(whole: Machine['snapshot'], other: Machine['snapshot']): string[] {
  return Object.entries(whole).flatMap(([subject, lines]) => {
    const found = other[subject] ?? [];
    const at = lines.findIndex((line, index) => line !== found[index]);
    if (at < 0 && lines.length === found.length) return [];
    const place = at < 0 ? lines.length : at;
    return [`${subject}: ${difference(lines[place] ?? '(end)', found[place] ?? '(end)')}`];
  });
}

const SHOWN = 160;

/** Both lines from a little before the place where they part. */
function difference(expected: string, found: string): string {
  let at = 0;
  while (at < expected.length && expected[at] === found[at]) at += 1;
  const start = Math.max(0, at - SHOWN / 2);
  const [one, other] = [expected, found].map((text) => text.slice(start, start + SHOWN));
  return `expected ${one}, found ${other}`;
}
