/** Starts a process through the keeper: command, logs, standard streams, user. */
import { accessSync, closeSync, constants, statSync } from 'node:fs';
import type { KeeperLink, ServiceSpawn } from '../host/keeper.ts';
import type { NativeAddon } from '../host/native.ts';
import { logErrorCode, openProgramLog } from '../host/program-log.ts';
import type { ManagedProcess } from './managed-process.ts';
import type { ProcessConfig } from './program-config.ts';
import {
  type CommandFiles,
  planEnvironment,
  type ResolvedCommand,
  resolveCommand,
} from './spawn-plan.ts';

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
    }
  | { readonly kind: 'failed'; readonly reason: string };

/** How processes come to be; a fake in tests. */
export interface ProcessSpawner {
  resolve(config: ProcessConfig): ResolvedCommand;
  spawn(process: ManagedProcess, isListener: boolean): Promise<SpawnOutcome>;
}

export interface SpawnerOptions {
  readonly keeper: KeeperLink;
  readonly addon: Pick<NativeAddon, 'pipeOpen'>;
  /** Environment that every process gets. */
  readonly env: Readonly<Record<string, string>>;
  readonly serverUrl: string;
  readonly ownUid: number;
  findAccount(uid: number): Account | undefined;
}

const diskCommands: CommandFiles = {
  status(path) {
    try {
      const status = statSync(path);
      return { isDirectory: status.isDirectory(), mode: status.mode };
    } catch {
      return undefined;
    }
  },
  mayExecute(path) {
    try {
      accessSync(path, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  },
};

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

type Streams = Pick<ServiceSpawn, 'stdin' | 'stdout' | 'stderr' | 'keep'>;

export class KeeperSpawner implements ProcessSpawner {
  readonly #options: SpawnerOptions;
  readonly #queue: Array<() => void> = [];
  #active = 0;

  constructor(options: SpawnerOptions) {
    this.#options = options;
  }

  resolve(config: ProcessConfig): ResolvedCommand {
    return resolveCommand(config, this.#options.env, diskCommands);
  }

  async spawn(process: ManagedProcess, isListener: boolean): Promise<SpawnOutcome> {
    await this.#enter();
    try {
      return await this.#spawn(process, isListener);
    } finally {
      this.#leave();
    }
  }

  async #spawn(process: ManagedProcess, isListener: boolean): Promise<SpawnOutcome> {
    const command = this.resolve(process.config);
    if (command.kind === 'failed') return { kind: 'failed', reason: command.reason };
    const user = this.#user(process.config);
    if (typeof user === 'string') return { kind: 'failed', reason: user };
    const owned = new Descriptors();
    let kept: number[] = [];
    try {
      const streams = await this.#openStreams(process, isListener, owned);
      const outcome = await this.#ask(process, command, { ...user, ...streams });
      if (outcome.kind === 'failed' || !isListener) return outcome;
      kept = (streams.keep ?? []).map(({ fd }) => fd);
      const [stdinFd = -1, stdoutFd = -1] = kept;
      return { ...outcome, pipes: { stdinFd, stdoutFd } };
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
    const { stdout, stderr } = process.logs;
    const { isStderrRedirected, uid = this.#options.ownUid } = process.config;
    if (isListener) return this.#openListenerStreams(stderr, uid, owned);
    const input = this.#options.addon.pipeOpen({ isKeptOpen: true });
    owned.own(input.writeFd);
    const streams: { stdin: number; stdout?: number; stderr?: number } = {
      stdin: owned.own(input.readFd),
    };
    if (stdout !== '') streams.stdout = owned.own(await openProgramLog(stdout, uid));
    if (isStderrRedirected) {
      if (streams.stdout !== undefined) streams.stderr = streams.stdout;
    } else if (stderr !== '') streams.stderr = owned.own(await openProgramLog(stderr, uid));
    return streams;
  }

  /** Events go in by standard input, the protocol comes out by standard output. */
  async #openListenerStreams(stderr: string, uid: number, owned: Descriptors): Promise<Streams> {
    const { addon } = this.#options;
    const input = addon.pipeOpen({});
    const output = addon.pipeOpen({});
    for (const fd of [input.readFd, input.writeFd, output.readFd, output.writeFd]) owned.own(fd);
    return {
      stdin: input.readFd,
      stdout: output.writeFd,
      ...(stderr === '' ? {} : { stderr: owned.own(await openProgramLog(stderr, uid)) }),
      keep: [
        { label: 'stdin', fd: input.writeFd },
        { label: 'stdout', fd: output.readFd },
      ],
    };
  }

  async #ask(
    process: ManagedProcess,
    command: Extract<ResolvedCommand, { kind: 'found' }>,
    more: Partial<ServiceSpawn>,
  ): Promise<SpawnOutcome> {
    const { config } = process;
    const answer = await this.#options.keeper.spawn({
      name: process.fullName,
      file: command.file,
      args: command.args,
      env: planEnvironment(config, process.groupName, this.#options),
      cwd: config.directory ?? '/',
      umask: config.umask ?? 0o022,
      ...more,
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
