/** Runs bootstrap and buildout in a folder, as its owner, for software releases and partitions. */
import { constants } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { BuildError, errorMessage } from '../errors/slapos-error.ts';
import { childEnvironment } from '../grid/child-environment.ts';
import type { GridContext } from '../grid/context.ts';
import { logLines } from '../grid/output-log.ts';
import { shebangWords } from '../grid/python-of-buildout.ts';
import type { CommandOutcome, OwnedFolder } from '../host/grid-host.ts';
import { packageRoot } from '../host/package/package-files.ts';
import type { UserIdentity } from '../host/user/user.ts';
import type { Logger } from '../log/logger.ts';
import { type BootstrapCommand, findBootstrap, type PythonProbe } from './buildout-python.ts';

/** Files that buildout makes must be readable by partitions and writable by nobody else. */
export const BUILDOUT_UMASK = 0o027;
/** What buildout notes of its last run; one of its sections is `[buildout]`. */
const INSTALLED = '.installed.cfg';
/** A longer one is not looked at: a power cut leaves an empty one. */
const INSTALLED_BYTES = 1024 * 1024;
const PROBE_TIMEOUT_MS = 30_000;

export interface BuildoutRun {
  /** Where it runs; also HOME of buildout itself. */
  readonly folder: string;
  readonly owner: UserIdentity;
  readonly log: Logger;
  readonly timeoutMs?: number;
  readonly instanceRoot?: string;
  /** Tells a later run of the build when we are killed. */
  readonly noteFile?: string;
}

/** Where a script is that may belong to a partition or to the software's user. */
export interface ScriptPlace {
  /** A folder whose own path only we can change. */
  readonly root: string;
  /** Below the root. */
  readonly path: string;
}

/**
 * Removes what buildout noted of its last run where a power cut or a full disk left an empty file:
 * buildout would fail on it for ever, and without it installs everything anew.
 */
export async function forgetBrokenInstallation(folder: OwnedFolder, log: Logger): Promise<void> {
  const status = await folder.stat(INSTALLED);
  if (status?.kind !== 'file' || status.sizeBytes > INSTALLED_BYTES) return;
  if (/^\[buildout\]/m.test(await folder.readTail(INSTALLED, INSTALLED_BYTES))) return;
  log.warning(`${folder.path}/${INSTALLED} is empty or broken: all parts are installed anew.`);
  await folder.remove(INSTALLED);
}

/**
 * Finds a Python with zc.buildout and makes it write `bin/buildout`.
 * @param parameters of buildout, without the word `bootstrap`
 * @throws BuildError with the output; SlaposError SLAPOS_ERR_BUILDOUT_MISSING.
 */
export async function bootstrapBuildout(
  context: GridContext,
  run: BuildoutRun,
  parameters: readonly string[],
): Promise<void> {
  const { argv } = await searchBootstrap(context, run);
  const command = [...argv, ...parameters, 'bootstrap'];
  const outcome = await runInFolder(context, run, command, run.owner.home);
  if (outcome.status !== 0) throw buildFailure(run, outcome);
}

/**
 * Runs a buildout script by the words of its own shebang.
 * @throws BuildError with the whole output when it fails.
 */
export async function runBuildout(
  context: GridContext,
  run: BuildoutRun,
  script: ScriptPlace,
  parameters: readonly string[],
): Promise<void> {
  const words = await readShebang(context, script);
  const debug = context.options.isBuildoutDebug ? ['-D'] : [];
  const command = [...words, join(script.root, script.path), ...debug, '-U', ...parameters];
  const outcome = await runInFolder(context, run, command, run.folder);
  if (outcome.status !== 0) throw buildFailure(run, outcome);
}

function buildFailure(run: BuildoutRun, outcome: CommandOutcome): BuildError {
  const text = `Failed to run buildout profile in directory '${run.folder}':\n${outcome.output}\n`;
  return new BuildError('SLAPOS_ERR_BUILD', text + describeEnd(outcome, run.timeoutMs));
}

/** What the output does not tell, as of a build for which the kernel had no memory. */
function describeEnd({ isTimedOut, signal }: CommandOutcome, timeoutMs = 0): string {
  if (isTimedOut) return `timed out after ${timeoutMs / 1000} seconds`;
  if (signal === 0) return '';
  const known = Object.entries(constants.signals).find(([, number]) => number === signal);
  const memory = signal === constants.signals.SIGKILL ? ' (out of memory?)' : '';
  return `Error: buildout was ended by ${known?.[0] ?? `signal ${signal}`}${memory}`;
}

async function runInFolder(
  context: GridContext,
  run: BuildoutRun,
  argv: readonly string[],
  home: string,
): Promise<CommandOutcome> {
  const { instanceRoot, noteFile, timeoutMs } = run;
  const facts = instanceRoot === undefined ? { home } : { home, instanceRoot };
  try {
    return await context.host.run({
      argv,
      cwd: run.folder,
      env: childEnvironment(context.env, facts),
      user: run.owner,
      umask: BUILDOUT_UMASK,
      onLine: logLines(run.log),
      isInteractive: context.options.isBuildoutDebug,
      signal: context.signal,
      ...(timeoutMs === undefined ? {} : { timeoutMs }),
      ...(noteFile === undefined ? {} : { noteFile }),
    });
  } catch (cause) {
    if ((cause as { code?: string }).code !== 'SLAPOS_ERR_SPAWN') throw cause;
    throw new BuildError('SLAPOS_ERR_BUILD', errorMessage(cause), { cause });
  }
}

/**
 * Words of a script's first line, none when it is missing.
 * @throws HostError SLAPOS_ERR_UNSAFE_PATH when a link stands below the root.
 */
export async function readShebang(
  { host }: Pick<GridContext, 'host'>,
  { path, root }: ScriptPlace,
): Promise<readonly string[]> {
  return shebangWords((await host.openFolder(root).readText(path)) ?? '');
}

/** What a search for buildout needs of a run. */
export type BootstrapContext = Pick<GridContext, 'env' | 'host' | 'signal'> & {
  readonly options: Pick<GridContext['options'], 'buildoutPython' | 'buildoutScript'>;
};

/**
 * Finds what bootstraps a build of this user.
 * @throws SlaposError SLAPOS_ERR_BUILDOUT_MISSING
 */
export async function searchBootstrap(
  context: BootstrapContext,
  run: Pick<BuildoutRun, 'folder' | 'owner'>,
): Promise<BootstrapCommand> {
  const { buildoutPython, buildoutScript } = context.options;
  const search = {
    buildoutPython,
    buildoutScript,
    packageRoot: packageRoot(),
    searchPath: context.env['PATH'] ?? '',
  };
  return findBootstrap(search, createProbe(context, run));
}

function createProbe(
  context: BootstrapContext,
  run: Pick<BuildoutRun, 'folder' | 'owner'>,
): PythonProbe {
  return {
    exists: async (path) => (await context.host.stat(path))?.kind === 'file',
    readShebang: (script) =>
      readShebang(context, { root: dirname(script), path: basename(script) }),
    async tryPython(argv) {
      try {
        const outcome = await context.host.run({
          argv,
          cwd: run.folder,
          env: childEnvironment(context.env, { home: run.owner.home }),
          user: run.owner,
          timeoutMs: PROBE_TIMEOUT_MS,
          signal: context.signal,
        });
        const last = outcome.output.trim().split('\n').pop() ?? '';
        return { isUsable: outcome.status === 0, why: last || `exit status ${outcome.status}` };
      } catch (error) {
        return { isUsable: false, why: errorMessage(error) };
      }
    },
  };
}
