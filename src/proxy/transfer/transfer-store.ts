/**
 * Takes the whole content of a store to another one: between an SQLite file and a PostgreSQL server
 * in both directions, or between two servers.
 *
 * Invariant: the target gets everything in one transaction, which ends only after the copy was read
 * back and is the same; whoever is killed before leaves the target as it was.
 */
import { existsSync, statSync } from 'node:fs';
import { SlaposError, UsageError } from '../../errors/slapos-error.ts';
import type { Logger } from '../../log/logger.ts';
import { isPostgresUri } from '../database-uri.ts';
import type { SchemaVersion } from '../schema.ts';
import { restoreStore, withCopy } from '../store-backup.ts';
import {
  type Content,
  type ContentDigest,
  countRows,
  diffDigests,
  digestContent,
} from './content.ts';
import { Misfits } from './misfits.ts';
import { PostgresTransfer } from './postgres-content.ts';
import { fillSqlite, SqliteContent } from './sqlite-content.ts';
import { type SourceOptions, withSqliteSource } from './sqlite-source.ts';

export interface TransferOptions {
  /** An absolute path or the address of a server, as of {@link isPostgresUri}. */
  readonly from: string;
  readonly to: string;
  readonly defaultComputerId: string;
  /** Replaces what the target holds, which is kept as SQL text. */
  readonly isForced: boolean;
  /** Only looks at both. */
  readonly isDryRun: boolean;
  /** Whether a proxy may go on with the source. */
  readonly isShared: boolean;
  /** Where the former content of a server is written. */
  readonly stateFolder: string;
  readonly log: Logger;
  /** Ends it, and nothing was changed; from the commit on it has no effect. */
  readonly signal?: AbortSignal | undefined;
}

export interface TransferReport {
  /** For people, without passwords. */
  readonly from: string;
  readonly to: string;
  readonly version: SchemaVersion;
  readonly digest: ContentDigest;
  /** Rows that the target held besides configuration. */
  readonly formerRows: number;
  /** File with the former content of the target. */
  readonly former: string | undefined;
}

/**
 * @throws UsageError for a file to a file, SlaposError SLAPOS_ERR_DATABASE when the target is not
 *   empty, cannot hold something, or a database cannot be read or written; SLAPOS_ERR_BUSY while a
 *   proxy uses one of them.
 */
export async function transferStore(options: TransferOptions): Promise<TransferReport> {
  const { from, to } = options;
  if (from === to) throw sameStore();
  if (!isPostgresUri(from) && !isPostgresUri(to)) throw noServer();
  return withSource(options, async (content) => {
    const digest = await inspect(content, to);
    const write = isPostgresUri(to) ? writeServer : writeFile;
    const target = await write(content, digest, options);
    const { place, version } = content;
    return { from: place, version, digest, ...target };
  });
}

type Target = Pick<TransferReport, 'to' | 'formerRows' | 'former'>;

async function withSource<T>(
  options: TransferOptions,
  work: (content: Content) => Promise<T>,
): Promise<T> {
  const isShared = options.isShared || options.isDryRun;
  if (!isPostgresUri(options.from)) {
    return withSqliteSource(options.from, { ...options, isShared }, work);
  }
  const transfer = await PostgresTransfer.begin(options.from, {
    mode: 'read',
    isAlone: !isShared,
    signal: options.signal,
  });
  try {
    return await work(await transfer.expect());
  } finally {
    await transfer.close();
  }
}

/** Reads everything; for a server also whether it can be held there. */
async function inspect(content: Content, to: string): Promise<ContentDigest> {
  if (!isPostgresUri(to)) return digestContent(content);
  const misfits = new Misfits(content.version);
  if (content instanceof SqliteContent) content.note = misfits.note;
  const digest = await digestContent(content, misfits.look);
  misfits.check(content.place);
  return digest;
}

async function writeServer(
  content: Content,
  digest: ContentDigest,
  options: TransferOptions,
): Promise<Target> {
  const { isDryRun, isForced, stateFolder } = options;
  const transfer = await PostgresTransfer.begin(options.to, {
    mode: isDryRun ? 'read' : 'write',
    isAlone: !isDryRun,
    signal: options.signal,
  });
  try {
    const { place } = transfer;
    if (isDryRun) {
      const found = await transfer.find();
      const formerRows = found === null ? 0 : countRows(await digestContent(found));
      return { to: place, formerRows, former: undefined };
    }
    const formerRows = countRows(await digestContent(await transfer.prepare()));
    if (formerRows > 0 && !isForced) throw notEmpty(place, formerRows);
    const former = formerRows > 0 ? await transfer.dump(stateFolder) : undefined;
    const copy = await transfer.replace(content);
    check(digest, await digestContent(copy), place);
    await transfer.commit();
    return { to: place, formerRows, former };
  } finally {
    await transfer.close();
  }
}

async function writeFile(
  content: Content,
  digest: ContentDigest,
  options: TransferOptions,
): Promise<Target> {
  const { to, isDryRun, isForced, defaultComputerId, log, signal } = options;
  const formerRows = existsSync(to) ? await countFileRows(to, options) : 0;
  if (isDryRun) return { to, formerRows, former: undefined };
  if (formerRows > 0 && !isForced) throw notEmpty(to, formerRows);
  return withCopy(to, async (copy) => {
    await writeCopy(content, digest, copy, options);
    const { former } = await restoreStore(to, copy, defaultComputerId, log, signal);
    return { to, formerRows, former };
  });
}

/** Fills a new file and reads it back. */
export async function writeCopy(
  content: Content,
  digest: ContentDigest,
  copy: string,
  options: Omit<SourceOptions, 'isShared'>,
): Promise<void> {
  await fillSqlite(copy, content, options.defaultComputerId);
  const shared = { ...options, isShared: true };
  const found = await withSqliteSource(copy, shared, (filled) => digestContent(filled));
  check(digest, found, copy);
}

async function countFileRows(path: string, options: TransferOptions): Promise<number> {
  if (statSync(path).size === 0) return 0;
  const shared = { ...options, isShared: true };
  return countRows(await withSqliteSource(path, shared, (content) => digestContent(content)));
}

function check(wanted: ContentDigest, found: ContentDigest, place: string): void {
  const tables = diffDigests(wanted, found);
  if (tables.length === 0) return;
  const message = `Database ${place}: the copy differs in ${tables.join(', ')}; nothing was changed.`;
  throw new SlaposError('SLAPOS_ERR_DATABASE', message, {
    hint: 'Keep the source and report this.',
    context: { database: place, tables },
  });
}

function notEmpty(place: string, rows: number): SlaposError {
  const message = `Database ${place} is not empty: it holds ${rows} rows. Nothing was changed.`;
  return new SlaposError('SLAPOS_ERR_DATABASE', message, {
    hint: 'Name an empty one, or give --force to replace them: they are kept as SQL text.',
    context: { database: place, rows },
  });
}

function sameStore(): UsageError {
  return new UsageError('SLAPOS_ERR_USAGE', 'Source and target are the same database.', {
    hint: 'Give --from and --to; --from is database_uri of the configuration otherwise.',
  });
}

function noServer(): UsageError {
  return new UsageError('SLAPOS_ERR_USAGE', 'Neither of the two is a PostgreSQL server.', {
    hint: 'Copy a file with `slapos proxy backup` and `slapos proxy restore`.',
  });
}
