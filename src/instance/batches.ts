/**
 * The services of partitions that were prepared together change in one update of the supervisor
 * (spec/grid.md 7.5): who is ready waits for the others of its batch, but
 * not for long.
 */
import { basename } from 'node:path';
import { SlaposError } from '../errors/slapos-error.ts';
import type { GroupProblem } from '../supervisor/update.ts';
import type { ServiceSupervisor } from './service-supervisor.ts';

/** A buildout may take for ever: those that are prepared wait no longer for the others. */
const PATIENCE_MS = 10_000;

export type OpenSupervisor = () => Promise<ServiceSupervisor>;

/** The place of a partition in a batch that is being gathered. */
export interface Seat {
  /**
   * The partition is prepared.
   * @param needsUpdate whether its services change
   * @returns when its batch goes on: what connects to the supervisor, after the update of the batch.
   */
  take(needsUpdate: boolean): Promise<OpenSupervisor>;
  /** It has nothing to finish; without effect after {@link take}. */
  giveUp(): void;
}

interface Waiting {
  readonly needsUpdate: boolean;
  readonly goOn: (open: OpenSupervisor) => void;
}

/**
 * Makes seats. A batch goes on when every seat is taken or given up, or as soon as one has waited
 * for {@link PATIENCE_MS}: then the rest is left to the next batch.
 * @param signal nobody waits once it aborts
 */
export function createBatches(openSupervisor: OpenSupervisor, signal: AbortSignal): () => Seat {
  let awaited = 0;
  let updating = 0;
  let waiting: Waiting[] = [];
  let timer: NodeJS.Timeout | undefined;
  const update = async () => {
    updating += 1;
    try {
      const supervisor = await openSupervisor();
      return refusing(supervisor, await supervisor.update());
    } finally {
      updating -= 1;
    }
  };
  const depart = () => {
    clearTimeout(timer);
    timer = undefined;
    const batch = waiting;
    waiting = [];
    const needsUpdate = batch.some((each) => each.needsUpdate);
    const open = needsUpdate ? once(update) : openSupervisor;
    for (const { goOn } of batch) goOn(open);
  };
  const settle = () => {
    awaited -= 1;
    // An update that goes on takes the files of all: what it stopped must not stay so for the timer.
    if (awaited === 0 || updating > 0 || signal.aborted) depart();
    else if (waiting.length > 0) timer ??= setTimeout(depart, PATIENCE_MS);
  };
  signal.addEventListener('abort', depart, { once: true });
  return () => {
    let isSettled = false;
    awaited += 1;
    const settleOnce = () => {
      if (!isSettled) settle();
      isSettled = true;
    };
    return {
      take(needsUpdate) {
        const going = new Promise<OpenSupervisor>((goOn) => waiting.push({ needsUpdate, goOn }));
        settleOnce();
        return going;
      },
      giveUp: settleOnce,
    };
  };
}

/** The first who asks triggers it, all wait for it. */
function once<Result>(work: () => Promise<Result>): () => Promise<Result> {
  let working: Promise<Result> | undefined;
  return () => {
    working ??= work();
    return working;
  };
}

/** Nobody takes services for new whose file the supervisor did not understand. */
function refusing(
  supervisor: ServiceSupervisor,
  problems: readonly GroupProblem[],
): ServiceSupervisor {
  const messages = new Map(problems.map(({ file, message }) => [basename(file, '.conf'), message]));
  return {
    ...supervisor,
    async startGroup(group) {
      const message = messages.get(group);
      if (message === undefined) return supervisor.startGroup(group);
      const text = `The supervisor does not take the services of ${group}: ${message}`;
      throw new SlaposError('SLAPOS_ERR_SUPERVISOR', text);
    },
  };
}
