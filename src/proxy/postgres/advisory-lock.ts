/**
 * Locks that stand for no row (PostgreSQL manual 13.3.5), for each schema of a database apart. Pure.
 *
 * - `creation`: of who makes tables, so that those who do so at the same time take turns;
 * - `use`: shared by proxies, of each as long as it runs and of each transaction that writes; alone
 *   of who moves the whole content.
 */
import { createHash } from 'node:crypto';

/** Any two numbers that other programs are unlikely to take. */
const CLASSES = { creation: 1_730_719_904, use: 1_730_719_905 } as const;

/** The two keys of a lock, as arguments of `pg_advisory_lock` and the like. */
export function renderLockKey(kind: keyof typeof CLASSES, schema: string): string {
  return `${CLASSES[kind]}, ${numberOf(schema)}`;
}

/** A condition on `pg_locks` which sessions that hold the lock in this database meet. */
export function renderLockHolders(kind: keyof typeof CLASSES, schema: string): string {
  return `locktype = 'advisory' AND objsubid = 2 AND granted AND classid = ${CLASSES[kind]}
    AND objid = ${numberOf(schema) >>> 0}
    AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`;
}

/** Of 32 bits, with a sign; that two schemas have the same would only keep one busy for the other. */
function numberOf(schema: string): number {
  return createHash('sha256').update(schema).digest().readInt32BE();
}
