/**
 * The kill campaign: many machines, on each of which `node format` is killed with SIGKILL at moments
 * drawn from a seed and then run to the end. Each must end as one where nothing was killed.
 */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { packageRoot } from '../../src/host/native.ts';

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

export interface Kill {
  readonly delayMs: number;
  /** What the run was doing, as it said itself. */
  readonly reached: string;
  readonly hasJournal: boolean;
}

export interface Machine {
  readonly kills: readonly Kill[];
  readonly lastMs: number;
  readonly againMs: number;
  readonly snapshot: Readonly<Record<string, readonly string[]>>;
}

export interface KillResult {
  readonly wholeMs: number;
  readonly kills: readonly Kill[];
  readonly machines: number;
  /** First lines in which machines differ from the undisturbed one; empty when all converged. */
  readonly differences: readonly string[];
}

/** Numbers in 0..1 that follow from the seed (mulberry32). */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** @throws Error when a machine cannot be made, or format fails on it. */
export function runKillCampaign(campaign: KillCampaign): KillResult {
  const { partitions, seed, onLine } = campaign;
  const whole = runMachine(partitions, []);
  onLine(`undisturbed: ${whole.lastMs} ms, then ${whole.againMs} ms with nothing to do`);
  const random = seededRandom(seed);
  const kills: Kill[] = [];
  const differences: string[] = [];
  let machines = 0;
  while (kills.length < campaign.kills) {
    // Spread over the whole run, drawn within each share of it.
    const share = (kills.length + random()) / campaign.kills;
    const isTwice = random() < SECOND_KILL && kills.length + 1 < campaign.kills;
    const delays = [share, ...(isTwice ? [random()] : [])].map((part) =>
      Math.round(part * whole.lastMs),
    );
    const machine = runMachine(partitions, delays);
    machines += 1;
    kills.push(...machine.kills);
    const found = differencesOf(whole.snapshot, machine.snapshot);
    differences.push(...found.map((line) => `killed after ${delays.join(', ')} ms: ${line}`));
    onLine(describeMachine(machine, found));
  }
  return { wholeMs: whole.lastMs, kills, machines, differences };
}

function runMachine(partitions: number, delaysMs: readonly number[]): Machine {
  const script = join(packageRoot(), 'test/support/kill-machine.mjs');
  const { status, stdout, stderr } = spawnSync(
    join(packageRoot(), 'scripts/in-namespace.sh'),
    [process.execPath, script, JSON.stringify({ partitions, delaysMs })],
    {
      encoding: 'utf8',
      maxBuffer: LARGEST_OUTPUT_BYTES,
      env: { ...process.env, NODE_EXTRA_CA_CERTS: undefined },
    },
  );
  if (status !== 0) throw new Error(`kills after ${delaysMs.join(', ')} ms: ${stderr}`);
  return JSON.parse(stdout) as Machine;
}

function describeMachine({ kills, lastMs }: Machine, differences: readonly string[]): string {
  const told = kills.map(({ delayMs, reached }) => `${delayMs} ms (${reached})`);
  const end = differences.length === 0 ? 'same end' : `DIFFERS: ${differences[0]}`;
  return `killed after ${told.join(' and ')}, re-run ${lastMs} ms: ${end}`;
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
