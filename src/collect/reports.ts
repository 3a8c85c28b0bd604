/** Writes the CSV files of today and the consumption reports of past days (spec/collect.md 8). */
import { join } from 'node:path';
import type { CollectHost } from './collect-host.ts';
import { renderConsumption, reportDays } from './consumption-xml.ts';
import { renderSystemCsv } from './csv.ts';
import type { CollectDatabase } from './database.ts';
import type { CollectFolders, CollectSettings } from './settings.ts';

type ReportHost = Pick<CollectHost, 'files' | 'replaceFile'>;

/** Rewrites `system_*.csv` with the rows of a day. */
export async function writeSystemCsv(
  host: ReportHost,
  database: CollectDatabase,
  folder: string,
  date: string,
): Promise<void> {
  const [rows, disks] = await database.use(async (store) => [
    await store.listSystemEntries(date),
    await store.listDiskEntries(date),
  ]);
  for (const [name, text] of renderSystemCsv(rows, disks)) {
    await host.replaceFile(join(folder, name), text);
  }
}

/** Writes the report of each past day that has none yet, and its copy for `node report`. */
export async function writeConsumption(
  host: ReportHost,
  database: CollectDatabase,
  settings: CollectSettings,
  folders: CollectFolders,
  today: string,
): Promise<void> {
  for (const day of reportDays(today)) {
    const path = join(folders.consumptionReport, `${day}.xml`);
    const known = [await host.files.stat(path), await host.files.stat(`${path}.uploaded`)];
    if (known.some((status) => status !== undefined)) continue;
    const totals = await database.use((store) => store.readConsumption(day, settings.users));
    const text = renderConsumption(settings.computerId, day, totals);
    // The copy first: the other file is what says that the day is done.
    await host.files.write(join(folders.xmlReport, `${day}.xml`), text, { mode: 0o644 });
    await host.files.write(path, text, { mode: 0o644 });
  }
}
