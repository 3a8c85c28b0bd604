/** Builds one software release (spec/grid.md 5). */
import { basename, dirname } from 'node:path';
import { findPrefix } from '../config/binary-cache-options.ts';
import { BuildError, errorCode, errorMessage } from '../errors/slapos-error.ts';
import { childEnvironment } from '../grid/child-environment.ts';
import type { GridContext } from '../grid/context.ts';
import { checkFreeSpace } from '../grid/free-space.ts';
import { ownedBy } from '../grid/owner.ts';
import type { FileStatus } from '../host/host.ts';
import { checkLocalProfile } from './access.ts';
import type { Build } from './build.ts';
import {
  addRevision,
  BOOTSTRAP_SKIPPED,
  buildoutArguments,
  needsBootstrap,
  renderSoftwareProfile,
} from './buildout-arguments.ts';
import { downloadFolder, downloadRelease } from './cache-download.ts';
import { uploadRelease } from './cache-upload.ts';
import { DOWNLOADED, softwareHash, softwarePath } from './release.ts';
import {
  type BuildoutRun,
  bootstrapBuildout,
  forgetBrokenInstallation,
  runBuildout,
} from './run-buildout.ts';

/**
 * Brings a release from the binary cache, or builds it.
 * @throws BuildError when buildout fails; SlaposError for what keeps it from starting.
 */
export async function installSoftware(
  context: GridContext,
  url: string,
  { log, runAlone }: Pick<Build, 'log' | 'runAlone'>,
): Promise<void> {
  const { host, options } = context;
  checkUrl(url);
  const path = softwarePath(options.softwareRoot, url);
  await checkFreeSpace(host, path, options.softwareMinFreeBytes, 'software_min_free_space');
  const owner = await host.ownerOf(options.softwareRoot);
  const hash = softwareHash(url);
  // The root belongs to the software's user, who could put a link in the place of the folder.
  const folder = host.openFolder(options.softwareRoot, hash);
  const root = host.openFolder(options.softwareRoot);
  await bringRelease({ context, url, hash, path, owner, root, folder, log, runAlone });
}

async function bringRelease(build: Build): Promise<void> {
  const { context, folder, owner, path, url } = build;
  const isForced = findPrefix(context.options.binaryCache.forceList, url) !== undefined;
  const isPresent = (await folder.stat('')) !== undefined;
  if (isPresent && (await wasDownloaded(build))) return;
  if (!isPresent && (await downloadRelease(build, isForced))) return;
  if (isForced) {
    const why = isPresent ? `directory ${path} already exists` : 'failed to download';
    throw new BuildError(
      'SLAPOS_ERR_BUILD',
      `Binary cache forced for '${url}', but ${why}, will retry again`,
    );
  }
  await build.root.remove(downloadFolder(build.hash));
  if (url.startsWith('/')) await checkLocalProfile(context.host, url, owner);
  await prepareFolder(build);
  await writeProfile(build);
  await build.runAlone(() => buildRelease(build));
  await uploadRelease(build);
}

/** Of a release that came whole, and of which the Master could not be told. */
async function wasDownloaded({ context, folder, log, url }: Build): Promise<boolean> {
  if (context.options.isForced || (await folder.stat(DOWNLOADED)) === undefined) return false;
  log.info(`Software release ${url} was downloaded by an earlier run.`);
  return true;
}

/** The URL becomes a line of a profile. */
function checkUrl(url: string): void {
  const isLine = ![...url].some((character) => character < ' ' || character === '\u007f');
  if (isLine && url !== '') return;
  throw new BuildError('SLAPOS_ERR_BUILD', `Software Release ${JSON.stringify(url)} is no URL.`);
}

async function prepareFolder({ context, owner, folder }: Build): Promise<void> {
  const { host } = context;
  if ((await folder.stat('')) === undefined) {
    await folder.makeFolder('', ownedBy(host, owner, 0o755));
  }
  await folder.makeFolder('extends-cache', ownedBy(host, owner, 0o755));
  await folder.remove('.netrc');
  const netrc = await host.openFolder(owner.home).readText('.netrc');
  if (netrc !== undefined) await folder.write('.netrc', netrc, ownedBy(host, owner, 0o600));
}

async function writeProfile(build: Build): Promise<void> {
  const { context, folder, owner, url } = build;
  const { buildTimePartList, sharedPartList } = context.options;
  const existing = await folder.readText('buildout.cfg');
  const profile = existing ?? renderSoftwareProfile(url, sharedPartList, buildTimePartList);
  const revision = url.startsWith('/') ? await readRevision(build) : undefined;
  const revised =
    revision === undefined ? undefined : addRevision(profile, revision, context.now());
  if (existing !== undefined && revised === undefined) return;
  await folder.write('buildout.cfg', revised ?? profile, ownedBy(context.host, owner, 0o644));
}

/** What git says of a local profile; undefined outside of a repository or without git. */
async function readRevision({ context, owner, url }: Build): Promise<string | undefined> {
  const { host } = context;
  const git = '/usr/bin/git';
  if ((await host.stat(git)) === undefined) return undefined;
  const outcome = await host
    .run({
      // The profile is going to be run by this very user, whoever owns its repository.
      argv: [git, '-c', 'safe.directory=*', 'describe', '--all', '--long', '--dirty'],
      cwd: dirname(url),
      env: gitEnvironment(childEnvironment(context.env, { home: owner.home })),
      user: owner,
      timeoutMs: 10_000,
      signal: context.signal,
    })
    .catch((error: unknown) => {
      if (errorCode(error) === 'SLAPOS_ERR_CANCELLED') throw error;
      context.log.debug(`git describe: ${errorMessage(error)}, ignoring`);
      return undefined;
    });
  return outcome?.status === 0 ? outcome.output.trim() : undefined;
}

/** Without what would lead git to another repository, or let it write in this one. */
function gitEnvironment(env: Readonly<Record<string, string>>): Record<string, string> {
  const kept = Object.entries(env).filter(([name]) => !name.startsWith('GIT_'));
  return { ...Object.fromEntries(kept), GIT_OPTIONAL_LOCKS: '0' };
}

/** A bootstrap that is killed leaves its script empty, or before it could be executed. */
function isWhole(script: FileStatus | undefined): boolean {
  if (script?.kind !== 'file') return script !== undefined;
  return (script.mode & 0o111) !== 0 && script.sizeBytes > 0;
}

async function buildRelease(build: Build): Promise<void> {
  const { context, folder, log, owner, path } = build;
  await folder.remove(DOWNLOADED);
  await forgetBrokenInstallation(folder, log);
  const { isForced, networkcache } = context.options;
  const parameters = buildoutArguments({ path, isForced, networkcache });
  const run: BuildoutRun = { folder: path, owner, log };
  const hadSkippedMarker = (await folder.stat(BOOTSTRAP_SKIPPED)) !== undefined;
  const hasBuildout = isWhole(await folder.stat('bin/buildout'));
  if (hadSkippedMarker) await folder.remove(BOOTSTRAP_SKIPPED);
  const isBootstrapped = needsBootstrap({ hadSkippedMarker, hasBuildout });
  if (isBootstrapped) await bootstrapBuildout(context, run, parameters);
  else await folder.write(BOOTSTRAP_SKIPPED, '', ownedBy(context.host, owner, 0o644));
  const script = { root: context.options.softwareRoot, path: `${basename(path)}/bin/buildout` };
  await runBuildout(context, run, script, parameters);
  if (!isBootstrapped) await folder.remove(BOOTSTRAP_SKIPPED);
}
