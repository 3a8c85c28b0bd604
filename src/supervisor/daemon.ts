/** The controller as a process: puts the parts together and follows the keeper's signals. */
import type { Server } from 'node:http';
import { hostname, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { errorMessage } from '../errors/slapos-error.ts';
import { PrivateTmpFolders } from '../host/folder/private-tmp.ts';
import type { KeeperLink } from '../host/keeper/keeper.ts';
import type { KeeperCommand } from '../host/keeper/keeper-event.ts';
import { replaceKeeper } from '../host/keeper/keeper-replacement.ts';
import { createAutoLog, removeAutoLogs, startLogSweep } from '../host/log/program-log.ts';
import { writeSyslog } from '../host/log/syslog.ts';
import { loadNative } from '../host/native.ts';
import { MemoryRelease } from '../host/process/memory.ts';
import { ConfigurationReader } from './configuration/configuration.ts';
import { diskFiles } from './configuration/configuration-files.ts';
import { listMissing } from './configuration/confinement.ts';
import type { DaemonConfig, SupervisorConfig } from './configuration/program-config.ts';
import { UserTable } from './configuration/users.ts';
import { signalName } from './configuration/value-types.ts';
import { type Clock, Controller, inStartingOrder } from './controller.ts';
import { type KeeperGreeting, type KeeperIntake, meetKeeper } from './keeper-intake.ts';
import { LogWatch } from './output/log-watch.ts';
import type { MainLog } from './output/main-log.ts';
import { openMainLog, openOutputLog } from './output/output-log.ts';
import { MemoryKills } from './process/memory-kills.ts';
import { ServiceConfiner } from './process/service-confiner.ts';
import { releaseSocket, SharedSockets } from './process/shared-sockets.ts';
import { autoLogName } from './process/spawn-plan.ts';
import { KeeperSpawner } from './process/spawner.ts';
import { decodeNotes, LEAVING_KEY, SESSION_KEY } from './process/state-notes.ts';
import { fault } from './rpc/fault.ts';
import type { RpcContext } from './rpc/rpc-method.ts';
import { closeServer } from './rpc/rpc-server.ts';
import { openServers, serveAll, serverWarnings } from './rpc/server-sockets.ts';
import { stopEverything } from './shutdown.ts';
import { startUnnoted } from './take-over.ts';

export interface DaemonOptions {
  readonly configurationPath: string;
  /** Keys of `[supervisord]` that win over the file. */
  readonly overrides: ReadonlyMap<string, string>;
  readonly keeperFd: number;
  readonly listenFd: number | undefined;
  /** Lines of the main log go here too (`-n`). */
  readonly echo: ((line: string) => void) | undefined;
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
  readonly ownUid: number;
  /** Version of the package. */
  readonly version: string;
  /** Ends the process. */
  exit(status: number): void;
}

/** How long nothing must happen before memory is given back. */
const QUIET_MS = 2000;
/** Time for an answer to reach its client before something happens that ends the connection. */
const ANSWER_MS = 50;
const REPLACEMENTS = 5;
const REPLACEMENT_PAUSE_MS = 200;
const SIGHUP = 1;
const SIGUSR2 = 12;

const systemClock: Clock = {
  wallMs: () => Date.now(),
  // With its fraction: no two starts of a process have the same time.
  monotonicMs: () => Number(process.hrtime.bigint()) / 1e6,
  setTimer(delayMs, run) {
    const timer = setTimeout(run, delayMs);
    return { cancel: () => clearTimeout(timer) };
  },
};

/** Environment of services before the configuration's: ours, with a UTF-8 locale when none is set. */
function serviceEnvironment(
  env: Readonly<Record<string, string>>,
  daemon: DaemonConfig,
): Record<string, string> {
  const known = { ...env, ...daemon.environment };
  const hasLocale = ['LC_ALL', 'LC_CTYPE', 'LANG'].some((name) => known[name] !== undefined);
  return hasLocale ? { ...env } : { LC_CTYPE: 'C.UTF-8', ...env };
}

/** How services reach us: the first unix socket, else the first port. */
function serverUrl({ servers: [first] }: DaemonConfig): string {
  if (first === undefined) return '';
  if (first.kind === 'unix') return `unix://${first.path}`;
  return `http://${first.host === '' ? 'localhost' : first.host}:${first.port}`;
}

function report(config: SupervisorConfig, log: MainLog): void {
  for (const warning of config.warnings) log.write('WARN', warning);
  for (const { message } of config.errors) log.write('ERRO', message);
}

/** Levels at which the output of processes is copied into the main log. */
const COPYING_LEVELS: ReadonlySet<string> = new Set(['debug', 'trace', 'blather']);

/** Notes of this boot: after an orderly end there are none. */
function canResume({ notes, bootId }: KeeperGreeting): boolean {
  return notes.get(SESSION_KEY) === bootId;
}

class Daemon {
  readonly #options: DaemonOptions;
  readonly #reader: ConfigurationReader;
  readonly #log: MainLog;
  readonly #intake: KeeperIntake;
  readonly #controller: Controller;
  readonly #sockets: SharedSockets;
  readonly #tmpFolders: PrivateTmpFolders;
  readonly #confiner: ServiceConfiner;
  readonly #servers: Server[] = [];
  #config: SupervisorConfig;
  readonly #memory = new MemoryRelease(QUIET_MS);
  /** How to start the keeper that will be there next. */
  #command: KeeperCommand;
  /** The keeper knows that everything has been stopped. */
  #hasStopped = false;

  constructor(
    options: DaemonOptions,
    reader: ConfigurationReader,
    config: SupervisorConfig,
    log: MainLog,
    intake: KeeperIntake,
  ) {
    this.#options = options;
    this.#reader = reader;
    this.#config = config;
    this.#log = log;
    this.#intake = intake;
    this.#command = intake.greeting.command;
    const users = new UserTable();
    const warnOfLog = (path: string, error: Error) =>
      log.write('WARN', `cannot rotate ${path}: ${errorMessage(error)}`);
    const logWatch = new LogWatch(startLogSweep(warnOfLog));
    const { daemon } = config;
    this.#tmpFolders = new PrivateTmpFolders(join(dirname(daemon.pidFile), 'private-tmp'));
    this.#confiner = new ServiceConfiner({
      settings: () => this.#config.daemon.services,
      abilities: intake.greeting.abilities,
      tmpFolders: this.#tmpFolders,
    });
    this.#sockets = new SharedSockets(log);
    this.#controller = new Controller({
      keeper: intake.link,
      clock: systemClock,
      log,
      identifier: daemon.identifier,
      onChange: (process) => {
        logWatch.update(process);
        releaseSocket(process, this.#sockets);
        this.#memory.touch();
      },
      output: {
        isAnsiStripped: daemon.isAnsiStripped,
        openLog: (each, channel) => openOutputLog(each, channel, options.ownUid, log),
        writeSyslog: (lines) => writeSyslog('supervisord', lines),
      },
      spawner: new KeeperSpawner({
        keeper: intake.link,
        addon: loadNative(),
        env: serviceEnvironment(options.env, daemon),
        serverUrl: serverUrl(daemon),
        cwd: options.cwd,
        ownUid: options.ownUid,
        isAnsiStripped: daemon.isAnsiStripped,
        sockets: this.#sockets,
        isOutputCopied: COPYING_LEVELS.has(daemon.logLevel),
        findAccount: (uid) => users.findAccount(uid),
        confine: (process, group, file) => this.#confiner.confine(process, group, file),
        limit: (process) => this.#confiner.limit(process),
      }),
      createAutoLog: (name, channel) =>
        createAutoLog(daemon.childLogDir, autoLogName(name, channel, daemon.identifier)),
      forgetGroup: (name, isKilled) => void this.#forgetGroup(name, isKilled),
    });
  }

  get #link(): KeeperLink {
    return this.#intake.link;
  }

  async run(): Promise<void> {
    const { greeting } = this.#intake;
    const { servers } = this.#config.daemon;
    const sockets = openServers(servers, this.#options.listenFd);
    report(this.#config, this.#log);
    const isResuming = canResume(greeting);
    for (const warning of serverWarnings(servers)) this.#log.write('WARN', warning);
    this.#reportProfile();
    if (isResuming) this.#resume();
    else await this.#begin();
    this.#listenToKeeper();
    await serveAll(this.#rpcContext(), sockets, () => this.#memory.touch(), this.#servers);
    this.#link.ready();
    const leaving = isResuming ? greeting.notes.get(LEAVING_KEY) : undefined;
    if (greeting.isStopping || leaving === 'SHUTDOWN') this.#leave('SHUTDOWN');
    else if (leaving === 'RESTARTING') this.#leave(leaving);
  }

  /** Goes on where an earlier controller ended. */
  #resume(): void {
    const { greeting } = this.#intake;
    const groups = decodeNotes(greeting.notes);
    for (const group of groups) this.#controller.restoreGroup(group, greeting.living);
    for (const [name, { socketFd }] of greeting.living) {
      const socket = this.#controller.findByFullName(name)?.config.socket;
      if (socket !== undefined && socketFd !== undefined) {
        this.#sockets.adopt(socket, name, socketFd);
      }
    }
    const living = [...greeting.living.keys()].map((name) => this.#controller.findByFullName(name));
    // A keeper that is new may have found their cgroups without limits.
    for (const [group, limits] of this.#confiner.groupLimits(living)) {
      this.#link.limitGroup(group, limits);
    }
    this.#log.write('INFO', `controller ${process.pid} took over ${groups.length} groups`);
    this.#controller.settleRestored(greeting.living, greeting.exits);
    for (const exit of greeting.exits) this.#controller.exited(exit);
    if (!greeting.isStopping) startUnnoted(groups, this.#controller);
  }

  async #begin(): Promise<void> {
    const { greeting } = this.#intake;
    const { daemon, groups } = this.#config;
    for (const key of greeting.notes.keys()) this.#link.store(key, '');
    for (const { serial } of greeting.exits) this.#link.acknowledge(serial);
    await this.#tmpFolders.removeAll();
    if (!daemon.isCleanupSkipped) {
      await removeAutoLogs(daemon.childLogDir, daemon.identifier, new Set());
    }
    this.#log.write('INFO', "RPC interface 'supervisor' initialized");
    this.#log.write('INFO', `supervisord started with pid ${greeting.keeperPid}`);
    const ordered = inStartingOrder(groups);
    for (const group of ordered) await this.#controller.prepareGroup(group);
    // Not before: whoever resumes takes what is noted for all there is.
    this.#link.store(SESSION_KEY, greeting.bootId);
    this.#controller.emit({ name: 'SUPERVISOR_STATE_CHANGE_RUNNING', payload: '' });
    for (const { name } of ordered) this.#controller.startByItself(name);
  }

  async #forgetGroup(name: string, isKilled: boolean): Promise<void> {
    this.#link.forgetGroup(name, isKilled);
    try {
      await this.#tmpFolders.remove(name);
    } catch (error) {
      this.#log.write('WARN', `cannot remove the /tmp of ${name}: ${errorMessage(error)}`);
    }
  }

  /** What of the settings of services this machine cannot do. */
  #reportProfile(): void {
    const { services } = this.#config.daemon;
    const missing = listMissing(services, this.#intake.greeting.abilities);
    for (const problem of missing) this.#log.write('WARN', problem);
  }

  #listenToKeeper(): void {
    const write = this.#log.write.bind(this.#log);
    const kills = new MemoryKills({ base: this.#intake.greeting.abilities.cgroup, write });
    this.#intake.listen((event) => {
      if (event.kind === 'exit') {
        kills.look(event.exit);
        this.#controller.exited(event.exit);
      } else if (event.kind === 'forward') this.#onSignal(event.signal);
      else if (event.kind === 'reaped') {
        const end = event.signal === 0 ? `exit status ${event.status}` : signalName(event.signal);
        this.#log.write('INFO', `reaped unknown pid ${event.pid} (${end})`);
      } else if (event.kind === 'closed') {
        if (this.#hasStopped) this.#options.exit(0);
        else void this.#replaceKeeper();
      }
    });
  }

  #onSignal(signal: number): void {
    const name = signalName(signal);
    if (signal === SIGUSR2) {
      this.#log.write('INFO', `received ${name} indicating log reopen request`);
      this.#log.reopen();
      this.#controller.outputs.reopen();
      this.#log.write('INFO', 'supervisord logreopen');
      return;
    }
    const request = signal === SIGHUP ? 'restart' : 'exit';
    this.#log.write('WARN', `received ${name} indicating ${request} request`);
    this.#leave(signal === SIGHUP ? 'RESTARTING' : 'SHUTDOWN');
  }

  /** The keeper was killed: another one gets what we hold of its services, and starts a controller. */
  async #replaceKeeper(): Promise<void> {
    this.#controller.freeze();
    const { exit, listenFd: fd } = this.#options;
    // A copy that stays open when our server ends.
    const listenFd = fd === undefined ? undefined : loadNative().fdDuplicate({ fd });
    const { controllerStarts } = this.#intake.greeting;
    const services = this.#link.descriptors.all();
    const command = this.#command;
    for (let attempt = 1; attempt <= REPLACEMENTS; attempt += 1) {
      this.#log.write('CRIT', `the keeper was killed: starting another (attempt ${attempt})`);
      const replaced = replaceKeeper({ command, services, controllerStarts, listenFd });
      // Now that it has a copy of the socket: who connects from here on waits for it.
      for (const server of this.#servers.splice(0)) closeServer(server);
      if (await replaced) exit(0);
      await sleep(REPLACEMENT_PAUSE_MS);
    }
    this.#log.write('CRIT', 'no keeper could be started: services run on without one');
    exit(1);
  }

  async #upgrade(program: string, words: readonly string[]): Promise<void> {
    if (this.#controller.mood !== 'RUNNING') throw fault('SHUTDOWN_STATE');
    const code = await this.#link.upgrade(program, words);
    if (code !== '') throw fault('FAILED', `${program}: ${code}`);
    this.#log.write('INFO', `the keeper becomes ${program}`);
    this.#command = { ...this.#command, program, words };
    this.#controller.freeze();
    await this.#settleLink();
    setTimeout(() => this.#options.exit(0), ANSWER_MS);
  }

  /** The answer proves that what was said before has arrived: nothing waits in our memory. */
  async #settleLink(): Promise<void> {
    await this.#link.signal({ pid: 0, startTicks: 0, signal: 0, isGroup: false });
  }

  #leave(mood: 'SHUTDOWN' | 'RESTARTING'): void {
    if (this.#controller.mood !== 'SHUTDOWN') this.#link.store(LEAVING_KEY, mood);
    if (!this.#controller.leave(mood)) return;
    stopEverything(this.#controller).then(
      () => this.#finish(),
      (error: Error) => {
        this.#log.write('CRIT', `cannot stop: ${error.stack}`);
        this.#options.exit(1);
      },
    );
  }

  async #finish(): Promise<void> {
    await this.#tmpFolders.removeAll().catch(() => {}); // The next start tries again.
    if (this.#controller.mood === 'SHUTDOWN') {
      this.#hasStopped = true;
      this.#link.stopped();
    } else this.#link.store(SESSION_KEY, '');
    await this.#settleLink();
    this.#options.exit(0);
  }

  #rpcContext(): RpcContext {
    return {
      controller: this.#controller,
      log: this.#log,
      identifier: this.#config.daemon.identifier,
      ownUid: this.#options.ownUid,
      daemonPid: this.#intake.greeting.keeperPid,
      wantedGroups: () => this.#config.groups,
      problems: () => this.#config.errors,
      reload: () => {
        this.#config = this.#reader.read();
        report(this.#config, this.#log);
        return this.#config.groups;
      },
      settle: () => this.#settleLink(),
      leave: (mood) => void setTimeout(() => this.#leave(mood), ANSWER_MS),
      versions: () => ({
        keeper: this.#intake.greeting.keeperVersion,
        controller: this.#options.version,
        keeper_pid: this.#intake.greeting.keeperPid,
        controller_pid: process.pid,
      }),
      upgrade: (program, words) => this.#upgrade(program, words),
    };
  }
}

/**
 * Runs the controller.
 * @throws ConfigurationError when the main file cannot be used; nothing was started then.
 */
export async function runDaemon(options: DaemonOptions): Promise<void> {
  const reader = new ConfigurationReader(options.configurationPath, {
    files: diskFiles,
    env: options.env,
    hostName: hostname(),
    cwd: options.cwd,
    temporaryFolder: options.env['TMPDIR'] ?? tmpdir(),
    users: new UserTable(),
    overrides: options.overrides,
  });
  const config = reader.read();
  const log = openMainLog(config.daemon, options.echo);
  const { keeperFd: fd, listenFd } = options;
  const intake = await meetKeeper({ fd, ...(listenFd === undefined ? {} : { listenFd }) });
  await new Daemon(options, reader, config, log, intake).run();
}
