/**
 * Makes sure that a supervisor runs for an instance root: folders, main file, daemon, watchdog
 * (spec/supervisor.md 1.1 and 1.2, spec/grid.md 7.1).
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { ServiceSettings } from '../config/service-settings.ts';
import { errorCode, errorMessage, SlaposError } from '../errors/slapos-error.ts';
import type { HostFiles } from '../host/host.ts';
import {
  type DaemonLauncher,
  keeperRuntime,
  launchDaemon,
  supervisordProgram,
  watchdogProgram,
} from '../host/keeper/daemon-launcher.ts';
import type { Logger } from '../log/logger.ts';
import { isUnreachable, type ProcessInfo, SupervisorClient } from './client.ts';
import { isShuttingDown, shuttingDown } from './ending.ts';
import {
  renderMainFile,
  renderWatchdogCommand,
  renderWatchdogEnvironment,
  type SupervisorPaths,
  supervisorPaths,
  type WatchdogOptions,
} from './layout.ts';
import { readAgain } from './read-again.ts';
import { FAULTS, type FaultName } from './rpc/fault.ts';
import { isRpcFault } from './rpc/xml-rpc.ts';
import { awaitUnitStart } from './unit-start.ts';

export interface SupervisorFilesOptions {
  readonly files: HostFiles;
  readonly instanceRoot: string;
  readonly masterUrl: string;
  readonly computerId: string;
  readonly certificateRepositoryPath?: string;
  /** How services are confined and limited; absent: not. */
  readonly services?: ServiceSettings;
  /** How the watchdog trusts the Master; see {@link WatchdogOptions}. */
  readonly masterCaFile?: string;
  readonly isMasterVerified?: boolean;
  /** First words of the watchdog's command line; default: {@link watchdogProgram}. */
  readonly watchdogProgram?: string;
}

export interface EnsureSupervisorOptions {
  readonly files: HostFiles;
  readonly instanceRoot: string;
  readonly log: Logger;
  /** `node supervisord -n`: resolves when the daemon ends. */
  readonly isForeground?: boolean;
  readonly signal?: AbortSignal;
  /** Default: the keeper that lies in the package. */
  readonly program?: string;
  readonly launch?: DaemonLauncher;
}

const FOLDERS = [
  ['var', 0o755],
  ['var/log', 0o700],
  ['var/run', 0o700],
  ['etc', 0o700],
  ['etc/supervisord.conf.d', 0o700],
] as const;

/** The socket in use: the legacy one when that file exists. */
export async function supervisorSocket(files: HostFiles, instanceRoot: string): Promise<string> {
  const paths = supervisorPaths(instanceRoot);
  const legacy = await files.stat(paths.legacySocket);
  return legacy === undefined ? paths.socket : paths.legacySocket;
}

async function makeFolders(files: HostFiles, instanceRoot: string): Promise<void> {
  for (const [name, mode] of FOLDERS) {
    const path = `${instanceRoot}/${name}`;
    const before = await files.stat(path);
    if (before?.kind === 'directory' && before.mode === mode) continue;
    await files.mkdir(path, { mode });
    await files.chmod(path, mode);
  }
}

/**
 * Creates the folders of the supervisor and its main file, 0600, written only when it differs.
 * @throws HostError SLAPOS_ERR_FILE
 */
export async function writeSupervisorFiles(
  options: SupervisorFilesOptions,
): Promise<SupervisorPaths> {
  const paths = supervisorPaths(options.instanceRoot);
  await makeFolders(options.files, options.instanceRoot);
  const socket = await supervisorSocket(options.files, options.instanceRoot);
  const watchdog: WatchdogOptions = {
    ...options,
    program: options.watchdogProgram ?? watchdogProgram(),
  };
  const command = renderWatchdogCommand(watchdog);
  const environment = renderWatchdogEnvironment(watchdog);
  const text = renderMainFile(paths, socket, command, options.services, environment);
  const before = await options.files.readText(paths.configuration);
  const status = await options.files.stat(paths.configuration);
  if (before !== text || status?.mode !== 0o600) {
    await options.files.write(paths.configuration, text, { mode: 0o600 });
  }
  return paths;
}

