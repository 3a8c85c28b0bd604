/** The effects of steps on folders and files. */
import type { SlaposError } from '../errors/slapos-error.ts';
import type { FileToWrite } from '../host/file.ts';
import type { FolderToMake, HostFiles } from '../host/host.ts';
import {
  advancingFrom,
  each,
  errorsOf,
  type Reach,
  runsOf,
  type Taken,
  together,
} from './effect.ts';
import type { FormatPorts } from './ports.ts';
import type { Owner, StepOf } from './step.ts';

const HISTORY_MODE = 0o644;
const FILES_AT_ONCE = 256;

/** Parents, which come first in a plan, one by one; folders that need no parents together. */
export async function createDirectories(
  steps: ReadonlyArray<StepOf<'directoryCreate'>>,
  reach: Reach,
): Promise<Taken> {
  const { files } = reach.ports.host;
  const errors: Array<SlaposError | undefined> = [];
  for (const run of runsOf(steps, ({ isRecursive }) => isRecursive)) {
    const isRecursive = run[0]?.isRecursive === true;
    const behind = advancingFrom(errors.length, reach);
    const taken = isRecursive
      ? await each(run, 1, behind, (step) => createParents(files, step))
      : await together(run, FILES_AT_ONCE, behind, async (some) =>
          errorsOf(await files.makeFolders(some.map(folderToMake))),
        );
    errors.push(...(taken.errors ?? []));
    if (isRecursive && errors.some((error) => error !== undefined)) break;
  }
  return { errors };
}

async function createParents(
  files: HostFiles,
  { path, mode, owner }: StepOf<'directoryCreate'>,
): Promise<void> {
  await files.mkdir(path, { mode, isRecursive: true });
  if (owner !== null) await files.chown(path, owner.uid, owner.gid);
}

function folderToMake({ path, mode, owner }: StepOf<'directoryCreate'>): FolderToMake {
  return { path, mode, ...(owner === null ? {} : { uid: owner.uid, gid: owner.gid }) };
}

/** Owner before mode: chown(2) may clear bits of the mode. */
export async function changeDirectory(
  { host }: FormatPorts,
  path: string,
  mode: number | null,
  owner: Owner | null,
): Promise<void> {
  if (owner !== null) await host.files.chown(path, owner.uid, owner.gid);
  if (mode !== null) await host.files.chmod(path, mode);
}

/** Those of partitions together, and before the state files that follow them. */
export async function writeFiles(
  steps: ReadonlyArray<StepOf<'fileWrite'>>,
  reach: Reach,
): Promise<Taken> {
  const { host, partitionFiles } = reach.ports;
  const errors: Array<SlaposError | undefined> = [];
  for (const run of runsOf(steps, ({ beneath }) => beneath)) {
    const beneath = run[0]?.beneath ?? null;
    const behind = advancingFrom(errors.length, reach);
    const taken =
      beneath === null
        ? await each(run, 1, behind, ({ path, content, mode }) =>
            host.files.write(path, content, { mode }),
          )
        : await together(run, FILES_AT_ONCE, behind, async (some) => ({
            errors: await partitionFiles.writeAll(beneath, some.map(fileToWrite)),
          }));
    errors.push(...(taken.errors ?? []));
  }
  return { errors };
}

function fileToWrite({ path, content: data, mode, beneath }: StepOf<'fileWrite'>): FileToWrite {
  return { path: path.slice((beneath?.length ?? 0) + 1), data, mode };
}

export async function removeFile(ports: FormatPorts, step: StepOf<'fileRemove'>): Promise<void> {
  const { path, beneath } = step;
  if (beneath === null) return ports.host.files.remove(path);
  await ports.partitionFiles.remove(beneath, path.slice(beneath.length + 1));
}

/** An archive that cannot be appended to is set aside once; the history never stops a format. */
export async function appendHistory(step: StepOf<'historyAppend'>, { ports, hooks }: Reach) {
  const { files } = ports.host;
  const { appendZipEntry, historyStamp } = await import('./zip-history.ts');
  const { path, entryBaseName, content } = step;
  const now = hooks.now();
  const stamp = historyStamp(now);
  const entry = { name: `${entryBaseName}.${stamp}`, content, modified: now };
  const archive = await files.read(path);
  let next: Buffer;
  try {
    next = appendZipEntry(archive, entry);
  } catch {
    const aside = `${path}_broken_${stamp}`;
    hooks.onWarning(`${path} is no zip archive: it becomes ${aside}.`);
    await files.write(aside, archive ?? '', { mode: HISTORY_MODE });
    next = appendZipEntry(undefined, entry);
  }
  await files.write(path, next, { mode: HISTORY_MODE });
}
