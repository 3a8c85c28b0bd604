/** One transaction on one connection of the pool. */
import type { PoolClient, QueryConfig, QueryResult } from 'pg';
import { IN_TRANSFER, StatementFailure } from './failures.ts';
import type { RunStatement } from './postgres-schema.ts';

/** Names of prepared statements by their text; a connection prepares each once. */
const names = new Map<string, string>();
/** More texts than this are not written anywhere: they would be a mistake that grows. */
const MAX_NAMES = 500;

function named(text: string, values: readonly unknown[]): QueryConfig {
  let name = names.get(text);
  if (name === undefined && names.size < MAX_NAMES) {
    name = `slapos_${names.size}`;
    names.set(text, name);
  }
  return name === undefined ? { text, values: [...values] } : { name, text, values: [...values] };
}

/** Name of the value by which what opens a transaction says whether it may go on. */
export const ADMITTED = 'is_admitted';

const UNHEEDED = Object.assign(new Error('a statement of the transaction had failed'), {
  severity: 'ERROR',
  code: '25P02',
});

/**
 * Invariant: a statement that writes is sent and not waited for; what comes next, at the latest the
 * commit, waits for it too and fails with it. So a transaction takes as many round trips as it has
 * reads, and one or two more. After a failure the server refuses all that was sent behind it.
 */
export class Session {
  readonly #client: PoolClient;
  #opening: Promise<unknown> | undefined;
  #written: Array<Promise<unknown>> = [];
  #isCommitting = false;

  /** @param begin what opens the transaction; what it reads as {@link ADMITTED} must be true */
  constructor(client: PoolClient, begin: string) {
    this.#client = client;
    this.#opening = this.#open(begin);
    // Whoever comes first awaits it.
    this.#opening.catch(() => undefined);
  }

  /**
   * Runs one statement. The first one is sent along with what opens the transaction only if it
   * reads: were that refused, it would be outside of one.
   * @returns the rows of one that reads; of another nothing, and perhaps before it was done
   * @throws StatementFailure
   */
  readonly run: RunStatement = async (text, values) => {
    const isRead = /^\s*SELECT\s/.test(text);
    const opening = this.#opening;
    this.#opening = undefined;
    if (opening !== undefined && !isRead) await opening;
    const sent = this.#send(values === undefined ? text : named(text, values));
    if (isRead) {
      await Promise.all([opening, ...this.#takeWritten(), sent]);
      return (await sent).rows;
    }
    sent.catch(() => undefined);
    this.#written.push(sent);
    return [];
  };

  #takeWritten(): Array<Promise<unknown>> {
    const written = this.#written;
    this.#written = [];
    return written;
  }

  /** Whether the server may have committed, when {@link commit} throws. */
  get isCommitting(): boolean {
    return this.#isCommitting;
  }

  /** @throws StatementFailure */
  async commit(): Promise<void> {
    await this.#opening;
    this.#opening = undefined;
    this.#isCommitting = true;
    const sent = this.#send('COMMIT');
    await Promise.all([...this.#takeWritten(), sent]);
    // Of a transaction in which a statement failed, whoever did not heed that.
    if ((await sent).command !== 'COMMIT') throw new StatementFailure(UNHEEDED);
    this.#client.release();
  }

  /** Ends what only read, without anybody waiting for it. */
  leave(): void {
    this.commit().catch(() => this.#client.release(true));
  }

  /** Undoes everything. A connection that does not answer to that is not used again. */
  async undo(): Promise<void> {
    try {
      await this.#opening?.catch(() => undefined);
      await this.#send('ROLLBACK');
      this.#client.release();
    } catch {
      this.#client.release(true);
    }
  }

  /** @throws StatementFailure */
  async #open(begin: string): Promise<void> {
    // Several statements have several results, which the types do not know.
    const results = [await this.#send(begin)].flat();
    if (results.some(({ rows }) => rows[0]?.[ADMITTED] === false)) {
      throw new StatementFailure(IN_TRANSFER);
    }
  }

  async #send(query: string | QueryConfig): Promise<QueryResult<Record<string, unknown>>> {
    try {
      return await this.#client.query<Record<string, unknown>>(query as QueryConfig);
    } catch (cause) {
      throw new StatementFailure(cause);
    }
  }
}
