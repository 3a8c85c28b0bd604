/**
 * Replaces keeper and controller of a supervisor by those of this package while its services run
 * (docs/keeper-protocol.md, "Upgrade").
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { errorMessage, SlaposError } from '../errors/slapos-error.ts';
import type { HostFiles } from '../host/host.ts';
import { readKeeperVersion, supervisordProgram } from '../host/keeper/daemon-launcher.ts';
import type { Logger } from '../log/logger.ts';
import { isUnreachable, SupervisorClient } from './client.ts';
import { isShuttingDown, shuttingDown } from './ending.ts';
import { keeperArguments, supervisorSocket } from './launch.ts';
import { supervisorPaths } from './layout.ts';
import { isRpcFault } from './rpc/xml-rpc.ts';

export interface UpgradeOptions {
  readonly files: HostFiles;
  readonly instanceRoot: string;
  readonly log: Logger;
  /** Default: the keeper that lies in the package. */
  readonly program?: string;
  /** More words for its command line. */
  readonly keeperArguments?: readonly string[];
  /** How long to wait for the new controller, in milliseconds. */
  readonly patienceMs?: number;
}

/** What `slapos.getVersion` answers. */
export interface RunningVersions {
  readonly keeper: string;
  readonly controller: string;
  readonly keeper_pid: number;
  readonly controller_pid: number;
}

export interface SupervisorUpgrade {
  readonly before: RunningVersions;
  readonly after: RunningVersions;
}

/** Protocol of keeper and journal that this package speaks. */
const PROTOCOL = 1;
const PATIENCE_MS = 30_000;
const POLL_MS = 20;

function refuse(message: string, hint: string, cause?: unknown): never {
  throw new SlaposError('SLAPOS_ERR_SUPERVISOR', message, {
    hint,
    ...(cause === undefined ? {} : { cause }),
  });
}

async function checkProgram(program: string): Promise<string> {
  const found = await readKeeperVersion(program).catch((cause: unknown) => {
    const message = `The new supervisor ${program} cannot be run: ${errorMessage(cause)}.`;
    return refuse(message, 'The one that runs was left alone.', cause);
  });
  if (found.protocol === PROTOCOL) return found.version;
  const { version, protocol } = found;
  const message = `The new supervisor ${program} ${version} has protocol ${protocol}, not ${PROTOCOL}.`;
  return refuse(message, 'Install keeper and controller of one version.');
}

async function readVersions(client: SupervisorClient): Promise<RunningVersions> {
  return await client.call<RunningVersions & Record<string, string | number>>('slapos.getVersion');
}

async function readBefore(
  client: SupervisorClient,
  instanceRoot: string,
): Promise<RunningVersions> {
  try {
    return await readVersions(client);
  } catch (cause) {
    const start = 'Start it with `slapos node supervisord`.';
    if (isUnreachable(cause)) {
      const message = `No supervisor runs in ${instanceRoot}: there is nothing to upgrade.`;
      return refuse(message, start, cause);
    }
    if (isShuttingDown(cause)) throw shuttingDown(client.address, cause);
    if (!isRpcFault(cause)) throw cause;
    const message = `The supervisor of ${instanceRoot} cannot be upgraded: ${cause.message}.`;
    return refuse(
      message,
      'Stop it with `slapos node supervisorctl shutdown`, then start it.',
      cause,
    );
  }
}

/** The versions once another controller answers. */
async function awaitSuccessor(
  socket: string,
  before: RunningVersions,
  patienceMs: number,
): Promise<RunningVersions> {
  const deadline = performance.now() + patienceMs;
  let problem: unknown = new Error('the controller has not changed');
  while (performance.now() < deadline) {
    const client = new SupervisorClient(socket);
    try {
      const after = await readVersions(client);
      if (after.controller_pid !== before.controller_pid) return after;
    } catch (error) {
      if (!isUnreachable(error)) throw error;
      problem = error;
    } finally {
      client.close();
    }
    await sleep(POLL_MS);
  }
  const message = `The supervisor was upgraded but does not answer: ${errorMessage(problem)}`;
  return refuse(message, 'Run `slapos node supervisord`, and look at its log.', problem);
}

/**
 * Makes the running keeper become the one of this package, which keeps its pid, its children and
 * its socket, and starts the controller of this package. Resolves when that one answers.
 * @throws SlaposError SLAPOS_ERR_SUPERVISOR when nothing runs, when the new program cannot be run or
 * speaks another protocol, and when the result is not what was asked for.
 */
export async function upgradeSupervisor(options: UpgradeOptions): Promise<SupervisorUpgrade> {
  const { files, instanceRoot, log } = options;
  const program = options.program ?? supervisordProgram();
  const socket = await supervisorSocket(files, instanceRoot);
  const client = new SupervisorClient(socket);
  try {
    const before = await readBefore(client, instanceRoot);
    const version = await checkProgram(program);
    const paths = supervisorPaths(instanceRoot);
    const words = [...keeperArguments(paths, socket, false), ...(options.keeperArguments ?? [])];
    log.debug(`Upgrading the supervisor (pid ${before.keeper_pid}) to ${program} ${version}.`);
    await client.call('slapos.upgrade', program, words).catch((cause: unknown) => {
      throw isShuttingDown(cause) ? shuttingDown(client.address, cause) : cause;
    });
    const after = await awaitSuccessor(socket, before, options.patienceMs ?? PATIENCE_MS);
    if (after.keeper !== version) {
      const message = `The supervisor still is version ${after.keeper}, not ${version}.`;
      return refuse(message, `Look at ${paths.logFile}.`);
    }
    return { before, after };
  } finally {
    client.close();
  }
}
