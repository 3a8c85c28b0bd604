/**
 * The controller's end of the channel to the keeper: requests with their answers, and events.
 * `docs/keeper-protocol.md` describes the messages.
 */
import { SlaposError } from '../errors/slapos-error.ts';
import {
  decodeKeeperEvent,
  type KeeperEvent,
  type SignalResult,
  type SpawnAnswer,
} from './keeper-event.ts';
import { decodeKeeperMessage, encodeKeeperMessage, type KeeperMessage } from './keeper-message.ts';
import { loadNative, type NativeAddon } from './native.ts';

/** What a service may not do although its user could. */
export interface ServiceConfinement {
  readonly isNoNewPrivs: true;
  /** Refuse the system calls that no service needs. */
  readonly isCallFiltered: boolean;
  /** Folders beneath which files may be changed; undefined: wherever the user may. */
  readonly writable: readonly string[] | undefined;
  /** Trees that cannot be written. */
  readonly readOnly: readonly string[];
  /** Folder to see as `/tmp` and `/var/tmp`. */
  readonly privateTmp: string | undefined;
}

/** A service to start. Descriptors are sent as copies: the caller closes its own afterwards. */
export interface ServiceSpawn {
  /** Name of the process, `group:name`; unique among those that live. */
  readonly name: string;
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
}

export interface SignalRequest {
  readonly pid: number;
  readonly startTicks: number;
  readonly signal: number;
  readonly isGroup: boolean;
}

export interface KeeperLink {
  /** Tells the keeper that the controller serves the socket. */
  ready(): void;
  /** Starts a service. Rejects only when the keeper is gone. */
  spawn(request: ServiceSpawn): Promise<SpawnAnswer>;
  /** Sends a signal to a service that the keeper has not reaped. */
  signal(request: SignalRequest): Promise<SignalResult>;
  /** Every exit up to this serial was taken note of. */
  acknowledge(serial: number): void;
  /** Keeps a note for the next controller; an empty value removes it. */
  store(key: string, value: string): void;
  /** Everything is stopped: the keeper ends, and so should the caller. */
  stopped(): void;
}

/** Events other than answers, which settle their promises; `closed` when the keeper is gone. */
export type LinkEvent =
  | Exclude<KeeperEvent, { kind: 'answer' } | { kind: 'signalled' }>
  | { readonly kind: 'closed' };

export type KeeperAddon = Pick<NativeAddon, 'keeperConnect' | 'keeperSend'>;

interface Pending<Answer> {
  readonly resolve: (answer: Answer) => void;
  readonly reject: (error: Error) => void;
}

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
  fields.push(...encodeConfinement(request.confinement));
  return { message: { verb: 'spawn', fields }, fds };
}

function encodeConfinement(confinement: ServiceConfinement | undefined): Array<[string, string]> {
  if (confinement === undefined) return [];
  const { isCallFiltered, privateTmp, readOnly, writable = [] } = confinement;
  return [
    ...writable.map((path): [string, string] => ['writable', path]),
    ...readOnly.map((path): [string, string] => ['read-only', path]),
    ...(privateTmp === undefined ? [] : [['private-tmp', privateTmp] as [string, string]]),
    ...(isCallFiltered ? [['seccomp', '1'] as [string, string]] : []),
  ];
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

/**
 * Invariants: every id has one pending promise until its answer comes or the channel closes; after
 * that nothing is sent.
 */
class Link implements KeeperLink {
  readonly #onEvent: (event: LinkEvent) => void;
  readonly #addon: KeeperAddon;
  readonly #spawns = new Map<number, Pending<SpawnAnswer>>();
  readonly #signals = new Map<number, Pending<SignalResult>>();
  #lastId = 0;
  #isClosed = false;

  constructor(onEvent: (event: LinkEvent) => void, addon: KeeperAddon) {
    this.#onEvent = onEvent;
    this.#addon = addon;
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
    return this.#ask(this.#signals, id, { verb: 'signal', fields }, []);
  }

  acknowledge(serial: number): void {
    this.#send('ack', [['serial', String(serial)]]);
  }

  store(key: string, value: string): void {
    this.#send('store', [
      ['key', key],
      ['value', value],
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
    if (event?.kind === 'answer') this.#settle(this.#spawns, event.id, event.answer);
    else if (event?.kind === 'signalled') this.#settle(this.#signals, event.id, event.result);
    else if (event !== undefined) this.#onEvent(event);
  }

  #ask<Answer>(
    table: Map<number, Pending<Answer>>,
    id: number,
    message: KeeperMessage,
    fds: readonly number[],
  ): Promise<Answer> {
    return new Promise((resolve, reject) => {
      if (this.#isClosed) return reject(keeperGone());
      table.set(id, { resolve, reject });
      try {
        this.#addon.keeperSend({ data: encodeKeeperMessage(message), fds });
      } catch (error) {
        table.delete(id);
        reject(error);
      }
    });
  }

  #settle<Answer>(table: Map<number, Pending<Answer>>, id: number, answer: Answer): void {
    table.get(id)?.resolve(answer);
    table.delete(id);
  }

  #send(verb: string, fields: KeeperMessage['fields']): void {
    if (this.#isClosed) return;
    this.#addon.keeperSend({ data: encodeKeeperMessage({ verb, fields }), fds: [] });
  }

  #close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    for (const { reject } of [...this.#spawns.values(), ...this.#signals.values()]) {
      reject(keeperGone());
    }
    this.#spawns.clear();
    this.#signals.clear();
    this.#onEvent({ kind: 'closed' });
  }
}

function keeperGone(): SlaposError {
  return new SlaposError('SLAPOS_ERR_SUPERVISOR', 'The keeper (slapos-supervisord) is gone.');
}
