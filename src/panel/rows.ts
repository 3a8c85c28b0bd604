/** What the panel reads of the database, in one consistent state. */
import { readComputerStatus } from '../proxy/reports.ts';
import type { ProxyEnvironment } from '../proxy/route.ts';
import { listReports, type StatusSubject, type StoredReport } from '../proxy/status.ts';
import type {
  AddressRow,
  ComputerRow,
  PartitionRow,
  ProxyTables,
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
    return {
      computers,
      partitions,
      addresses: await tables.listAddresses(null),
      software: await tables.listSoftware(null),
      shared: await tables.listSlaves(),
      reports: await listReports(tables),
      contacts: await readContacts(computers, tables, contacts),
    };
  });
}

async function readContacts(
  computers: readonly ComputerRow[],
  tables: ProxyTables,
  contacts: ReadonlyMap<string, number>,
): Promise<ReadonlyMap<string, StoredReport>> {
  const found = new Map<string, StoredReport>();
  for (const { reference } of computers) {
    const status = await readComputerStatus(reference, tables, contacts);
    if (status !== null) found.set(reference, status);
  }
  return found;
}
