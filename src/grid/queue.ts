/** Runs work after what was handed in before, whatever came of that. */
export type InTurn = <Result>(work: () => Promise<Result>) => Promise<Result>;

/** One piece of work at a time. */
export function createQueue(): InTurn {
  let last: Promise<unknown> = Promise.resolve();
  return (work) => {
    const turn = last.then(work, work);
    last = turn.catch(() => undefined);
    return turn;
  };
}
