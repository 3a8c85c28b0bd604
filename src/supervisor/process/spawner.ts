/** Starts a process through the keeper: command, logs, standard streams, user. */
import { closeSync } from 'node:fs';
import type { KeeperLink, ServiceSpawn } from '../../host/keeper/keeper.ts';
import { logErrorCode, openProgramLog } from '../../host/log/program-log.ts';
import type { NativeAddon } from '../../host/native.ts';
import { lookAtCommand } from '../../host/package/command-files.ts';
import type { CgroupLimits, ServiceConfinement } from '../../host/process/service-confinement.ts';
import type { ProcessConfig } from '../configuration/program-config.ts';
import {
  type Channel,
  needsPipe,
  OUTPUT_LABELS,
  type OutputFds,
} from '../output/service-output.ts';
import { type ManagedProcess, startTag } from './managed-process.ts';
import { type SharedSockets, SOCKET_LABEL } from './shared-sockets.ts';
import { planEnvironment, type ResolvedCommand, resolveCommand } from './spawn-plan.ts';

export interface Account {
  readonly uid: number;
  readonly gid: number;
  /** Supplementary groups, the primary one first. */
  readonly groups: readonly number[];
}

export type SpawnOutcome =
  | {
      readonly kind: 'spawned';
      readonly pid: number;
      readonly startTicks: number;
      /** Why the new process could not become the program; its exit with status 127 follows. */
      readonly failure?: string;
      /** Our ends of the pipes of a listener. */
      readonly pipes?: { readonly stdinFd: number; readonly stdoutFd: number };
      /** Our ends of the pipes of channels in pipe mode. */
      readonly outputs?: OutputFds;
    }
  | { readonly kind: 'failed'; readonly reason: string };

/** How processes come to be; a fake in tests. */
export interface ProcessSpawner {
  resolve(config: ProcessConfig): Promise<ResolvedCommand>;
  spawn(process: ManagedProcess, isListener: boolean): Promise<SpawnOutcome>;
}

export interface SpawnerOptions {
  readonly keeper: KeeperLink;
  readonly addon: Pick<NativeAddon, 'pipeOpen'>;
  /** Environment that every process gets. */
  readonly env: Readonly<Record<string, string>>;
  readonly serverUrl: string;
  /** Folder of processes that have none of their own. */
  readonly cwd: string;
  readonly ownUid: number;
  /** What makes the output of every process pass through the daemon. */
  readonly isAnsiStripped: boolean;
  readonly isOutputCopied: boolean;
  readonly sockets: Pick<SharedSockets, 'acquire'>;
  findAccount(uid: number): Account | undefined;
  /** How a service is confined; undefined when it is not. */
  confine(config: ProcessConfig, group: string, file: string): ServiceConfinement | undefined;
  /** Limits of the cgroup of its group. */
  limit(config: ProcessConfig): CgroupLimits | undefined;
}

/** How many processes are started at the same time: each needs a few descriptors meanwhile. */
const PARALLEL_SPAWNS = 64;

/** Descriptors that are ours until the keeper has its copies. */
class Descriptors {
  readonly #fds: number[] = [];

  own(fd: number): number {
    this.#fds.push(fd);
    return fd;
  }

