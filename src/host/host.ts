/**
 * The port through which verbs touch the machine. Plans are computed from what it observes, and
 * only `apply` code calls the parts that change something. Tests put a fake in its place.
 *
 * Everything here concerns the host's own, root-owned paths; paths inside a partition go through
 * `src/host/file.ts`, which never follows a link of the partition's user.
 */
import type { HostError } from '../errors/slapos-error.ts';
import type { AccountTransaction } from './native.ts';
import type {
  NativeAddress,
  NativeLink,
  NativeRoute,
  NetlinkOperation,
  TuntapDevice,
} from './network/native-network.ts';

/** Result of one operation of a batch; `error` is undefined when it succeeded. */
export interface OperationResult<Operation> {
  readonly operation: Operation;
  readonly error: HostError | undefined;
}

/** What the kernel knows about the network of our namespace. */
export interface NetworkState {
  readonly links: readonly NativeLink[];
  readonly addresses: readonly NativeAddress[];
  readonly routes: readonly NativeRoute[];
}

export interface DadAddress {
  readonly dev: string;
  readonly address: string;
}

/** An address whose duplicate address detection (RFC 4862 5.4) did not end well in time. */
export interface DadResult extends DadAddress {
  readonly state: 'tentative' | 'dadfailed' | 'missing';
}

export interface HostNetwork {
  /**
   * Links, addresses and routes in one pass; everything unless told otherwise.
   * @throws HostError SLAPOS_ERR_NETLINK
   */
  dump(wanted?: {
    readonly links?: boolean;
    readonly addresses?: boolean;
    readonly routes?: boolean;
  }): Promise<NetworkState>;
  /**
   * Applies operations in the order given; a refused one does not stop those after it.
   * @throws HostError SLAPOS_ERR_NETLINK when the kernel cannot be talked to at all.
   */
  apply(
    operations: readonly NetlinkOperation[],
  ): Promise<ReadonlyArray<OperationResult<NetlinkOperation>>>;
  /**
   * Waits until duplicate address detection is over for all IPv6 addresses, `timeoutMs` at most.
   * Resolves to those that are not usable; a tap without carrier stays tentative for ever.
   * @throws HostError SLAPOS_ERR_NETLINK
   */
  awaitDad(addresses: readonly DadAddress[], timeoutMs: number): Promise<readonly DadResult[]>;
  /**
   * Asks neighbours on a device, IPv4 or IPv6, for their link-layer address, whatever is known of
   * them, and waits for all answers, `timeoutMs` at most. Resolves to those that did not answer.
   * @throws HostError SLAPOS_ERR_NETLINK
   */
  awaitNeighbours(
    dev: string,
    addresses: readonly string[],
    timeoutMs: number,
  ): Promise<readonly string[]>;
}

export interface HostTaps {
  /**
   * Creates persistent tap or tun devices; one that exists gets the owner asked for.
   * @throws HostError SLAPOS_ERR_TUNTAP when /dev/net/tun cannot be used at all.
   */
  create(devices: readonly TuntapDevice[]): Promise<ReadonlyArray<OperationResult<TuntapDevice>>>;
  /** Deletes devices one by one, about 20 ms each: many go faster with `linkDelGroup`. */
  delete(devices: ReadonlyArray<TuntapName>): Promise<ReadonlyArray<OperationResult<TuntapName>>>;
}

export type TuntapName = Pick<TuntapDevice, 'name' | 'mode'>;

/** A line of passwd(5). */
export interface PasswdEntry {
  readonly name: string;
  readonly password: string;
  readonly uid: number;
  readonly gid: number;
  readonly gecos: string;
  readonly home: string;
  readonly shell: string;
}

/** A line of group(5). */
export interface GroupEntry {
  readonly name: string;
  readonly password: string;
  readonly gid: number;
  readonly members: readonly string[];
}

/** The part of a line of shadow(5) that we look at. */
export interface ShadowEntry {
  readonly name: string;
  readonly password: string;
}

/** A line of gshadow(5). */
export interface GshadowEntry {
  readonly name: string;
  readonly password: string;
  readonly administrators: readonly string[];
  readonly members: readonly string[];
}

/** The account files of one folder; lines that are not entries (NIS `+`, broken) are left out. */
export interface AccountState {
  readonly users: readonly PasswdEntry[];
  readonly groups: readonly GroupEntry[];
  /** Undefined when the file is missing or only root may read it. */
  readonly shadow: readonly ShadowEntry[] | undefined;
  readonly gshadow: readonly GshadowEntry[] | undefined;
}

