/** The model of this node for everybody who asks at about the same time. */
import { setTimeout as delay } from 'node:timers/promises';
import { errorMessage } from '../errors/slapos-error.ts';
import type { NodeStatus } from '../status/model.ts';
import { type LocalNode, localComputerId, type NodeView } from './node-view.ts';
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
    return this.#tell(async (view) => inTime(this.#look(view), PATIENCE_MS, tooLate));
  }

  /**
   * The same for who would rather have something at once: the former look, or none, when this one
   * takes longer. The first one of thousands of services takes a tenth of a second.
   */
  async readSoon(patienceMs: number): Promise<LocalFacts> {
    return this.#tell(async (view) => {
      const former = this.#last?.status;
      return inTime(this.#look(view), patienceMs, () => former ?? null);
    });
  }

  /** What was changed just now must be seen by the next one who asks. */
  forget(): void {
    if (this.#last !== undefined) this.#last = { ...this.#last, atMs: Number.NEGATIVE_INFINITY };
    this.#running = undefined;
  }

  async #tell(look: (view: NodeView) => Promise<NodeStatus | null>): Promise<LocalFacts> {
    const { view } = this.#node;
    const computerId = localComputerId(this.#node);
    if (view === null) return { computerId, status: null, problems: [this.#node.reason] };
    try {
      const status = await look(view);
      return { computerId, status, problems: status === null ? [LOOKING] : problemsOf(status) };
    } catch (error) {
      const problem = `This node cannot be looked at: ${errorMessage(error)}`;
      return { computerId, status: null, problems: [problem] };
    }
  }

  async #look(view: NodeView): Promise<NodeStatus> {
    const last = this.#last;
    if (last !== undefined && Math.abs(this.#now() - last.atMs) < FRESH_MS) return last.status;
    this.#running ??= this.#begin(view);
    return this.#running;
  }

  #begin(view: NodeView): Promise<NodeStatus> {
    const running = view.readStatus().then((status) => {
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

const LOOKING = 'This node is being looked at.';

function tooLate(): never {
  throw new Error(`no answer within ${PATIENCE_MS / 1000} s`);
}

/** @param instead what is given, or thrown, when the time is over */
async function inTime<T, U>(work: Promise<T>, timeoutMs: number, instead: () => U): Promise<T | U> {
  const over = new AbortController();
  const late = delay(timeoutMs, undefined, { signal: over.signal }).then(instead);
  late.catch(() => undefined);
  try {
    return await Promise.race([work, late]);
  } finally {
    over.abort();
  }
}

function problemsOf({ supervisor, consumption, problems = [] }: NodeStatus): string[] {
  const reasons = [supervisor, consumption].flatMap(({ isAvailable, reason }) => {
    return isAvailable ? [] : [reason];
  });
  return [...problems, ...reasons];
}
