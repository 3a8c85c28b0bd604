/** What the panel reads of the database, in one consistent state. */
import { withContact } from '../proxy/reports.ts';
import type { ProxyEnvironment } from '../proxy/route.ts';
import { listReports, type StatusSubject, type StoredReport } from '../proxy/status.ts';
import type {
  AddressRow,
  ComputerRow,
  PartitionRow,
  SlaveRow,
  SoftwareRow,
} from '../proxy/store.ts';

export interface PanelRows {
  readonly computers: readonly ComputerRow[];
  readonly partitions: readonly PartitionRow[];
  readonly addresses: readonly AddressRow[];
  readonly software: readonly SoftwareRow[];
  readonly shared: readonly SlaveRow[];
  readonly reports: readonly (StatusSubject & StoredReport)[];
  /** What each computer said last, or when it asked for its document. */
  readonly contacts: ReadonlyMap<string, StoredReport>;
}

export function readRows({ store, contacts }: ProxyEnvironment): Promise<PanelRows> {
  return store.read(async (tables) => {
    const computers = await tables.listComputers();
    const partitions = await tables.listPartitions(null);
    const addresses = await tables.listAddresses(null);
    const software = await tables.listSoftware(null);
    const shared = await tables.listSlaves();
    const reports = await listReports(tables);
    const known = contactsOf(computers, reports, contacts);
    return { computers, partitions, addresses, software, shared, reports, contacts: known };
  });
}

/** From the rows that were read: on a server each further statement is a round trip. */
function contactsOf(
  computers: readonly ComputerRow[],
  reports: PanelRows['reports'],
  contacts: ReadonlyMap<string, number>,
): ReadonlyMap<string, StoredReport> {
  const said = new Map<string, StoredReport>();
  for (const one of reports) if (one.kind === 'computer') said.set(one.computerReference, one);
  return new Map(
    computers.flatMap(({ reference }) => {
      const stored = said.get(reference) ?? null;
      const status = withContact(reference, stored, contacts.get(reference));
      return status === null ? [] : [[reference, status] as const];
    }),
  );
}
