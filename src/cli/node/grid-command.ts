/** What the handlers of `node software`, `instance`, `promise` and `report` have in common. */
import { availableParallelism } from 'node:os';
import { resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  type GridOptions,
  listGridFiles,
  missingGridFile,
  type PidfileKind,
  readGridOptions,
} from '../../config/grid-options.ts';
import { readServiceSettings } from '../../config/service-settings.ts';
import { CancelledError, ConfigError } from '../../errors/slapos-error.ts';
import type { GridContext } from '../../grid/context.ts';
import { createGridHost } from '../../host/create-grid-host.ts';
import { createHostFiles } from '../../host/folder/host-files.ts';
import { openServiceSupervisor } from '../../instance/open-supervisor.ts';
import type { ServiceSupervisor } from '../../instance/service-supervisor.ts';
import { setInLines } from '../../log/set-in-lines.ts';
import { parseMasterTrust } from '../../slap/client-options.ts';
import { createSlapClient } from '../../slap/slap-client.ts';
import { writeSupervisorFiles } from '../../supervisor/launch.ts';
import type { CommandContext } from '../command.ts';
import { withPidfile } from '../pidfile.ts';
import { createProgressBar, type ProgressBar } from '../progress-bar.ts';
import { keepFirewallPrograms, openPlugins } from './grid-plugins.ts';

/**
 * Partitions for each processor whose promises run at a time. Most promises wait for an answer or
 * for their time limit of 20 s; those that compute share the processor with few enough others to
 * keep that limit.
 */
const WATCHES = 8;

/** The pass itself. */
export type GridPass = (
  context: GridContext,
  openSupervisor: () => Promise<ServiceSupervisor>,
) => Promise<number>;

/**
 * Reads and checks the configuration, waits the random delay, takes the pid file, prepares the
 * folders of the supervisor and runs the pass.
 */
export function runGridCommand(
  command: CommandContext,
  kind: PidfileKind,
  pass: GridPass,
): Promise<number> {
  return runLookingCommand(command, kind, async (grid, openSupervisor) => {
    await prepareSupervisorFiles(command, grid);
    return pass(grid, openSupervisor);
  });
}

/** {@link runGridCommand} with `firewall.conf`, `dbus.conf` and the supervisor that runs. */
export function runServiceCommand(
  command: CommandContext,
  kind: PidfileKind,
  pass: GridPass,
): Promise<number> {
  return runGridCommand(command, kind, async (grid, openSupervisor) => {
    // Even when nothing changes the services must have their supervisor back after a reboot.
    const isChanged = await keepFirewallPrograms(command, grid);
    if (!grid.options.isSupervisorLaunchForbidden) {
      const supervisor = await openSupervisor();
      if (isChanged) await supervisor.update();
    }
    return pass(grid, openSupervisor);
  });
}

/** {@link runGridCommand} without making anything of the supervisor. */
export async function runLookingCommand(
  command: CommandContext,
  kind: PidfileKind,
  pass: GridPass,
): Promise<number> {
  const options = readGridOptions(command.config, command.options);
  await checkFiles(command);
  await delay(options, command);
  return withPidfile(options.pidfile(kind), command.log, () => runPass(command, options, pass));
}

async function runPass(
  command: CommandContext,
  options: GridOptions,
  pass: GridPass,
): Promise<number> {
  const bar = openBar(command, options);
  const files = createHostFiles();
  let supervisor: Promise<ServiceSupervisor> | undefined;
  const openSupervisor = () => {
    const isLaunchForbidden = options.isSupervisorLaunchForbidden;
    const { instanceRoot } = options;
    const { log } = command;
    supervisor ??= openServiceSupervisor({ files, instanceRoot, isLaunchForbidden, log });
    return supervisor;
  };
  const plugins = await openPlugins(command, openSupervisor);
  const context = createGridContext(command, options, bar, plugins);
  await checkFolders(context);
  try {
    return await pass(context, openSupervisor);
  } finally {
    bar?.end();
    (await supervisor?.catch(() => undefined))?.close();
    const closing = context.master.close();
    // It waits for answers, and a command that was stopped must not.
    if (command.signal.aborted) closing.catch(() => undefined);
    else await closing;
  }
}

async function prepareSupervisorFiles(
  command: CommandContext,
  { options }: GridContext,
): Promise<void> {
  const { certificateRepository, computerId, instanceRoot, masterCaFile, masterUrl } = options;
  await writeSupervisorFiles({
    files: createHostFiles(),
    instanceRoot,
    masterUrl,
    computerId,
    services: readServiceSettings(command.config),
    ...(certificateRepository === undefined
      ? {}
      : { certificateRepositoryPath: certificateRepository }),
    ...(masterCaFile === undefined ? {} : { masterCaFile: resolve(command.cwd, masterCaFile) }),
    isMasterVerified: isMasterVerified(command),
  });
}

function isMasterVerified({ config, env }: CommandContext): boolean {
  return parseMasterTrust(config, env).isTlsVerified;
}

/** A debugger owns the terminal. */
function openBar({ statusLine }: CommandContext, options: GridOptions): ProgressBar | undefined {
  if (statusLine === undefined || options.isBuildoutDebug) return undefined;
  return createProgressBar(statusLine);
}

function createGridContext(
  command: CommandContext,
  options: GridOptions,
  bar: ProgressBar | undefined,
  plugins: Pick<GridContext, 'firewall' | 'managers'>,
): GridContext {
  const { certificate, masterCaFile, masterUrl } = options;
  const isTlsVerified = isMasterVerified(command);
  const timeoutMs = options.masterTimeoutSeconds * 1000;
  const trust = { masterUrl, caFile: masterCaFile, isTlsVerified, timeoutMs };
  return {
    options,
    master: createSlapClient({ ...trust, ...certificate }),
    openMaster: (own) => createSlapClient({ ...trust, ...own }),
    host: createGridHost(),
    log: setInLines(command.log),
    progress: (state) => bar?.show(state),
    env: command.env,
    now: () => new Date(),
    random: Math.random,
    signal: command.signal,
    isDebug: command.isDebug,
    // A debugger owns the terminal: one at a time.
    jobs: options.isBuildoutDebug ? 1 : (options.jobs ?? availableParallelism()),
    watches: options.isBuildoutDebug ? 1 : (options.jobs ?? WATCHES * availableParallelism()),
    ...plugins,
  };
}

async function checkFiles(command: CommandContext): Promise<void> {
  const files = createHostFiles();
  for (const { kind, path } of listGridFiles(command.config, command.options)) {
    const status = await files.stat(path);
    if (status === undefined) throw missingGridFile(path, kind);
  }
}

async function checkFolders({ host, options }: GridContext): Promise<void> {
  for (const path of [options.softwareRoot, options.instanceRoot]) {
    if ((await host.stat(path))?.kind === 'directory') continue;
    throw new ConfigError('SLAPOS_ERR_CONFIG_FILE', `${path} does not exist.`, {
      hint: 'Run `slapos node format` first.',
      context: { path },
    });
  }
}

/** Spreads the load of many nodes over time. */
async function delay(options: GridOptions, { log, signal }: CommandContext): Promise<void> {
  const longest = options.maximalDelaySeconds;
  if (longest <= 0) return;
  const seconds = 1 + Math.floor(Math.random() * longest);
  log.info(`Waiting ${seconds} seconds before starting (maximal_delay = ${longest}).`);
  await sleep(seconds * 1000, undefined, { signal }).catch((cause: unknown) => {
    throw new CancelledError('SLAPOS_ERR_CANCELLED', 'Interrupted while waiting.', { cause });
  });
}
