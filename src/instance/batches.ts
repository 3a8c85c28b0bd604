/**
 * The services of partitions that were prepared together change in one update of the supervisor
 * (spec/grid.md 7.5): who is ready waits for the others of its batch.
 */
import { basename } from 'node:path';
import { SlaposError } from '../errors/slapos-error.ts';
import type { GroupProblem } from '../supervisor/update.ts';
import type { ServiceSupervisor } from './service-supervisor.ts';

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

/** Makes seats; nobody goes on while a seat is neither taken nor given up. */
export function createBatches(openSupervisor: OpenSupervisor): () => Seat {
  let awaited = 0;
  let waiting: Array<{ needsUpdate: boolean; goOn: (open: OpenSupervisor) => void }> = [];
  const depart = () => {
    const batch = waiting;
    waiting = [];
    const needsUpdate = batch.some((each) => each.needsUpdate);
    const open = needsUpdate ? updateOnce(openSupervisor) : openSupervisor;
    for (const { goOn } of batch) goOn(open);
  };
  const settle = () => {
    awaited -= 1;
    if (awaited === 0) depart();
  };
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

/** One update for everybody: the first who needs the supervisor triggers it, all wait for it. */
function updateOnce(openSupervisor: OpenSupervisor): OpenSupervisor {
  let updating: Promise<ServiceSupervisor> | undefined;
  const update = async () => {
    const supervisor = await openSupervisor();
    return refusing(supervisor, await supervisor.update());
  };
  return () => {
    updating ??= update();
    return updating;
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