  /** Closes all but those that stay with us. */
  close(kept: readonly number[] = []): void {
    for (const fd of new Set(this.#fds)) if (!kept.includes(fd)) closeSync(fd);
  }
}

type FoundCommand = Extract<ResolvedCommand, { kind: 'found' }>;
type Streams = Pick<ServiceSpawn, 'stdin' | 'stdout' | 'stderr' | 'keep'>;

interface KeptEnd {
  readonly label: string;
  readonly fd: number;
}

/** The ends of pipes that stay with us, by label. */
export function ourEnds(fds: ReadonlyMap<string, number>): {
  readonly pipes?: { readonly stdinFd: number; readonly stdoutFd: number };
  readonly outputs?: OutputFds;
  readonly socketFd?: number;
} {
  const stdinFd = fds.get('stdin');
  const stdoutFd = fds.get('stdout');
  const isListener = stdinFd !== undefined && stdoutFd !== undefined;
  const socketFd = fds.get(SOCKET_LABEL);
  const outputs = (['stdout', 'stderr'] as const).flatMap((channel) => {
    const fd = fds.get(OUTPUT_LABELS[channel]);
    return fd === undefined ? [] : [[channel, fd] as const];
  });
  return {
    ...(isListener ? { pipes: { stdinFd, stdoutFd } } : {}),
    ...(socketFd === undefined ? {} : { socketFd }),
    ...(outputs.length === 0 ? {} : { outputs: Object.fromEntries(outputs) }),
  };
}

export class KeeperSpawner implements ProcessSpawner {
  readonly #options: SpawnerOptions;
  readonly #queue: Array<() => void> = [];
  #active = 0;

  constructor(options: SpawnerOptions) {
    this.#options = options;
  }

  resolve(config: ProcessConfig): Promise<ResolvedCommand> {
    return resolveCommand(config, this.#options.env, lookAtCommand);
  }

  async spawn(process: ManagedProcess, isListener: boolean): Promise<SpawnOutcome> {
    // Before its turn: a command on a file system that does not answer must hold up no other.
    const command = await this.resolve(process.config);
    if (command.kind === 'failed') return { kind: 'failed', reason: command.reason };
    const user = this.#user(process.config);
    if (typeof user === 'string') return { kind: 'failed', reason: user };
    await this.#enter();
    try {
      return await this.#start(process, isListener, command, user);
    } finally {
      this.#leave();
    }
  }

  async #start(
    process: ManagedProcess,
    isListener: boolean,
    command: FoundCommand,
    user: { user?: Account },
  ): Promise<SpawnOutcome> {
    const owned = new Descriptors();
    let kept: number[] = [];
    try {
      const streams = await this.#openStreams(process, isListener, owned);
      const outcome = await this.#ask(process, command, { ...user, ...streams });
      if (outcome.kind === 'failed') return outcome;
      const ends = streams.keep ?? [];
      kept = ends.map(({ fd }) => fd);
      return { ...outcome, ...ourEnds(new Map(ends.map(({ label, fd }) => [label, fd]))) };
    } catch (error) {
      const code = logErrorCode(error);
      const name = process.config.name;
      if (code === 'EMFILE')
        return { kind: 'failed', reason: `too many open files to spawn '${name}'` };
      return { kind: 'failed', reason: `unknown error making dispatchers for '${name}': ${code}` };
    } finally {
      owned.close(kept);
    }
  }

  #user(config: ProcessConfig): { user?: Account } | string {
    const { ownUid, findAccount } = this.#options;
    if (config.uid === undefined || config.uid === ownUid) return {};
    if (ownUid !== 0) return "Can't drop privilege as nonroot user";
    const user = findAccount(config.uid);
    return user === undefined ? `Can't find user id ${config.uid}` : { user };
  }

  async #openStreams(
    process: ManagedProcess,
    isListener: boolean,
    owned: Descriptors,
  ): Promise<Streams> {
    const keep: KeptEnd[] = [];
    const streams: Streams = isListener
      ? this.#openProtocol(owned, keep)
      : {
          stdin: this.#openInput(process, owned, keep),
          ...(await this.#openOutput(process, 'stdout', owned, keep)),
        };
    if (process.config.isStderrRedirected && !isListener) {
      const { stdout } = streams;
      return { ...streams, ...(stdout === undefined ? {} : { stderr: stdout }), keep };
    }
    return { ...streams, ...(await this.#openOutput(process, 'stderr', owned, keep)), keep };
  }

  /** A pipe that never ends, even when the daemon does; or the socket that a process shares. */
  #openInput(process: ManagedProcess, owned: Descriptors, keep: KeptEnd[]): number {
    const { socket } = process.config;
    if (socket !== undefined) {
      const fd = this.#options.sockets.acquire(socket, process.fullName);
      keep.push({ label: SOCKET_LABEL, fd });
      return fd;
    }
    const { readFd, writeFd } = this.#options.addon.pipeOpen({ isKeptOpen: true });
    owned.own(writeFd);
    return owned.own(readFd);
  }

  /** Where a channel goes: its log, or a pipe that we read; nothing for /dev/null. */
  async #openOutput(
    process: ManagedProcess,
    channel: Channel,
    owned: Descriptors,
    keep: KeptEnd[],
  ): Promise<OutputFds> {
    const path = process.logs[channel];
    const uid = process.config.uid ?? this.#options.ownUid;
    // In pipe mode too: a log that cannot be opened is why a process is not started.
    const log = path === '' ? undefined : owned.own(await openProgramLog(path, uid));
    if (!needsPipe(process.config[channel], this.#options)) {
      return log === undefined ? {} : { [channel]: log };
    }
    const { readFd, writeFd } = this.#options.addon.pipeOpen({});
    keep.push({ label: OUTPUT_LABELS[channel], fd: owned.own(readFd) });
    return { [channel]: owned.own(writeFd) };
  }

  /** Of a listener: events go in by standard input, the protocol comes out by standard output. */
  #openProtocol(owned: Descriptors, keep: KeptEnd[]): Streams {
    const { addon } = this.#options;
    const input = addon.pipeOpen({});
    const output = addon.pipeOpen({});
    for (const fd of [input.readFd, input.writeFd, output.readFd, output.writeFd]) owned.own(fd);
    keep.push({ label: 'stdin', fd: input.writeFd }, { label: 'stdout', fd: output.readFd });
    return { stdin: input.readFd, stdout: output.writeFd };
  }

  async #ask(
    process: ManagedProcess,
    command: FoundCommand,
    more: Partial<ServiceSpawn>,
  ): Promise<SpawnOutcome> {
    const { config } = process;
    const confinement = this.#options.confine(config, process.groupName, command.file);
    const cgroupLimits = this.#options.limit(config);
    const answer = await this.#options.keeper.spawn({
      name: process.fullName,
      tag: startTag(process),
      file: command.file,
      args: command.args,
      env: planEnvironment(config, process.groupName, this.#options),
      cwd: config.directory ?? this.#options.cwd,
      umask: config.umask ?? 0o022,
      ...more,
      ...(confinement === undefined ? {} : { confinement }),
      ...(cgroupLimits === undefined ? {} : { cgroupLimits }),
    });
    if (answer.kind === 'refused') {
      const { code } = answer.failure;
      const reason =
        code === 'EAGAIN'
          ? `Too many processes in process table to spawn '${config.name}'`
          : `unknown error during fork for '${config.name}': ${code}`;
      return { kind: 'failed', reason };
    }
    const { pid, startTicks } = answer.process;
    const failure = answer.failure?.text;
    return { kind: 'spawned', pid, startTicks, ...(failure === undefined ? {} : { failure }) };
  }

  async #enter(): Promise<void> {
    if (this.#active >= PARALLEL_SPAWNS) {
      await new Promise<void>((resolve) => this.#queue.push(resolve));
    } else {
      this.#active += 1;
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  #leave(): void {
    const next = this.#queue.shift();
    if (next === undefined) this.#active -= 1;
    else setImmediate(next);
  }
}
