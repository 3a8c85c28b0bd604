/**
 * The controller's end of the channel to the keeper: requests with their answers, and events.
 * `docs/keeper-protocol.md` describes the messages.
 */
import { errorCode, SlaposError } from '../../errors/slapos-error.ts';
import { loadNative, type NativeAddon } from '../native.ts';
import {
  type CgroupLimits,
  encodeCgroup,
  encodeConfinement,
  type ServiceConfinement,
} from '../process/service-confinement.ts';
import { ServiceDescriptors } from './keeper-descriptors.ts';
import {
  decodeKeeperEvent,
  type KeeperEvent,
  type SignalResult,
  type SpawnAnswer,
} from './keeper-event.ts';
import { decodeKeeperMessage, encodeKeeperMessage, type KeeperMessage } from './keeper-message.ts';

/** A service to start. Descriptors are sent as copies: the caller closes its own afterwards. */
export interface ServiceSpawn {
  /** Name of the process, `group:name`; unique among those that live. */
  readonly name: string;
  /** A word that comes back with everything the keeper tells of this process. */
  readonly tag?: string;
  /** Absolute path of the program. */
  readonly file: string;
  /** Complete argv. */
  readonly args: readonly string[];
  /** Complete environment, `KEY=value`. */
  readonly env: readonly string[];
  readonly cwd?: string;
  readonly user?: {
    readonly uid: number;
    readonly gid: number;
    readonly groups: readonly number[];
  };
  readonly umask?: number;
  /** RLIMIT_* number; Infinity for no limit. */
  readonly limits?: ReadonlyArray<{
    readonly resource: number;
    readonly soft: number;
    readonly hard: number;
  }>;
  /** Descriptors for fds 0 to 2; absent: /dev/null. */
  readonly stdin?: number;
  readonly stdout?: number;
  readonly stderr?: number;
  /** Descriptors that the keeper holds for the next controller as long as the process lives. */
  readonly keep?: ReadonlyArray<{ readonly label: string; readonly fd: number }>;
  readonly isNewSession?: boolean;
  readonly isNoNewPrivs?: boolean;
  readonly confinement?: ServiceConfinement;
  readonly cgroupLimits?: CgroupLimits;
}

export interface SignalRequest {
  readonly pid: number;
  readonly startTicks: number;
  readonly signal: number;
  readonly isGroup: boolean;
  /** A stop: how long after the end of the process what it started may live on. */
  readonly leftoversMs?: number;
}

/**
 * What the keeper is asked. Notes and acknowledgements of one turn of the event loop travel together
 * and take effect together. Once the keeper is gone no answer ever comes: the controller has nothing
 * left to decide.
 */
export interface KeeperLink {
  /** Descriptors of the services that live, for a keeper that takes over. */
  readonly descriptors: ServiceDescriptors;
  /** Tells the keeper that the controller serves the socket. */
  ready(): void;
  /** Starts a service. */
  spawn(request: ServiceSpawn): Promise<SpawnAnswer>;
  /** Sends a signal to a service that the keeper has not reaped. */
  signal(request: SignalRequest): Promise<SignalResult>;
  /** The exit with this serial was taken note of. */
  acknowledge(serial: number): void;
  /** Keeps a note for the next controller; an empty value removes it. */
  store(key: string, value: string): void;
  /**
   * Makes the keeper become another program as soon as the controller ends.
   * @returns why it will not, as a code of errno; empty when it will.
   */
  upgrade(program: string, words: readonly string[]): Promise<string>;
  /** Limits of a group whose services an earlier keeper may have started. */
  limitGroup(name: string, limits: CgroupLimits): void;
  /** A group is no more; with `isKilled` what its services left running is ended. */
  forgetGroup(name: string, isKilled: boolean): void;
  /** Everything is stopped: the keeper ends, and so should the caller. */
  stopped(): void;
}

/** Events other than answers, which settle their promises; `closed` when the keeper is gone. */
export type LinkEvent =
  | Exclude<KeeperEvent, { kind: 'answer' } | { kind: 'signalled' } | { kind: 'upgrading' }>
  | { readonly kind: 'closed' };

export type KeeperAddon = Pick<NativeAddon, 'keeperConnect' | 'keeperSend' | 'fdDuplicate'>;

/** Notes that wait are sent when they have grown to this; the limit of a packet is twice as much. */
const BATCH_BYTES = 64 * 1024;
const MAX_NOTE_BYTES = 120 * 1024;

/**
 * Connects to the keeper over the descriptor that it gave us and says hello; the welcome and the
 * table of processes come as events. `listenFd` is marked close-on-exec.
 */
