/** What `pg` is told to connect with. */
import { readFileSync } from 'node:fs';
import type { ConnectionOptions } from 'node:tls';
import type { PoolConfig } from 'pg';
import { errorMessage, SlaposError } from '../../errors/slapos-error.ts';
import { readTrustedAuthorities } from '../../host/network/trusted-authorities.ts';
import { findPassword } from './pgpass.ts';
import type { PostgresTarget } from './postgres-uri.ts';
import { findHome } from './system-user.ts';

/** How long a transaction may wait for a row that another one has. */
const LOCK_TIMEOUT_MS = 5000;
/** How long a transaction of ours may do nothing: whoever stops a proxy must not stop the others. */
const IDLE_IN_TRANSACTION_MS = 30_000;
const IDLE_CONNECTION_MS = 60_000;
/** What the server answers after its own limit comes within this. */
const ANSWER_MARGIN_MS = 5000;

/**
 * Serializable transactions watch what they read: a whole table that was read from end to end would
 * be in conflict with every write.
 */
const SESSION = '-c enable_seqscan=off -c enable_bitmapscan=off -c jit=off -c extra_float_digits=3';

/**
 * For a connection that is ended while a statement is under way: a pipelined one would wait for it.
 * The types miss it.
 */
export const UNPIPELINED = { pipeline: false } as PoolConfig;

/** @throws SlaposError SLAPOS_ERR_DATABASE for a file of certificates that cannot be read. */
export async function connectionOptions(target: PostgresTarget): Promise<PoolConfig> {
  const { host, port, user, database, statementTimeoutMs } = target;
  const surroundings = { env: process.env, findHome };
  // Types of `pg` miss that there may be none, and that requests may be written one after another.
  const password = async () => findPassword(target, surroundings) as string;
  const pipeline = { pipeline: true };
  return {
    host,
    port,
    user,
    database,
    password,
    ssl: await tlsOptions(target),
    max: target.poolSize,
    idleTimeoutMillis: IDLE_CONNECTION_MS,
    connectionTimeoutMillis: target.connectTimeoutMs,
    keepAlive: true,
    application_name: target.applicationName,
    statement_timeout: statementTimeoutMs,
    query_timeout: statementTimeoutMs + ANSWER_MARGIN_MS,
    lock_timeout: Math.min(LOCK_TIMEOUT_MS, statementTimeoutMs),
    idle_in_transaction_session_timeout: IDLE_IN_TRANSACTION_MS,
    options: `${SESSION} ${target.options}`.trim(),
    client_encoding: 'UTF8',
    ...pipeline,
  };
}

/** As libpq has the modes, but that every mode but `disable` insists on encryption. */
async function tlsOptions(target: PostgresTarget): Promise<ConnectionOptions | false> {
  const { sslMode, rootCertificateFile, certificateFile, keyFile } = target;
  if (sslMode === 'disable') return false;
  const ca = read(rootCertificateFile) ?? (await readTrustedAuthorities());
  const cert = read(certificateFile);
  const key = read(keyFile);
  return {
    minVersion: 'TLSv1.2',
    rejectUnauthorized: sslMode !== 'require',
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
    ...(sslMode === 'verify-ca' ? { checkServerIdentity: () => undefined } : {}),
  };
}

function read(path: string | undefined): string | undefined {
  try {
    return path === undefined ? undefined : readFileSync(path, 'utf8');
  } catch (cause) {
    const message = `The certificates of the database cannot be read: ${errorMessage(cause)}`;
    throw new SlaposError('SLAPOS_ERR_DATABASE', message, {
      cause,
      hint: 'Check sslrootcert, sslcert and sslkey in database_uri.',
    });
  }
}
