/** Work of which only one piece runs at a time, in the order in which it comes. */
export type RunAlone = <Result>(work: () => Promise<Result>) => Promise<Result>;

export function createTurns(): RunAlone {
  let last: Promise<unknown> = Promise.resolve();
  return (work) => {
    const turn = last.then(work, work);
    last = turn.catch(() => undefined);
    return turn;
  };
}