const ACTIVE_STATES = new Set([10, 20, 30]);

/** Starts the watchdog again when it is not running; another pass may be doing so too. */
async function reviveWatchdog(client: SupervisorClient, log: Logger): Promise<void> {
  try {
    const info = await client.call<ProcessInfo>('supervisor.getProcessInfo', 'watchdog');
    if (ACTIVE_STATES.has(info.state)) return;
    await client.call('supervisor.removeProcessGroup', 'watchdog');
  } catch (error) {
    if (isFault(error, 'STILL_RUNNING')) return;
    if (!isFault(error, 'BAD_NAME')) throw error;
  }
  log.info('Starting the watchdog again.', { event: 'supervisor.watchdog_revived' });
  await client.call('supervisor.reloadConfig');
  try {
    await client.call('supervisor.addProcessGroup', 'watchdog');
  } catch (error) {
    if (!isFault(error, 'ALREADY_ADDED')) throw error;
  }
}

function isFault(error: unknown, name: FaultName): boolean {
  return isRpcFault(error) && error.faultCode === FAULTS[name];
}

const RUNNING_STATE = 1;
/** Supervisors that end while they are looked at, until that is told. */
const MOST_ENDS = 5;
/** As long as upstream waits. */
const LONGEST_SHUTDOWN_MS = 40_000;
/** From its last word to the end of its processes. */
const LONGEST_END_MS = 4000;

/** A busy supervisor answers later than this only when something is wrong with it. */
const ANSWER_MS = 60_000;

/** What is told of whatever listens on the socket and is no supervisor that works. */
function notASupervisor(client: SupervisorClient, cause: unknown): SlaposError {
  const { address } = client;
  const message = `What listens on ${address} is no supervisor: ${errorMessage(cause)}`;
  return new SlaposError('SLAPOS_ERR_SUPERVISOR_FOREIGN', message, {
    cause,
    context: { address },
    hint: 'Find it by `ss -xlp` and stop it, or use another instance_root.',
  });
}

async function readState(client: SupervisorClient): Promise<string> {
  try {
    const state = await client.callWithin<unknown>(ANSWER_MS, 'supervisor.getState');
    const { statecode, statename } = state as { statecode?: unknown; statename?: unknown };
    if (typeof statename !== 'string') throw new TypeError('its state is no state');
    return statecode === RUNNING_STATE ? statename : `in state ${statename}`;
  } catch (error) {
    // Silence, or bytes that are no HTTP.
    const cause = isUnreachable(error) ? errorCode((error as Error).cause) : '';
    const isForeign = cause === 'ETIMEDOUT' || cause.startsWith('HPE_');
    if (!isForeign && (isRpcFault(error) || isUnreachable(error))) throw error;
    throw notASupervisor(client, error);
  }
}

/** Whether it took the connection and ended it without a word: it may be in its very end. */
function isCutOff(error: unknown): boolean {
  const code = isUnreachable(error) ? errorCode((error as Error).cause) : '';
  return code === 'ECONNRESET' || code === 'EPIPE';
}

interface Wait {
  /** In all. */
  readonly waitedMs: number;
  /** Since it last said that it shuts down. */
  readonly silentMs: number;
}

/** What to do about a look that failed: wait, or know that nothing runs. */
function judgeFailure(
  client: SupervisorClient,
  error: unknown,
  { silentMs, waitedMs }: Wait,
): 'wait' | 'none' {
  if (isShuttingDown(error)) {
    if (waitedMs >= LONGEST_SHUTDOWN_MS) throw shuttingDown(client.address, error);
    return 'wait';
  }
  if (!isUnreachable(error)) throw error;
  return isCutOff(error) && silentMs < LONGEST_END_MS ? 'wait' : 'none';
}

