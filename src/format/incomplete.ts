/** What is left of a run in which steps failed: which partitions are usable. Pure. */
import { HostError, SlaposError } from '../errors/slapos-error.ts';
import type { Computer } from '../model/computer.ts';
import { Attribution, isRemoval, isStateFile } from './attribution.ts';
import type { Step } from './step.ts';

export interface FailedStep {
  readonly step: Step;
  readonly error: SlaposError;
}

export interface Leftover {
  readonly failures: readonly FailedStep[];
  /** Steps that were not tried because of those. */
  readonly untaken: readonly Step[];
}

/** How many partitions a message names. */
const NAMED = 10;

/** References of partitions that have all that they need, in order. */
export function usablePartitions(computer: Computer, { failures, untaken }: Leftover): string[] {
  const attribution = new Attribution(computer);
  const failed = failures.map(({ step }) => step);
  if (failed.some((step) => concernsAll(step, attribution))) return [];
  const wanting = new Set(
    [...failed, ...untaken].flatMap((step) => attribution.partitionsOf(step)),
  );
  return computer.partitions
    .map(({ reference }) => reference)
    .filter((reference) => !wanting.has(reference));
}

/** A step for the computer on which all partitions rest: its folders, its kernel settings. */
export function concernsAll(step: Step, attribution: Attribution): boolean {
  if (isStateFile(step) || isRemoval(step)) return false;
  return attribution.partitionsOf(step).length === 0;
}

/** The error that ends the run: the first refusal, and what it means for the partitions. */
export function incompleteError(computer: Computer, leftover: Leftover): SlaposError {
  const usable = usablePartitions(computer, leftover);
  const isUsable = new Set(usable);
  const unusable = computer.partitions
    .map(({ reference }) => reference)
    .filter((reference) => !isUsable.has(reference));
  const first = leftover.failures[0]?.error as SlaposError;
  const more = leftover.failures.length - 1;
  const others = more === 0 ? '' : ` (and ${more} more ${more === 1 ? 'step' : 'steps'} failed)`;
  const message = `${first.message}${others} ${describe(computer, unusable)}`;
  const options = {
    cause: first,
    hint: first.hint ?? 'Run slapos node format again: it goes on from here.',
    context: { ...first.context, usable, unusable },
    exitCode: 1,
  };
  const kernel = first as Partial<HostError>;
  if (kernel.syscall === undefined) return new SlaposError(first.code, message, options);
  return new HostError(first.code, message, kernel, options);
}

function describe(computer: Computer, unusable: readonly string[]): string {
  const amount = computer.partitions.length;
  if (unusable.length === 0) return `All ${amount} partitions are usable.`;
  if (unusable.length === amount) return 'No partition is usable.';
  const rest = unusable.length - NAMED;
  const names = unusable.slice(0, NAMED).join(', ') + (rest > 0 ? ` and ${rest} more` : '');
  return `${amount - unusable.length} of ${amount} partitions are usable; not: ${names}.`;
}
