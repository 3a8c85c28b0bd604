/** The processes of one user, with what they use between two looks. */
import { listSamples, type ProcessSample, type ProcTable } from '../host/proc.ts';
import type { ProcessRow } from './data.ts';

const TICKS_PER_S = 100;
/** A partition that forks without end does not fill the memory. */
const MAX_ROWS = 2000;

interface Known {
  readonly startTicks: number;
  readonly ticks: number;
}

export class ProcessListReader {
  #known = new Map<number, Known>();
  #lastMs = Number.NaN;

  /** The busiest first; before there are two looks, the largest. */
  add(table: ProcTable, monotonicMs: number): ProcessRow[] {
    const elapsedS = (monotonicMs - this.#lastMs) / 1000;
    const samples = listSamples(table);
    const rows = samples.map((sample) => this.#toRow(sample, elapsedS));
    this.#known = new Map(
      samples.map((sample) => [
        sample.pid,
        { startTicks: sample.startTicks, ticks: ticksOf(sample) },
      ]),
    );
    this.#lastMs = monotonicMs;
    rows.sort((a, b) => (b.cpu ?? 0) - (a.cpu ?? 0) || b.rssBytes - a.rssBytes || a.pid - b.pid);
    return rows.slice(0, MAX_ROWS);
  }

  #toRow(sample: ProcessSample, elapsedS: number): ProcessRow {
    const { comm, pid, rssBytes, startTicks, threads } = sample;
    const before = this.#known.get(pid);
    const isSame = before?.startTicks === startTicks && elapsedS > 0;
    const cpu = isSame ? (ticksOf(sample) - before.ticks) / TICKS_PER_S / elapsedS : null;
    return { pid, cpu, rssBytes, threads, name: decodeName(comm) };
  }
}

function ticksOf({ stimeTicks, utimeTicks }: ProcessSample): number {
  return utimeTicks + stimeTicks;
}

/** Bytes that a process chose; what is no UTF-8 becomes U+FFFD. */
function decodeName(latin1: string): string {
  return Buffer.from(latin1, 'latin1').toString('utf8');
}
