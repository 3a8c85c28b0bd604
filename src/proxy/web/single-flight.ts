/** Work that several may want at once is done once. */
export class SingleFlight<Result> {
  readonly #running = new Map<string, Promise<Result>>();

  /** Joins what is under way for a key, or begins it. */
  run(key: string, begin: () => Promise<Result>): Promise<Result> {
    const running = this.#running.get(key);
    if (running !== undefined) return running;
    const started = begin().finally(() => this.#running.delete(key));
    this.#running.set(key, started);
    return started;
  }
}
