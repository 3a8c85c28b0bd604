/** Packs past days: raw dumps, then one compressed archive a day (spec/collect.md 8.2, 8.3). */
import { join } from 'node:path';
import type { CollectHost } from './collect-host.ts';
import { renderCsvRow } from './csv.ts';
import type { CollectDatabase } from './database.ts';
import { TABLES, type TableName } from './schema.ts';
import type { CollectStore } from './store.ts';
import { encodeTarEnd, encodeTarHeader, encodeTarPadding } from './tar.ts';

type ArchiveHost = Pick<CollectHost, 'files' | 'writeStream' | 'readStream' | 'rename'>;

/** What upstream takes for a folder of dumps. */
const DUMP_FOLDER = /^[^.].*-.*-.*$/;
/** A folder that is in its archive: part of it must never be packed over the whole. */
const PACKED_FOLDER = /^\.(.*)\.packed$/;

/** Writes the rows of every past day that was not packed yet, and marks them as packed. */
export async function dumpPastDays(
  host: ArchiveHost,
  database: CollectDatabase,
  dataLog: string,
  today: string,
): Promise<void> {
  const days = await database.use((store) => store.listUnreportedDays(today));
  // Only a date can name a folder: the database is ours, but other programs write to it too.
  for (const day of days.filter((name) => /^\d{4}-\d\d-\d\d$/.test(name))) {
    const folder = join(dataLog, day);
    await host.files.mkdir(folder, { mode: 0o755 });
    for (const { name } of TABLES) {
      const path = join(folder, `dump_${name}.csv`);
      await database.use((store) =>
        host.writeStream(path, renderDump(store, name, day), { isCompressed: false }),
      );
    }
    await database.use((store) => store.markReported(day));
  }
}

async function* renderDump(store: CollectStore, table: TableName, day: string) {
  for await (const rows of store.dumpTable(table, day)) yield rows.map(renderCsvRow).join('');
}

/**
 * Turns every folder of dumps into `<day>.tar.gz`. An older one becomes `<day>.1.tar.gz`: where the
 * clock was wrong by more than rows are kept, it holds what the new one lacks.
 */
export async function packFolders(host: ArchiveHost, dataLog: string): Promise<void> {
  const names = (await host.files.list(dataLog)) ?? [];
  for (const name of names) {
    const day = PACKED_FOLDER.exec(name)?.[1];
    if (day !== undefined) await endPacking(host, dataLog, day);
  }
  for (const name of names) {
    const folder = join(dataLog, name);
    if (!DUMP_FOLDER.test(name) || (await host.files.stat(folder))?.kind !== 'directory') continue;
    await host.writeStream(hiddenArchive(dataLog, name), renderArchive(host, dataLog, name), {
      isCompressed: true,
    });
    await host.rename(folder, packedFolder(dataLog, name));
    await endPacking(host, dataLog, name);
  }
}

/** Where an archive waits for its name until its folder counts as packed. */
function hiddenArchive(dataLog: string, day: string): string {
  return join(dataLog, `.${day}.tar.gz`);
}

function packedFolder(dataLog: string, day: string): string {
  return join(dataLog, `.${day}.packed`);
}

/** After a kill at any moment, the next run does what is left of this and nothing twice. */
async function endPacking(host: ArchiveHost, dataLog: string, day: string): Promise<void> {
  const archive = hiddenArchive(dataLog, day);
  if ((await host.files.stat(archive)) !== undefined) {
    const folder = join(dataLog, day);
    await putAside(host, folder);
    await host.rename(archive, `${folder}.tar.gz`);
  }
  await host.files.remove(packedFolder(dataLog, day), { isRecursive: true });
}

async function putAside(host: ArchiveHost, folder: string): Promise<void> {
  if ((await host.files.stat(`${folder}.tar.gz`)) === undefined) return;
  let number = 1;
  while ((await host.files.stat(`${folder}.${number}.tar.gz`)) !== undefined) number += 1;
  await host.rename(`${folder}.tar.gz`, `${folder}.${number}.tar.gz`);
}

async function* renderArchive(host: ArchiveHost, dataLog: string, name: string) {
  const folder = join(dataLog, name);
  const status = await host.files.stat(folder);
  const modifiedS = Math.trunc((status?.modifiedMs ?? 0) / 1000);
  yield encodeTarHeader({ name: `${name}/`, mode: 0o755, sizeBytes: 0, modifiedS });
  for (const file of (await host.files.list(folder)) ?? []) {
    yield* renderMember(host, join(folder, file), `${name}/${file}`);
  }
  yield encodeTarEnd();
}

async function* renderMember(host: ArchiveHost, path: string, name: string) {
  const status = await host.files.stat(path);
  if (status?.kind !== 'file') return;
  const { sizeBytes, modifiedMs } = status;
  yield encodeTarHeader({
    name,
    mode: 0o644,
    sizeBytes,
    modifiedS: Math.trunc(modifiedMs / 1000),
  });
  yield* host.readStream(path);
  yield encodeTarPadding(sizeBytes);
}
