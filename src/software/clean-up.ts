/** What `node software` removes of `software_root`. */
import { errorMessage } from '../errors/slapos-error.ts';
import type { GridContext } from '../grid/context.ts';
import type { OwnedFolder } from '../host/grid-host.ts';
import type { SlapComputer, SlapSoftwareRelease } from '../slap/master.ts';
import { buildLogPath } from './build-log.ts';
import { COMPLETED, DOWNLOADED, listGarbage, softwareHash } from './release.ts';

/** Work folders of downloads and uploads: none is alive while we hold the pid file. */
const WORK_FOLDER = /^\.([0-9a-f]{32})\.(download|upload)$/;

/** Removes what runs that were killed left, but for the downloads that can still go on. */
export async function removeWorkFolders(
  context: GridContext,
  releases: readonly SlapSoftwareRelease[],
): Promise<void> {
  const wanted = new Set(
    releases
      .filter(({ requestedState }) => requestedState === 'available')
      .map(({ url }) => softwareHash(url)),
  );
  const root = context.host.openFolder(context.options.softwareRoot);
  const names = await root.list('.');
  const isLeft = (name: string) => {
    const [, hash = '', kind] = WORK_FOLDER.exec(name) ?? [];
    return (
      kind === 'upload' || (kind === 'download' && (!wanted.has(hash) || names.includes(hash)))
    );
  };
  for (const name of names.filter(isLeft)) {
    await root.remove(name).catch((error: unknown) => {
      context.log.warning(`${root.path}/${name} cannot be removed: ${errorMessage(error)}`);
    });
  }
}

/** With its logs. Half a release must never pass for a whole one: what says that it is goes first. */
export async function removeRelease(root: OwnedFolder, hash: string): Promise<void> {
  if ((await root.stat(hash))?.kind === 'directory') {
    await root.remove(`${hash}/${COMPLETED}`);
    await root.remove(`${hash}/${DOWNLOADED}`);
  }
  await root.remove(hash);
  for (const name of [buildLogPath(hash), `${buildLogPath(hash)}.1`]) await root.remove(name);
}

/** Removes the folders of releases that the Master no longer names. */
export async function collectGarbage(context: GridContext, computer: SlapComputer): Promise<void> {
  const { host, log, options } = context;
  const root = host.openFolder(options.softwareRoot);
  const names: string[] = [];
  for (const name of await root.list('.')) {
    const profile = await root.stat(`${name}/buildout.cfg`).catch(() => undefined);
    if (profile !== undefined) names.push(name);
  }
  for (const name of listGarbage(names, computer.softwareReleases)) {
    log.info(`Removing ${root.path}/${name}, which no software release uses.`);
    await removeRelease(root, name).catch((error: unknown) => {
      log.error(`${root.path}/${name} cannot be removed: ${errorMessage(error)}`);
    });
  }
}