/** Users by name or uid, groups by name or gid. */
export interface NameQuery {
  readonly users: ReadonlyArray<string | number>;
  readonly groups: ReadonlyArray<string | number>;
}

/** Those that were found, in no order. */
export interface NameAnswer {
  readonly users: readonly PasswdEntry[];
  readonly groups: readonly GroupEntry[];
}

export interface HostAccounts {
  /**
   * Reads passwd, group, shadow and gshadow of a folder, `/etc` by default.
   * @throws HostError SLAPOS_ERR_ACCOUNT when passwd or group cannot be read.
   */
  read(etc?: string): Promise<AccountState>;
  /**
   * What the name service of the host (nsswitch.conf(5)) knows of names and ids. Free of cost where
   * it is the local files alone: ask only for what {@link read} did not find.
   * @throws HostError SLAPOS_ERR_ACCOUNT when it does not answer within seconds.
   */
  lookUp(query: NameQuery): Promise<NameAnswer>;
  /**
   * Changes the account files in one locked transaction, all or nothing.
   * @throws HostError SLAPOS_ERR_ACCOUNT
   */
  apply(transaction: AccountTransaction): Promise<void>;
}

export type FileKind = 'file' | 'directory' | 'link' | 'other';

/** What lstat(2) says. */
export interface FileStatus {
  readonly kind: FileKind;
  /** Permission bits, such as 0o750. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly sizeBytes: number;
  readonly modifiedMs: number;
}

/** The host's own files. Every method throws HostError SLAPOS_ERR_FILE on refusal. */
export interface HostFiles {
  /** The whole content, or undefined when the file does not exist. */
  read(path: string): Promise<Buffer | undefined>;
  /** Like {@link read}, decoded as UTF-8. */
  readText(path: string): Promise<string | undefined>;
  /** Names in a folder, sorted; undefined when it does not exist. */
  list(path: string): Promise<readonly string[] | undefined>;
  /** Status of the path itself (a link is not followed); undefined when there is none. */
  stat(path: string): Promise<FileStatus | undefined>;
  /** Like {@link stat} of what a link leads to. */
  statTarget(path: string): Promise<FileStatus | undefined>;
  /** Like {@link stat} of many paths in one go, in their order: for local file systems. */
  statAll(paths: readonly string[]): Promise<ReadonlyArray<FileStatus | undefined>>;
  /** Creates a folder, with its parents if asked; the umask does not apply. Existing is fine. */
  mkdir(
    path: string,
    options: { readonly mode: number; readonly isRecursive?: boolean },
  ): Promise<void>;
  /**
   * Creates folders whose parents exist, or gives existing ones this mode and owner, in one go. An
   * operation that the kernel refused carries the error; the others were done.
   */
  makeFolders(
    folders: readonly FolderToMake[],
  ): Promise<ReadonlyArray<OperationResult<FolderToMake>>>;
  chmod(path: string, mode: number): Promise<void>;
  chown(path: string, uid: number, gid: number): Promise<void>;
  /**
   * Replaces a file so that readers see the old or the new content, never a part: temporary file
   * in the same folder, owner, mode, fsync(2), rename(2), fsync of the folder.
   */
  write(path: string, data: string | Uint8Array, options: WriteOptions): Promise<void>;
  /** Writes a setting of the kernel that is a file, such as those of cgroups: in place. */
  writeControl(path: string, value: string): Promise<void>;
  /** Removes a file or an empty folder, or a whole tree if asked. Missing is fine. */
  remove(path: string, options?: { readonly isRecursive?: boolean }): Promise<void>;
}

export interface FolderToMake extends WriteOptions {
  readonly path: string;
}

export interface WriteOptions {
  readonly mode: number;
  readonly uid?: number;
  readonly gid?: number;
}

export interface HostSysctl {
  /** Current value, or undefined when the kernel has no such setting. */
  read(name: string): Promise<string | undefined>;
  /**
   * Sets a kernel parameter, such as `net.ipv6.ip_nonlocal_bind` (proc_sys(5)).
   * @throws HostError SLAPOS_ERR_HOST
   */
  write(name: string, value: string): Promise<void>;
}

export interface Host {
  readonly network: HostNetwork;
  readonly taps: HostTaps;
  readonly accounts: HostAccounts;
  readonly files: HostFiles;
  readonly sysctl: HostSysctl;
}
