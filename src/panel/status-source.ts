/** The model of this node for everybody who asks at about the same time. */
import { errorMessage } from '../errors/slapos-error.ts';
import type { NodeStatus } from '../status/model.ts';
import { type LocalNode, localComputerId } from './node-view.ts';
import type { LocalFacts } from './overview.ts';

/** A look at the node is as good as another one for so long. */
const FRESH_MS = 1000;
/** Whoever asks gets an answer without it then. */
const PATIENCE_MS = 3000;

export class StatusSource {
  readonly #node: LocalNode;
  readonly #now: () => number;
  #running: Promise<NodeStatus> | undefined;
  #last: { readonly status: NodeStatus; readonly atMs: number } | undefined;

  constructor(node: LocalNode, now: () => number) {
    this.#node = node;
    this.#now = now;
  }

  /** Never fails and never takes long: what cannot be told is a problem of the node. */
  async read(): Promise<LocalFacts> {
    const { view } = this.#node;
    const computerId = localComputerId(this.#node);
    if (view === null) return { computerId, status: null, problems: [this.#node.reason] };
    try {
      const status = await this.#fresh(() => view.readStatus());
      return { computerId, status, problems: problemsOf(status) };
    } catch (error) {
      const problem = `This node cannot be looked at: ${errorMessage(error)}`;
      return { computerId, status: null, problems: [problem] };
    }
  }

  /** What was changed just now must be seen by the next one who asks. */
  forget(): void {
    this.#last = undefined;
    this.#running = undefined;
  }

  async #fresh(look: () => Promise<NodeStatus>): Promise<NodeStatus> {
    const last = this.#last;
    if (last !== undefined && Math.abs(this.#now() - last.atMs) < FRESH_MS) return last.status;
    this.#running ??= this.#look(look);
    return inTime(this.#running);
  }

  #look(look: () => Promise<NodeStatus>): Promise<NodeStatus> {
    const running = look().then((status) => {
      if (this.#running === running) this.#last = { status, atMs: this.#now() };
      return status;
    });
    const finish = () => {
      if (this.#running === running) this.#running = undefined;
    };
    running.then(finish, finish);
    return running;
  }
}

async function inTime<T>(work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    const reason = `no answer within ${PATIENCE_MS / 1000} s`;
    timer = setTimeout(() => reject(new Error(reason)), PATIENCE_MS);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}

function problemsOf({ supervisor, consumption, problems = [] }: NodeStatus): string[] {
  const reasons = [supervisor, consumption].flatMap(({ isAvailable, reason }) => {
    return isAvailable ? [] : [reason];
  });
  return [...problems, ...reasons];
}
