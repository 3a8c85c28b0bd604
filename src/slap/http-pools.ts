/** Kept-alive connections of undici by origin, and whom they trust. */
import { lookup } from 'node:dns';
import { readFileSync } from 'node:fs';
import type { LookupFunction } from 'node:net';
import type { Pool } from 'undici';
import UndiciPool from 'undici/lib/dispatcher/pool.js';
import { ConfigError, errorMessage } from '../errors/slapos-error.ts';
import { readTrustedAuthorities } from '../host/network/trusted-authorities.ts';

const MAX_ANSWER_BYTES = 256 * 1024 * 1024;

export interface HttpOptions {
  readonly connectTimeoutMs: number;
  /** Longest wait for the headers, and between two pieces of the body. */
  readonly timeoutMs: number;
  readonly keyFile: string | undefined;
  readonly certFile: string | undefined;
  readonly caFile: string | undefined;
  readonly isTlsVerified: boolean;
  readonly userAgent: string;
  /** Longest body that is accepted; 256 MiB unless told. */
  readonly maxAnswerBytes?: number;
}

/**
 * Node asks for addresses of families that the machine has one of (AI_ADDRCONFIG, getaddrinfo(3)),
 * in which loopback does not count: on a host with IPv6 alone `localhost` would not be 127.0.0.1,
 * nor would another name of /etc/hosts. Other names are asked for that way first, since a server of
 * names may be slow about a family that nobody uses.
 */
const lookupEvery: LookupFunction = (host, options, done) => {
  const every = { ...options, hints: 0 };
  if (host === 'localhost') return lookup(host, every, done);
  return lookup(host, options, (error, address, family) => {
    if (error === null) done(error, address, family);
    else lookup(host, every, done);
  });
};

interface Tls {
  readonly key: Buffer | undefined;
  readonly cert: Buffer | undefined;
  readonly ca: Buffer | undefined;
  readonly rejectUnauthorized: boolean;
}

export class PoolsByOrigin {
  readonly #options: HttpOptions;
  readonly #tls: Tls;
  readonly #pools = new Map<string, Pool>();
  /** Origins that Node's own list does not do for. */
  readonly #wide = new Map<string, Pool>();
  #authorities: Promise<string[] | undefined> | undefined;

  /** @throws ConfigError SLAPOS_ERR_CONFIG_FILE when a file cannot be read. */
  constructor(options: HttpOptions) {
    this.#options = options;
    this.#tls = {
      key: readOptional(options.keyFile),
      cert: readOptional(options.certFile),
      ca: readOptional(options.caFile),
      rejectUnauthorized: options.isTlsVerified,
    };
  }

  get(origin: string): Pool {
    const known = this.#wide.get(origin) ?? this.#pools.get(origin);
    if (known !== undefined) return known;
    const pool = this.#create(origin, this.#tls);
    this.#pools.set(origin, pool);
    return pool;
  }

  /**
   * The pool that trusts whom this machine trusts, for requests to an origin from now on.
   * @param refused that with which a request failed
   * @returns undefined where that was it, or an authority is configured, or there is no list
   */
  async widen(origin: string, refused: Pool): Promise<Pool | undefined> {
    if (this.#tls.ca !== undefined || this.#wide.get(origin) === refused) return undefined;
    this.#authorities ??= readTrustedAuthorities();
    const ca = await this.#authorities;
    if (ca === undefined) return undefined;
    // Several requests may have failed at the same time.
    const wide = this.#wide.get(origin) ?? this.#create(origin, { ...this.#tls, ca });
    this.#wide.set(origin, wide);
    return wide;
  }

  async end(how: (pool: Pool) => Promise<void>): Promise<void> {
    const pools = [...this.#pools.values(), ...this.#wide.values()];
    this.#pools.clear();
    this.#wide.clear();
    await Promise.all(pools.map(how));
  }

  #create(origin: string, tls: object): Pool {
    const { timeoutMs, connectTimeoutMs, maxAnswerBytes = MAX_ANSWER_BYTES } = this.#options;
    return new UndiciPool(origin, {
      connections: 8,
      headersTimeout: timeoutMs,
      bodyTimeout: timeoutMs,
      maxResponseSize: maxAnswerBytes,
      connect: { ...tls, timeout: connectTimeoutMs, lookup: lookupEvery },
    });
  }
}

function readOptional(path: string | undefined): Buffer | undefined {
  if (path === undefined || path === '') return undefined;
  try {
    return readFileSync(path);
  } catch (cause) {
    const reason = errorMessage(cause);
    throw new ConfigError('SLAPOS_ERR_CONFIG_FILE', `File '${path}' cannot be read: ${reason}`, {
      cause,
    });
  }
}
