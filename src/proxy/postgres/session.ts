/** One transaction on one connection of the pool. */
import type { PoolClient, QueryConfig, QueryResult } from 'pg';
import { StatementFailure } from './failures.ts';

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

const UNHEEDED = Object.assign(new Error('a statement of the transaction had failed'), {
  severity: 'ERROR',
  code: '25P02',
});

export class Session {
  readonly #client: PoolClient;
  #opening: Promise<unknown> | undefined;
  #isCommitting = false;

  /** @param begin what opens the transaction */
  constructor(client: PoolClient, begin: string) {
    this.#client = client;
    this.#opening = this.#send(begin);
    // Whoever comes first awaits it.
    this.#opening.catch(() => undefined);
  }

  /**
   * Runs one statement. The first one, if it only reads, is sent along with what opens the
   * transaction: were that refused, it would read outside of one, and nobody sees the answer.
   * @throws StatementFailure
   */
  readonly run = async (
    text: string,
    values?: readonly unknown[],
  ): Promise<ReadonlyArray<Readonly<Record<string, unknown>>>> => {
    const opening = this.#opening;
    this.#opening = undefined;
    if (opening !== undefined && !/^\s*SELECT\s/.test(text)) await opening;
    const sent = this.#send(values === undefined ? text : named(text, values));
    const [, rows] = await Promise.all([opening, sent]);
    return rows;
  };

  /** Whether the server may have committed, when {@link commit} throws. */
  get isCommitting(): boolean {
    return this.#isCommitting;
  }

  /** @throws StatementFailure */
  async commit(): Promise<void> {
    await this.#opening;
    this.#opening = undefined;
    this.#isCommitting = true;
    const { command } = await this.#query('COMMIT');
    // Of a transaction in which a statement failed, whoever did not heed that.
    if (command !== 'COMMIT') throw new StatementFailure(UNHEEDED);
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

  async #send(query: string | QueryConfig): Promise<Array<Record<string, unknown>>> {
    return (await this.#query(query)).rows;
  }

  async #query(query: string | QueryConfig): Promise<QueryResult<Record<string, unknown>>> {
    try {
      return await this.#client.query<Record<string, unknown>>(query as QueryConfig);
    } catch (cause) {
      throw new StatementFailure(cause);
    }
  }
}
