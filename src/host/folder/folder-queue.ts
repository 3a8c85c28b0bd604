/**
 * Work on files, many at a time: what is asked for in one turn of the event loop is done in one
 * native task per folder, since a task costs several times what looking at a file does. A folder
 * has at most one task, so that one on a file system that does not answer holds up only itself and
 * one thread.
 */
import { dirname } from 'node:path';

interface Waiting<Request, Result> {
  readonly request: Request;
  readonly resolve: (result: Result) => void;
  readonly reject: (error: unknown) => void;
}

interface Folder<Request, Result> {
  waiting: Array<Waiting<Request, Result>>;
  isBusy: boolean;
}

export class FolderQueue<Request extends { readonly path: string }, Result> {
  readonly #run: (requests: readonly Request[]) => Promise<readonly Result[]>;
  readonly #folders = new Map<string, Folder<Request, Result>>();
  #isScheduled = false;

  /** @param run does the work; its results are in the order of the requests. */
  constructor(run: (requests: readonly Request[]) => Promise<readonly Result[]>) {
    this.#run = run;
  }

  ask(request: Request): Promise<Result> {
    const name = dirname(request.path);
    const folder = this.#folders.get(name) ?? { waiting: [], isBusy: false };
    this.#folders.set(name, folder);
    if (!this.#isScheduled) {
      this.#isScheduled = true;
      setImmediate(() => this.#start());
    }
    return new Promise((resolve, reject) => folder.waiting.push({ request, resolve, reject }));
  }

  #start(): void {
    this.#isScheduled = false;
    for (const [name, folder] of this.#folders) void this.#work(name, folder);
  }

  async #work(name: string, folder: Folder<Request, Result>): Promise<void> {
    if (folder.isBusy) return;
    folder.isBusy = true;
    while (folder.waiting.length > 0) await this.#runOnce(folder);
    folder.isBusy = false;
    this.#folders.delete(name);
  }

  async #runOnce(folder: Folder<Request, Result>): Promise<void> {
    const batch = folder.waiting;
    folder.waiting = [];
    try {
      const results = await this.#run(batch.map(({ request }) => request));
      for (const [index, { resolve }] of batch.entries()) resolve(results[index] as Result);
    } catch (error) {
      for (const { reject } of batch) reject(error);
    }
  }
}
