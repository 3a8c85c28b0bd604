/** Reports of nodes, by either API: kept while what they are about is there. */
import type { Clock } from './clock.ts';
import {
  errorReport,
  forgetReport,
  ofComputer,
  ofPartition,
  ofSoftware,
  type Report,
  readReport,
  report,
  type StoredReport,
  storeReport,
} from './status.ts';
import type { PartitionKey, ProxyTables } from './store.ts';

/** The words of a SlapOS Master. */
export const REPORTS = {
  computer: (reference: string) => report(`#access ${reference}`, ''),
  started: report('#access Instance correctly started', 'started'),
  stopped: report('#access Instance correctly stopped', 'stopped'),
  instanceError: (log: string) => errorReport('instanciating', log),
  building: (url: string) => report(`#building software release ${url}`, 'building'),
  available: (url: string) => report(`#access software release ${url} available`, 'available'),
  softwareError: (url: string, log: string) => {
    return errorReport(`installing software release ${url}`, log);
  },
} as const;

/** Keeps the report of an instance; one about a partition without instance is nobody's. */
export async function reportInstance(
  key: PartitionKey,
  said: Report,
  tables: ProxyTables,
  clock: Clock,
): Promise<void> {
  const row = await tables.getPartition(key);
  if (row !== null && row.title !== null) await storeReport(ofPartition(row), said, tables, clock);
}

/** What a computer said of itself, or that it asked for its document since; null for neither. */
export async function readComputerStatus(
  computerReference: string,
  tables: ProxyTables,
  contacts: ReadonlyMap<string, number>,
): Promise<StoredReport | null> {
  const stored = await readReport(ofComputer(computerReference), tables);
  return withContact(computerReference, stored, contacts.get(computerReference));
}

/**
 * What is known of a computer. Pure.
 * @param stored its own last report
 * @param contact when it asked for its document, in seconds since the epoch
 */
export function withContact(
  computerReference: string,
  stored: StoredReport | null,
  contact: number | undefined,
): StoredReport | null {
  if (contact === undefined) return stored;
  const former = stored ?? { ...REPORTS.computer(computerReference), since: contact, createdAt: 0 };
  return { ...former, createdAt: Math.max(former.createdAt, contact) };
}

/** Keeps the report of software that is supplied. */
export async function reportSoftware(
  url: string,
  computerReference: string,
  said: Report,
  tables: ProxyTables,
  clock: Clock,
): Promise<void> {
  const rows = await tables.listSoftware(computerReference);
  if (!rows.some((row) => row.url === url)) return;
  await storeReport(ofSoftware(url, computerReference), said, tables, clock);
}

/** For software that was removed: the supply and what was reported of it. */
export async function forgetSoftware(
  url: string,
  computerReference: string,
  tables: ProxyTables,
): Promise<void> {
  await tables.deleteSoftware(url, computerReference);
  await forgetReport(ofSoftware(url, computerReference), tables);
}
