/**
 * The session by which a proxy that writes is seen by who moves its database, also while nothing is
 * asked of it: it shares the lock `use`, which a move takes alone.
 *
 * That no write is lost to a move does not depend on it, since each transaction that writes shares
 * the lock too: it is there so that a move is refused at its beginning. So it may be lost for a
 * while.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { Client, type PoolConfig } from 'pg';
import { isSlaposError } from '../../errors/slapos-error.ts';
import type { Logger } from '../../log/logger.ts';
import { renderLockKey } from './advisory-lock.ts';
import { UNPIPELINED } from './connection-options.ts';
import { IN_TRANSFER, StatementFailure } from './failures.ts';

const RETRY_MS = 1000;
/** How often a session that broke without a word is looked for. */
const BEAT_MS = 30_000;
/** How long the server is waited for at the end. */
const CLOSE_TIMEOUT_MS = 2000;
/** The server gives up a machine that is silent for two minutes: nobody can wait for hours. */
const SETTINGS = `SET tcp_keepalives_idle = 60; SET tcp_keepalives_interval = 10;
  SET tcp_keepalives_count = 6`;

export interface PresenceOptions {
  readonly connection: PoolConfig;
  readonly schema: string;
  /** The server and database, for people. */
  readonly place: string;
  readonly log: Logger;
}

export class Presence {
  readonly #options: PresenceOptions;
  #client: Client | undefined;
  #timer: NodeJS.Timeout | undefined;
  #isClosed = false;
  #isRefused = false;

  private constructor(options: PresenceOptions) {
    this.#options = options;
  }

  /** @throws StatementFailure, with {@link IN_TRANSFER} while somebody moves the database. */
  static async open(options: PresenceOptions): Promise<Presence> {
    const presence = new Presence(options);
    presence.#hold(await presence.#connect());
    return presence;
  }

  /** Lets go of the lock. */
  async close(): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    const client = this.#client;
    this.#client = undefined;
    if (client !== undefined) await end(client);
  }

  async #connect(): Promise<Client> {
    const { connection, schema } = this.#options;
    const client = new Client({ ...connection, ...UNPIPELINED });
    // A connection that breaks fails what is asked over it, and ends.
    client.on('error', () => undefined);
    try {
      await client.connect();
      await client.query(SETTINGS);
      const { rows } = await client.query<{ is_shared: boolean }>(
        `SELECT pg_try_advisory_lock_shared(${renderLockKey('use', schema)}) AS is_shared`,
      );
      if (rows[0]?.is_shared !== true) throw IN_TRANSFER;
      return client;
    } catch (cause) {
      await end(client);
      throw isSlaposError(cause) ? cause : new StatementFailure(cause);
    }
  }

  #hold(client: Client): void {
    this.#client = client;
    client.once('end', () => this.#lose(client));
    this.#schedule(BEAT_MS, () => this.#beat(client));
  }

  async #beat(client: Client): Promise<void> {
    try {
      await client.query('SELECT 1');
      if (this.#client === client) this.#schedule(BEAT_MS, () => this.#beat(client));
    } catch {
      this.#lose(client);
      await end(client);
    }
  }

  #lose(client: Client): void {
    if (this.#client !== client) return;
    this.#client = undefined;
    this.#schedule(RETRY_MS, () => this.#renew());
  }

  async #renew(): Promise<void> {
    try {
      const client = await this.#connect();
      if (this.#isClosed) return await end(client);
      this.#hold(client);
      this.#noteShared();
    } catch (failure) {
      this.#noteRefused(failure);
      this.#schedule(RETRY_MS, () => this.#renew());
    }
  }

  /** What it does keeps no process alive. */
  #schedule(afterMs: number, act: () => Promise<void>): void {
    clearTimeout(this.#timer);
    if (!this.#isClosed) this.#timer = setTimeout(() => void act(), afterMs).unref();
  }

  /** That the server is away is told by those who ask something of it. */
  #noteRefused(failure: unknown): void {
    const isMoved = failure instanceof StatementFailure && failure.cause === IN_TRANSFER;
    if (this.#isRefused || !isMoved) return;
    this.#isRefused = true;
    const { log, place } = this.#options;
    log.warning(`The database ${place} is being moved: what would write there is refused.`, {
      event: 'proxy.database_moved',
    });
  }

  #noteShared(): void {
    if (!this.#isRefused) return;
    this.#isRefused = false;
    const { log, place } = this.#options;
    log.info(`The database ${place} is not being moved any more.`, {
      event: 'proxy.database_free',
    });
  }
}

/** A server that is gone is not waited for. */
async function end(client: Client): Promise<void> {
  const ended = client.end().catch(() => undefined);
  await Promise.race([ended, delay(CLOSE_TIMEOUT_MS, undefined, { ref: false })]);
}
