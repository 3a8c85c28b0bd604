/** One run of `node collect` from the first sample to the last report (spec/collect.md 3). */
import { join } from 'node:path';
import type { Logger } from '../log/logger.ts';
import { dumpPastDays, packFolders } from './archive.ts';
import type { CollectHost } from './collect-host.ts';
import { CollectDatabase } from './database.ts';
import { type FolderInput, measurePartition } from './folders.ts';
import { liveProcesses, writeMonitorFiles } from './monitor.ts';
import { monitorWindow } from './monitor-json.ts';
import { PartRunner } from './part.ts';
import { writeConsumption, writeSystemCsv } from './reports.ts';
import { daysBefore, encodeStamp, type RunStamp } from './sample.ts';
import { type SamplerResult, takeSamples } from './sampler.ts';
import { type CollectFolders, type CollectSettings, collectFolders } from './settings.ts';

export interface RunInput {
  readonly settings: CollectSettings;
  readonly host: CollectHost;
  readonly log: Logger;
  readonly signal: AbortSignal;
  /** As {@link FolderInput} has it; what it says of earlier runs of the same program. */
  readonly smallFolders?: Map<string, number> | undefined;
}

interface Run extends RunInput {
  readonly stamp: RunStamp;
  readonly folders: CollectFolders;
  readonly database: CollectDatabase;
  readonly parts: PartRunner;
}

const MANDATORY = { isMandatory: true } as const;
const OPTIONAL = { isMandatory: false } as const;
const FOLDER_MODE = 0o755;
const LAST_LOOK_FILE = '.collect.last.json';

/**
 * Collects once. Resolves to the exit status: 1 when a mandatory part failed, else 0.
 * @throws HostError SLAPOS_ERR_FILE when the folders cannot be made or locked, and the reason of
 *   the signal when the run was cancelled.
 */
export async function runCollect(input: RunInput): Promise<number> {
  input.log.info('Collecting data...');
  const stamp = encodeStamp(input.host.nowMs());
  logSettings(input.log, input.settings, collectFolders(input.settings));
  return (await withCollectLock(input, () => collectNow(input, stamp))) ?? 0;
}

/** Collects once, under a lock that is held already. */
export async function collectNow(
  input: RunInput,
  stamp: RunStamp = encodeStamp(input.host.nowMs()),
): Promise<number> {
  const { settings, host, log, signal } = input;
  const folders = collectFolders(settings);
  const database = new CollectDatabase(host, join(folders.dataLog, 'collector.db'), log);
  const run = { ...input, stamp, folders, database, parts: new PartRunner(log, signal) };
  try {
    return await collect(run);
  } finally {
    await database.close();
  }
}

/**
 * Makes the folders and does the work while nobody else collects. Resolves to undefined, and says
 * who, when somebody does.
 */
export async function withCollectLock<Result>(
  { settings, host, log }: RunInput,
  work: () => Promise<Result>,
): Promise<Result | undefined> {
  const folders = collectFolders(settings);
  await makeFolders(host, folders);
  const lock = host.lock(join(folders.dataLog, '.collect.lock'));
  if (!lock.isHeld) {
    const holder = lock.holderPid === undefined ? '' : ` (pid ${lock.holderPid})`;
    log.info(`Another slapos node collect is running${holder}: nothing to do.`);
    return undefined;
  }
  try {
    return await work();
  } finally {
    lock.release();
  }
}

function logSettings(log: Logger, settings: CollectSettings, folders: CollectFolders): void {
  log.debug(`Log directory: ${folders.dataLog}`);
  log.debug(`Consumption report directory: ${folders.consumptionReport}`);
  log.debug(`XML report directory: ${folders.xmlReport}`);
  log.debug(`Computer model id: ${settings.computerModelId}`);
  log.debug(`Heating sensor id: ${settings.heatingSensorId ?? 'no_sensor'}`);
  if (settings.heatingSensorId !== undefined) {
    log.debug('The heating test is disabled: it would keep every CPU busy for minutes.');
  }
}

async function makeFolders(host: CollectHost, folders: CollectFolders): Promise<void> {
  for (const folder of [folders.dataLog, folders.consumptionReport, folders.xmlReport]) {
    if ((await host.files.stat(folder)) === undefined) {
      await host.files.mkdir(folder, { mode: FOLDER_MODE, isRecursive: true });
    }
  }
  if ((await host.files.stat(folders.dataLog))?.mode !== FOLDER_MODE) {
    await host.files.chmod(folders.dataLog, FOLDER_MODE);
  }
}

async function collect(run: Run): Promise<number> {
  const { host, log, parts, settings, database, stamp } = run;
  log.info('Inserting computer information into database...');
  const sampled = await takeSamples({
    ...run,
    users: settings.users,
    lastLookPath: join(run.folders.dataLog, LAST_LOOK_FILE),
  });
  await parts.run('write the samples', MANDATORY, () =>
    database.use((store) => store.insertSamples(stamp, sampled.samples)),
  );
  log.info('Done.');
  log.info('Inserting user information into database...');
  await measureFolders(run);
  log.info('Done.');
  log.info('Writing csv, XML and JSON files...');
  await writeReports(run, sampled);
  log.info('Done.');
  await parts.run('delete old rows', MANDATORY, () => deleteOldRows(run));
  log.info('Finished collecting.');
  log.info('='.repeat(80));
  log.debug(`Run took ${Math.round(host.nowMs() - Date.parse(`${stamp.date}T${stamp.time}Z`))} ms`);
  return parts.hasMandatoryFailure ? 1 : 0;
}

async function measureFolders(run: Run): Promise<void> {
  const { settings, parts } = run;
  if (!settings.folder.isEnabled) return;
  const input: FolderInput = { ...run, settings: settings.folder };
  for (const user of settings.users) {
    await parts.run(`measure the folder of ${user.name}`, OPTIONAL, () =>
      measurePartition(input, user),
    );
  }
}

async function writeReports(run: Run, sampled: SamplerResult): Promise<void> {
  const { host, database, settings, folders, stamp, parts } = run;
  const { dataLog } = folders;
  await parts.run('write the CSV files of today', OPTIONAL, () =>
    writeSystemCsv(host, database, dataLog, stamp.date),
  );
  const dumped = await parts.run('dump past days', MANDATORY, async () => {
    await dumpPastDays(host, database, dataLog, stamp.date);
    return true;
  });
  await parts.run('write the consumption reports', MANDATORY, () =>
    writeConsumption(host, database, settings, folders, stamp.date),
  );
  await writeMonitor(run, sampled);
  // A dump that stopped halfway is written again by the next run, before it is packed.
  if (dumped === true) {
    await parts.run('pack past days', MANDATORY, () => packFolders(host, dataLog));
  }
}

async function writeMonitor(run: Run, sampled: SamplerResult): Promise<void> {
  const { host, database, settings, parts } = run;
  const live = liveProcesses(host, sampled.live, sampled.userNames, sampled.bootTimeS);
  const input = { host, database, window: monitorWindow(host.nowMs()), live };
  for (const user of settings.users) {
    await parts.run(`write the monitor files of ${user.name}`, OPTIONAL, () =>
      writeMonitorFiles(input, user),
    );
  }
}

async function deleteOldRows({ database, settings, stamp }: Run): Promise<void> {
  const { cacheDays } = settings;
  const oldest = daysBefore(stamp.date, cacheDays - 1);
  const keep = cacheDays === 0 ? undefined : { oldest, newest: stamp.date };
  await database.use((store) => store.deleteReported(keep));
}
