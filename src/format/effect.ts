/** What the effects of steps share: how a batch is taken, and what comes of it. */
import { isSlaposError, type SlaposError } from '../errors/slapos-error.ts';
import type { OperationResult } from '../host/host.ts';
import type { FormatPorts } from './ports.ts';
import type { StepKind, StepOf } from './step.ts';

export interface ApplyHooks {
  /** Called before each batch. */
  onBatch(batch: { readonly kind: StepKind; readonly count: number; readonly done: number }): void;
  /** Called while a batch lasts; `done` counts the steps of all batches. */
  onAdvance(done: number): void;
  onWarning(message: string): void;
  /** For the stamp in the names of history entries. */
  now(): Date;
  readonly signal: AbortSignal;
}

export interface Reach {
  readonly ports: FormatPorts;
  readonly hooks: ApplyHooks;
  /** So many steps of this batch are done. */
  advance(taken: number): void;
}

/** What came of a batch. */
export interface Taken {
  /** One for each step, in order; none for a batch that went well. */
  readonly errors?: ReadonlyArray<SlaposError | undefined>;
  /** Addresses that another machine has. */
  readonly duplicates?: readonly string[];
}

export type Effect<Kind extends StepKind> = (
  steps: ReadonlyArray<StepOf<Kind>>,
  reach: Reach,
) => Promise<Taken>;

/** Does something with each item, some at a time, in order of starting. */
export async function each<Item>(
  items: readonly Item[],
  parallel: number,
  reach: Pick<Reach, 'advance'>,
  act: (item: Item) => Promise<void>,
): Promise<Taken> {
  const errors: Array<SlaposError | undefined> = [];
  for (let start = 0; start < items.length; start += parallel) {
    const some = items.slice(start, start + parallel);
    errors.push(...(await Promise.all(some.map((item) => refusalOf(act(item))))));
    reach.advance(errors.length);
  }
  return { errors };
}

async function refusalOf(act: Promise<void>): Promise<SlaposError | undefined> {
  try {
    await act;
    return undefined;
  } catch (error) {
    if (isSlaposError(error)) return error;
    throw error;
  }
}

/** Hands items over so many at a time: between two calls somebody may be told how far it is. */
export async function together<Item>(
  items: readonly Item[],
  most: number,
  reach: Pick<Reach, 'advance'>,
  act: (items: readonly Item[]) => Promise<Taken>,
): Promise<Taken> {
  const all: Array<SlaposError | undefined> = [];
  for (let start = 0; start < items.length; start += most) {
    const { errors = [] } = await act(items.slice(start, start + most));
    all.push(...errors);
    reach.advance(all.length);
  }
  return { errors: all };
}

/** Progress of a part of a batch, so many steps after its beginning. */
export function advancingFrom(before: number, reach: Reach): Pick<Reach, 'advance'> {
  return { advance: (taken) => reach.advance(before + taken) };
}

/** Runs of items that stand together and agree. */
export function runsOf<Item>(items: readonly Item[], keyOf: (item: Item) => unknown): Item[][] {
  const runs: Item[][] = [];
  for (const item of items) {
    const last = runs.at(-1);
    if (last?.[0] !== undefined && keyOf(last[0]) === keyOf(item)) last.push(item);
    else runs.push([item]);
  }
  return runs;
}

export function errorsOf(results: ReadonlyArray<OperationResult<unknown>>): Taken {
  return { errors: results.map(({ error }) => error) };
}
