/**
 * Work that need not be done once for each who asks: those who ask while it runs share the next run,
 * so that everybody gets a run that began after the call.
 */
export function coalesce<Result>(work: () => Promise<Result>): () => Promise<Result> {
  let running: Promise<Result> | undefined;
  let next: Promise<Result> | undefined;
  const start = () => {
    const run = work().finally(() => {
      if (running === run) running = undefined;
    });
    running = run;
    return run;
  };
  return () => {
    if (next !== undefined) return next;
    if (running === undefined) return start();
    const begin = () => {
      next = undefined;
      return start();
    };
    next = running.then(begin, begin);
    return next;
  };
}