/**
 * True when it runs, false when nothing answers; waits while one is shutting down.
 * @throws SlaposError SLAPOS_ERR_SUPERVISOR when that one does not come to its end
 */
async function isRunning(client: SupervisorClient, log: Logger): Promise<boolean> {
  let lastWordMs = 0;
  for (let [waitedMs, delayMs] = [0, 50]; ; waitedMs += delayMs) {
    try {
      const state = await readState(client);
      if (state === 'RUNNING') return true;
      throw notASupervisor(client, new Error(`it is ${state}`));
    } catch (error) {
      if (isShuttingDown(error)) lastWordMs = waitedMs;
      const wait = { waitedMs, silentMs: waitedMs - lastWordMs };
      if (judgeFailure(client, error, wait) === 'none') return false;
      if (waitedMs === 0) log.warning('The supervisor is shutting down; waiting for its end.');
      delayMs = Math.min(2 * delayMs, 1000);
      await sleep(delayMs);
    }
  }
}

/**
 * Pid of a supervisor that is not ours and serves this socket, one that upstream left for example;
 * undefined when it is ours.
 */
export async function findForeignSupervisor(socket: string): Promise<number | undefined> {
  const client = new SupervisorClient(socket);
  try {
    const methods = await client.callWithin<readonly string[]>(ANSWER_MS, 'system.listMethods');
    const isOurs = methods.some((name) => name.startsWith('slapos.'));
    return isOurs ? undefined : await client.callWithin<number>(ANSWER_MS, 'supervisor.getPID');
  } catch (error) {
    throw isShuttingDown(error) ? shuttingDown(client.address, error) : error;
  } finally {
    client.close();
  }
}

async function awaitAnswer(client: SupervisorClient): Promise<void> {
  for (let delayMs = 10; ; delayMs *= 2) {
    try {
      await client.call('supervisor.getState');
      return;
    } catch (cause) {
      if (isRpcFault(cause) || !isUnreachable(cause)) throw cause;
      if (delayMs > 2000) {
        const message = `The supervisor was started but does not answer: ${errorMessage(cause)}`;
        throw new SlaposError('SLAPOS_ERR_SUPERVISOR', message, { cause });
      }
      await sleep(delayMs);
    }
  }
}

/** Command line of the keeper (docs/keeper-protocol.md). */
export function keeperArguments(
  paths: SupervisorPaths,
  socket: string,
  isForeground: boolean,
): readonly string[] {
  const { node, controller } = keeperRuntime();
  return [
    ...['-c', paths.configuration, ...(isForeground ? ['--nodaemon'] : [])],
    ...['--node', node, '--controller', controller],
    ...['--pidfile', paths.pidFile, '--journal', paths.journal, '--logfile', paths.logFile],
    ...['--socket', socket, '--socket-mode', '0700'],
  ];
}

async function launch(options: Ensuring, paths: SupervisorPaths): Promise<void> {
  const program = options.program ?? supervisordProgram();
  const isForeground = options.isForeground ?? false;
  const args = keeperArguments(paths, options.socket, isForeground);
  const run = options.launch ?? launchDaemon;
  const { signal } = options;
  options.log.debug(`Starting ${program}.`);
  const { status, output } = await run(program, args, {
    isForeground,
    ...(signal === undefined ? {} : { signal }),
  });
  if (status === 0) return;
  throw new SlaposError('SLAPOS_ERR_SUPERVISOR', `Failed to launch supervisord:\n${output}`, {
    context: { program, status },
    hint: `Look at ${paths.logFile}.`,
  });
}

/** A unit that ends at once with 0 would look as if it had nothing to run. */
async function warnOfRunning(client: SupervisorClient, log: Logger): Promise<void> {
  const pid = await client.callWithin<number>(ANSWER_MS, 'supervisor.getPID');
  log.warning(
    `The supervisor runs already, as process ${pid}, outside of this unit, and goes on doing so. ` +
      'To run it here, which stops its services once: `slapos node supervisorctl shutdown`, then ' +
      'start the unit again.',
    { event: 'supervisor.outside' },
  );
}