export function connectKeeper(
  channel: { readonly fd: number; readonly listenFd?: number },
  onEvent: (event: LinkEvent) => void,
  addon: KeeperAddon = loadNative(),
): KeeperLink {
  const link = new Link(onEvent, addon);
  addon.keeperConnect(channel, (data, fds) => link.receive(data, fds));
  link.hello();
  return link;
}

/** The fields and descriptors of a `spawn` message; exported for tests. */
export function encodeServiceSpawn(
  id: number,
  request: ServiceSpawn,
): { readonly message: KeeperMessage; readonly fds: readonly number[] } {
  const fds: number[] = [];
  const attach = (fd: number) => String(fds.includes(fd) ? fds.indexOf(fd) : fds.push(fd) - 1);
  const fields: Array<[string, string]> = [
    ['id', String(id)],
    ['name', request.name],
    ...encodeTag(request.tag),
    ['file', request.file],
    ...request.args.map((word): [string, string] => ['arg', word]),
    ...request.env.map((word): [string, string] => ['env', word]),
    ['cwd', request.cwd ?? '/'],
    ...encodeUser(request.user),
    ...encodeLimits(request.limits ?? []),
  ];
  if (request.umask !== undefined) fields.push(['umask', String(request.umask)]);
  for (const stream of ['stdin', 'stdout', 'stderr'] as const) {
    const fd = request[stream];
    if (fd !== undefined) fields.push([stream, attach(fd)]);
  }
  for (const { label, fd } of request.keep ?? []) fields.push(['keep', `${attach(fd)}:${label}`]);
  if (request.isNewSession) fields.push(['session', '1']);
  if (request.isNoNewPrivs || request.confinement !== undefined) {
    fields.push(['no-new-privs', '1']);
  }
  fields.push(...encodeConfinement(request.confinement), ...encodeCgroup(request.cgroupLimits));
  return { message: { verb: 'spawn', fields }, fds };
}

function encodeTag(tag: string | undefined): Array<[string, string]> {
  return tag === undefined ? [] : [['tag', tag]];
}

function encodeUser(user: ServiceSpawn['user']): Array<[string, string]> {
  if (user === undefined) return [];
  return [
    ['uid', String(user.uid)],
    ['gid', String(user.gid)],
    ...user.groups.map((group): [string, string] => ['group', String(group)]),
  ];
}

function encodeLimits(limits: NonNullable<ServiceSpawn['limits']>): Array<[string, string]> {
  const render = (value: number) => (Number.isFinite(value) ? String(value) : '-');
  return limits.map(({ resource, soft, hard }) => [
    'limit',
    `${resource}:${render(soft)}:${render(hard)}`,
  ]);
}

/** Notes and an acknowledgement that wait to be sent in one packet. */
class Batch {
  fields: Array<[string, string]> = [];
  bytes = 0;
  serials: number[] = [];

  get isEmpty(): boolean {
    return this.fields.length === 0 && this.serials.length === 0;
  }

  add(key: string, value: string): void {
    this.fields.push(['key', key], ['value', value]);
    this.bytes += key.length + Buffer.byteLength(value) + 16;
  }

  /** Everything that waits, which waits no more. */
  take(): Array<[string, string]> {
    const fields = this.fields;
    for (const serial of this.serials) fields.push(['ack', String(serial)]);
    this.fields = [];
    this.bytes = 0;
    this.serials = [];
    return fields;
  }
}

/**
 * Invariants: every id has one pending promise until its answer comes; notes are sent before
 * anything else that is asked after them; after the channel has closed nothing is sent.
 */
class Link implements KeeperLink {
  readonly descriptors: ServiceDescriptors;
  readonly #onEvent: (event: LinkEvent) => void;
  readonly #addon: KeeperAddon;
  readonly #spawns = new Map<number, (answer: SpawnAnswer) => void>();
  readonly #signals = new Map<number, (result: SignalResult) => void>();
  readonly #upgrades = new Map<number, (code: string) => void>();
  readonly #kept = new Map<number, NonNullable<ServiceSpawn['keep']>>();
  readonly #batch = new Batch();
  #isFlushPlanned = false;
  #lastId = 0;
  #isClosed = false;

  constructor(onEvent: (event: LinkEvent) => void, addon: KeeperAddon) {
    this.#onEvent = onEvent;
    this.#addon = addon;
    this.descriptors = new ServiceDescriptors(addon);
  }

