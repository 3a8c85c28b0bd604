/** What goes wrong with a PostgreSQL server, by SQLSTATE (PostgreSQL manual, appendix A). */
import { BusyError, errorCode, errorMessage, SlaposError } from '../../errors/slapos-error.ts';
import { badRequest, type HttpProblem } from '../http-problem.ts';

/**
 * - `conflict`: another transaction was in the way; undone, and may be tried again;
 * - `lost`: no connection, or it broke; undone unless it was being committed, and may be tried again;
 * - `busy`: a time limit or another limit of the server; undone;
 * - `full`: no space left on the server; undone;
 * - `unfit`: the values cannot be stored; undone;
 * - `other`: of the operator, or ours.
 */
export type FailureKind = 'conflict' | 'lost' | 'busy' | 'full' | 'unfit' | 'other';

/** Why a statement failed. Only within this folder: it becomes an error of the catalogue. */
export class StatementFailure extends Error {
  readonly kind: FailureKind;
  /** Five letters or digits, empty when the server said nothing. */
  readonly sqlState: string;

  constructor(cause: unknown) {
    super(errorMessage(cause), { cause });
    this.name = 'StatementFailure';
    this.sqlState = sqlStateOf(cause);
    this.kind = kindOf(this.sqlState, this.message);
  }

  /** Whether the server said that it undid the transaction and kept the connection. */
  get isUndone(): boolean {
    return this.sqlState !== '' && (this.cause as { severity?: unknown }).severity === 'ERROR';
  }
}

/** Errors of the network and of the client have other codes, or none. */
function sqlStateOf(cause: unknown): string {
  const isOfServer = typeof (cause as { severity?: unknown } | null)?.severity === 'string';
  return isOfServer && /^[0-9A-Z]{5}$/.test(errorCode(cause)) ? errorCode(cause) : '';
}

/** What two proxies insert at the same time is a violation for one, which then finds the row. */
const CONFLICTS = new Set(['40001', '40P01', '23505']);
/** A time limit of a statement or a lock, memory, prepared transactions and the like. */
const BUSY = new Set(['57014', '55P03', '53200', '53400', '25P03']);
const UNFIT = new Set(['22021', '22P05', '54000']);
/**
 * Somebody moves the whole content: as the server says of what is in use (object_in_use), which it
 * does not say of anything that is asked here.
 */
const MOVED = '55006';
export const IN_TRANSFER = Object.assign(new Error('it is being moved or restored'), {
  severity: 'ERROR',
  code: MOVED,
});

/** What pg-pool says when a connection was waited for too long, all being in use. */
export const POOL_FULL = 'timeout exceeded when trying to connect';
/** The server ends, starts, or has no connection to give. */
const LOST = /^(08...|57P0[1-5]|53300)$/;

function kindOf(sqlState: string, message: string): FailureKind {
  if (message === POOL_FULL) return 'busy';
  if (sqlState === '' || LOST.test(sqlState)) return 'lost';
  if (sqlState === MOVED) return 'busy';
  if (CONFLICTS.has(sqlState)) return 'conflict';
  if (BUSY.has(sqlState)) return 'busy';
  if (sqlState === '53100') return 'full';
  return UNFIT.has(sqlState) ? 'unfit' : 'other';
}

/** What clients are told of what passes; the log has the whole message. */
const TEMPORARY: Readonly<Record<FailureKind, string | undefined>> = {
  conflict: 'The database is busy: other requests were in the way.',
  lost: 'The database server is not reachable.',
  busy: 'The database server takes too long.',
  full: 'The database server has no space left.',
  unfit: undefined,
  other: undefined,
};

const LOCK_HINT = 'A migration, a restore or another proxy holds the tables; try again.';
const HINTS: Readonly<Record<string, string>> = {
  '28P01': 'Give the password in PGPASSFILE, in ~/.pgpass or as passfile of database_uri.',
  '28000': 'Let pg_hba.conf of the server admit this user, host and database.',
  '3D000': 'Make the database: createdb --encoding=UTF8 --template=template0 NAME.',
  '25006': 'Name the primary server in database_uri: this one only reads.',
  '42501':
    'Make the user the owner of the schema and its tables. To make a new one it needs GRANT CREATE ON DATABASE; to use one of another owner, GRANT USAGE ON SCHEMA and GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA.',
  '53100': 'Free space on the server; nothing that was acknowledged is lost.',
  '55P03': LOCK_HINT,
  '57014': LOCK_HINT,
  '53300': 'Raise max_connections of the server, or lower pool_size of database_uri.',
};
const POOL_HINT = 'Raise pool_size of database_uri.';
const HINT = 'Check that the server of database_uri runs and is reachable.';

/**
 * The error for who asked.
 * @param place the server and database, without a password
 */
export function problemOf(failure: StatementFailure, place: string): SlaposError | HttpProblem {
  const { kind, sqlState, cause } = failure;
  if (kind === 'unfit') return badRequest(unfitReason(sqlState));
  if ((cause as { constraint?: unknown }).constraint === 'partition_by_title') {
    return badRequest('Another instance of the tree has that title.');
  }
  if (sqlState === MOVED) return inTransfer(failure, place);
  const hint = hintOf(failure);
  const temporary = sqlState === '23505' ? undefined : temporaryOf(failure);
  return new SlaposError('SLAPOS_ERR_DATABASE', `Database ${place}: ${describe(failure)}`, {
    cause,
    ...(hint === undefined ? {} : { hint }),
    context: { database: place, sqlState, ...(temporary === undefined ? {} : { temporary }) },
  });
}

/** For who starts a proxy meanwhile, and for clients of one that runs. */
function inTransfer(failure: StatementFailure, place: string): SlaposError {
  return new BusyError('SLAPOS_ERR_BUSY', `Database ${place}: ${failure.message}.`, {
    hint: 'Wait until `slapos proxy migrate` or `restore` is done.',
    context: {
      database: place,
      sqlState: failure.sqlState,
      temporary: 'The database is being moved or restored.',
    },
  });
}

function hintOf({ kind, sqlState, message }: StatementFailure): string | undefined {
  if (message === POOL_FULL) return POOL_HINT;
  if (sqlState === '' && /^SASL|password/i.test(message)) return HINTS['28P01'];
  return HINTS[sqlState] ?? (kind === 'lost' ? HINT : undefined);
}

function temporaryOf({ kind, message }: StatementFailure): string | undefined {
  return message === POOL_FULL
    ? 'The database is busy: all connections to it are in use.'
    : TEMPORARY[kind];
}

/** Whether it was stored is not known: asking again does no harm, and tells. */
export function unknownOutcome(failure: StatementFailure, place: string): SlaposError {
  const reason = `the connection broke while it was told to commit (${describe(failure)})`;
  return new SlaposError('SLAPOS_ERR_DATABASE', `Database ${place}: ${reason}.`, {
    cause: failure.cause,
    hint: HINT,
    context: {
      database: place,
      sqlState: failure.sqlState,
      temporary: 'The database server was lost: whether this was stored is not known. Ask again.',
    },
  });
}

function unfitReason(sqlState: string): string {
  return sqlState === '54000'
    ? 'A name or address is too long: the database takes about 2,600 bytes.'
    : 'A text has a character that the database cannot store.';
}

/** Node gives several addresses of one name as one error without a message. */
function describe({ cause, message }: StatementFailure): string {
  const errors = (cause as { errors?: unknown } | null)?.errors;
  const all = Array.isArray(errors) ? errors.map(errorMessage).join(', ') : message;
  return all === '' ? errorCode(cause) : all;
}