/**
 * Makes sure that the supervisor runs: starts it when nothing answers on its socket, waits while
 * an old one shuts down, also where that begins in between, and starts the watchdog again when it does
 * not run. The main file must exist ({@link writeSupervisorFiles}).
 * @returns the socket on which it listens.
 * @throws SlaposError SLAPOS_ERR_SUPERVISOR
 */
export async function ensureSupervisor(options: EnsureSupervisorOptions): Promise<string> {
  const paths = supervisorPaths(options.instanceRoot);
  const socket = await supervisorSocket(options.files, options.instanceRoot);
  requireShort(socket);
  const client = new SupervisorClient(socket);
  try {
    for (let left = MOST_ENDS; !(await joinOrStart({ ...options, socket }, client, paths)); ) {
      left -= 1;
      if (left === 0) throw shuttingDown(client.address, new Error('It ended again and again.'));
    }
    return socket;
  } finally {
    client.close();
  }
}

type Ensuring = EnsureSupervisorOptions & { readonly socket: string };

/** False when what ran, or was started, began to shut down meanwhile. */
async function joinOrStart(
  options: Ensuring,
  client: SupervisorClient,
  paths: SupervisorPaths,
): Promise<boolean> {
  const exists = (await options.files.stat(options.socket)) !== undefined;
  const isThere = exists && (await isRunning(client, options.log));
  try {
    await (isThere ? join(options, client) : start(options, client, paths));
    return true;
  } catch (error) {
    const isLost = isThere && isUnreachable(error);
    if (!isLost && !isShuttingDown(error)) throw error;
    options.log.debug(`The supervisor began to end: ${errorMessage(error)}`);
    return false;
  }
}

async function join({ isForeground, log }: Ensuring, client: SupervisorClient): Promise<void> {
  await reviveWatchdog(client, log);
  if (isForeground === true) await warnOfRunning(client, log);
}

async function start(
  options: Ensuring,
  client: SupervisorClient,
  paths: SupervisorPaths,
): Promise<void> {
  const { files, isForeground = false, log } = options;
  await requireMainFile(files, paths);
  const look = () => isRunning(client, log);
  if (!isForeground && (await awaitUnitStart({ files, log, isRunning: look }))) return;
  try {
    await launch(options, paths);
  } catch (error) {
    if (isForeground || !(await look())) throw error;
    log.debug('Another slapos process started the supervisor meanwhile.');
  }
  if (isForeground) return;
  await awaitAnswer(client);
  await readAgain(client, log);
}

/** Longest path that a socket can have, without the final NUL (unix(7)). */
const MAX_SOCKET_BYTES = 107;

function requireShort(socket: string): void {
  const length = Buffer.byteLength(socket);
  if (length <= MAX_SOCKET_BYTES) return;
  const longest = MAX_SOCKET_BYTES - '/sv.sock'.length;
  throw new SlaposError(
    'SLAPOS_ERR_SUPERVISOR_CONFIG',
    `The path of the supervisor's socket has ${length} bytes, ${MAX_SOCKET_BYTES} at most: ${socket}.`,
    { hint: `Use an instance_root of at most ${longest} bytes; it may be a link.` },
  );
}

async function requireMainFile(files: HostFiles, paths: SupervisorPaths): Promise<void> {
  if ((await files.stat(paths.configuration).catch(ignoreMissing)) !== undefined) return;
  throw new SlaposError(
    'SLAPOS_ERR_SUPERVISOR_CONFIG',
    `The supervisor has no configuration: ${paths.configuration} does not exist.`,
    { hint: 'Run `slapos node supervisord` or `slapos node instance` first.' },
  );
}

function ignoreMissing(error: unknown): undefined {
  if (errorCode(error) === 'ENOENT') return undefined;
  throw error;
}