  hello(): void {
    this.#send('hello', [
      ['protocol', '1'],
      ['pid', String(process.pid)],
    ]);
  }

  ready(): void {
    this.#send('ready', []);
  }

  spawn(request: ServiceSpawn): Promise<SpawnAnswer> {
    const id = ++this.#lastId;
    const { message, fds } = encodeServiceSpawn(id, request);
    if (request.keep !== undefined) {
      // Ours, since those of the caller may be closed before the answer comes.
      this.#kept.set(id, this.descriptors.copy(request.keep));
    }
    return this.#ask(this.#spawns, id, message, fds);
  }

  signal(request: SignalRequest): Promise<SignalResult> {
    const id = ++this.#lastId;
    const fields: Array<[string, string]> = [
      ['id', String(id)],
      ['pid', String(request.pid)],
      ['start', String(request.startTicks)],
      ['signal', String(request.signal)],
      ['group', request.isGroup ? '1' : '0'],
    ];
    if (request.leftoversMs !== undefined) {
      fields.push(['leftovers', String(request.leftoversMs)]);
    }
    return this.#ask(this.#signals, id, { verb: 'signal', fields }, []);
  }

  acknowledge(serial: number): void {
    this.#batch.serials.push(serial);
    this.#planFlush();
  }

  store(key: string, value: string): void {
    if (Buffer.byteLength(value) > MAX_NOTE_BYTES) {
      const text = `The note ${key} is too long for the keeper (${value.length} characters).`;
      throw new SlaposError('SLAPOS_ERR_SUPERVISOR', text);
    }
    if (this.#batch.bytes + value.length > BATCH_BYTES) this.#flush();
    this.#batch.add(key, value);
    this.#planFlush();
  }

  upgrade(program: string, words: readonly string[]): Promise<string> {
    const id = ++this.#lastId;
    const fields: Array<[string, string]> = [
      ['id', String(id)],
      ['program', program],
      ...words.map((word): [string, string] => ['word', word]),
    ];
    return this.#ask(this.#upgrades, id, { verb: 'upgrade', fields }, []);
  }

  limitGroup(name: string, limits: CgroupLimits): void {
    this.#send('limit', [['group', name], ...encodeCgroup(limits)]);
  }

  forgetGroup(name: string, isKilled: boolean): void {
    this.#send('forget', [
      ['group', name],
      ['kill', isKilled ? '1' : '0'],
    ]);
  }

  stopped(): void {
    this.#send('stopped', []);
  }

  /** A packet, or null when the keeper closed the channel. */
  receive(data: Uint8Array | null, fds: readonly number[]): void {
    if (data === null) {
      this.#close();
      return;
    }
    const event = decodeKeeperEvent(decodeKeeperMessage(data), fds);
    if (event?.kind === 'answer') this.#settleSpawn(event.id, event.answer);
    else if (event?.kind === 'signalled') this.#settle(this.#signals, event.id, event.result);
    else if (event?.kind === 'upgrading') this.#settle(this.#upgrades, event.id, event.code);
    else if (event !== undefined) {
      if (event.kind === 'child') {
        const { process, pidfd, kept } = event;
        this.descriptors.add(process, pidfd, this.descriptors.copy(kept));
      } else if (event.kind === 'exit') this.descriptors.drop(event.exit);
      this.#onEvent(event);
    }
  }

  #settleSpawn(id: number, answer: SpawnAnswer): void {
    const kept = this.#kept.get(id) ?? [];
    this.#kept.delete(id);
    if (answer.kind === 'spawned') this.descriptors.add(answer.process, answer.pidfd, kept);
    else this.descriptors.close(kept);
    this.#settle(this.#spawns, id, answer);
  }

  #ask<Answer>(
    table: Map<number, (answer: Answer) => void>,
    id: number,
    message: KeeperMessage,
    fds: readonly number[],
  ): Promise<Answer> {
    return new Promise((resolve, reject) => {
      table.set(id, resolve);
      try {
        this.#send(message.verb, message.fields, fds);
      } catch (error) {
        table.delete(id);
        reject(error);
      }
    });
  }

  #settle<Answer>(table: Map<number, (answer: Answer) => void>, id: number, answer: Answer): void {
    table.get(id)?.(answer);
    table.delete(id);
  }

  #planFlush(): void {
    if (this.#isFlushPlanned) return;
    this.#isFlushPlanned = true;
    queueMicrotask(() => {
      this.#isFlushPlanned = false;
      this.#flush();
    });
  }

  #flush(): void {
    if (!this.#batch.isEmpty) this.#sendNow('store', this.#batch.take(), []);
  }

  #send(verb: string, fields: KeeperMessage['fields'], fds: readonly number[] = []): void {
    this.#flush();
    this.#sendNow(verb, fields, fds);
  }

  #sendNow(verb: string, fields: KeeperMessage['fields'], fds: readonly number[]): void {
    if (this.#isClosed) return;
    try {
      this.#addon.keeperSend({ data: encodeKeeperMessage({ verb, fields }), fds });
    } catch (error) {
      // The keeper has died; `closed` is on its way to us.
      if (errorCode(error) !== 'ENOTCONN') throw error;
    }
  }

  #close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#onEvent({ kind: 'closed' });
  }
}
