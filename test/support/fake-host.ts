/**
 * A machine in memory behind the Host port: enough of links, addresses, routes, devices, accounts,
 * folders and files to run `node format` against. `crashAfter` makes it die after so many changes,
 * as a process killed between two of them would leave the real one.
 */
import { constants as osConstants } from 'node:os';
import { HostError } from '../../src/errors/slapos-error.ts';
import type { PartitionFiles } from '../../src/format/ports.ts';
import type {
  AccountState,
  GroupEntry,
  Host,
  HostFiles,
  NameAnswer,
  NameQuery,
  NetworkState,
  OperationResult,
  PasswdEntry,
} from '../../src/host/host.ts';
import type { AccountTransaction } from '../../src/host/native.ts';
import type {
  NativeAddress,
  NativeLink,
  NetlinkOperation,
  TuntapDevice,
} from '../../src/host/network/native-network.ts';
import { applyUsers, findNames } from './fake-accounts.ts';
import { type FakeFile, fakeFiles, fakePartitionFiles } from './fake-files.ts';
import { FakeLinks, IFF_LOOPBACK, IFF_UP } from './fake-links.ts';

const IFA_F_DADFAILED = 0x08;

export class CrashError extends Error {}

export class FakeHost extends FakeLinks implements Host {
  readonly users = new Map<string, PasswdEntry>();
  readonly groups = new Map<string, GroupEntry>();
  readonly passwords = new Map<string, string>();
  readonly folders = new Map<string, { mode: number; uid: number; gid: number }>();
  readonly fileTable = new Map<string, FakeFile>();
  readonly settings = new Map<string, string>([['net.ipv6.ip_nonlocal_bind', '0']]);
  /** Users and groups that only a name service knows. */
  readonly outside: { users: PasswdEntry[]; groups: GroupEntry[] } = { users: [], groups: [] };
  /** Neighbours that answer, on whatever device. */
  readonly neighbours = new Set<string>();
  /** Addresses that another machine answers for. */
  readonly foreign = new Set<string>();
  /** Changes left before the machine dies; undefined for never. */
  crashAfter: number | undefined;
  changes = 0;

  constructor() {
    super();
    this.addLink('lo', { flags: IFF_UP | IFF_LOOPBACK });
    this.folders.set('/', { mode: 0o755, uid: 0, gid: 0 });
    this.fileTable.set('/etc/machine-id', { content: 'fake\n', mode: 0o444 });
    for (const name of ['root', 'daemon']) {
      const id = this.users.size;
      this.users.set(name, {
        name,
        password: 'x',
        uid: id,
        gid: id,
        gecos: '',
        home: '/',
        shell: '',
      });
      this.groups.set(name, { name, password: 'x', gid: id, members: [] });
      this.passwords.set(name, '*');
    }
  }

  /** Everything that a run may change, to compare two machines. */
  snapshot(): unknown {
    const byText = (one: unknown, other: unknown) =>
      JSON.stringify(one) < JSON.stringify(other) ? -1 : 1;
    const name = (ifindex: number) => this.links.find((one) => one.ifindex === ifindex)?.name;
    return {
      links: this.links.map(({ ifindex: _, ...link }) => link).sort(byText),
      addresses: this.addressList
        .map(({ ifindex, ...address }) => ({ ...address, dev: name(ifindex) }))
        .sort(byText),
      routes: this.routeList
        .map(({ ifindex, ...route }) => ({ ...route, dev: name(ifindex) }))
        .sort(byText),
      users: Object.fromEntries(this.users),
      groups: Object.fromEntries(this.groups),
      passwords: Object.fromEntries(this.passwords),
      folders: Object.fromEntries([...this.folders].sort(byText)),
      files: Object.fromEntries([...this.fileTable].sort(byText)),
      settings: Object.fromEntries(this.settings),
    };
  }

  readonly network = {
    dump: async (): Promise<NetworkState> => ({
      links: [...this.links],
      addresses: [...this.addressList],
      routes: [...this.routeList],
    }),
    apply: async (operations: readonly NetlinkOperation[]) =>
      this.#batch(operations, (operation) => this.applyNetlink(operation)),
    awaitDad: async (addresses: ReadonlyArray<{ dev: string; address: string }>) =>
      addresses.flatMap(({ dev, address }) => {
        if (!this.foreign.has(address)) return [];
        const at = this.addressList.findIndex((one) => one.address === address);
        this.addressList[at] = {
          ...(this.addressList[at] as NativeAddress),
          flags: 0x80 | IFA_F_DADFAILED,
        };
        return [{ dev, address, state: 'dadfailed' as const }];
      }),
    awaitNeighbours: async (_dev: string, addresses: readonly string[]) =>
      addresses.filter((address) => !this.neighbours.has(address)),
  };

  readonly taps = {
    create: async (devices: readonly TuntapDevice[]) =>
      this.#batch(devices, ({ name, mode, ownerUid }) => {
        const at = this.links.findIndex((link) => link.name === name);
        const facts = { kind: 'tun', tunMode: mode, tunOwner: ownerUid, isTunPersistent: true };
        if (at < 0) this.addLink(name, { ...facts, flags: 0, hasCarrier: false });
        else this.links[at] = { ...(this.links[at] as NativeLink), ...facts };
        return undefined;
      }),
    delete: async () => [],
  };

  readonly accounts = {
    read: async (): Promise<AccountState> => ({
      users: [...this.users.values()],
      groups: [...this.groups.values()],
      shadow: [...this.passwords].map(([name, password]) => ({ name, password })),
      gshadow: undefined,
    }),
    lookUp: async (query: NameQuery): Promise<NameAnswer> => findNames(this.outside, query),
    apply: async (transaction: AccountTransaction): Promise<void> => {
      this.#change();
      for (const group of transaction.addGroups) {
        this.groups.set(group.name, { ...group, password: 'x', members: [] });
      }
      // A kill between the renames of group and passwd leaves groups without users.
      this.#change();
      applyUsers(this, transaction);
    },
  };

  readonly files: HostFiles = fakeFiles(this, () => this.#change());

  readonly sysctl = {
    read: async (name: string) => this.settings.get(name),
    write: async (name: string, value: string) => {
      this.#change();
      this.settings.set(name, value);
    },
  };

  readonly partitionFiles: PartitionFiles = fakePartitionFiles(this.files);

  #change(): void {
    if (this.crashAfter !== undefined && this.changes >= this.crashAfter) throw new CrashError();
    this.changes += 1;
  }

  async #batch<Operation>(
    operations: readonly Operation[],
    act: (operation: Operation) => string | undefined,
  ): Promise<Array<OperationResult<Operation>>> {
    return operations.map((operation) => {
      this.#change();
      const problem = act(operation);
      const error =
        problem === undefined
          ? undefined
          : new HostError('SLAPOS_ERR_NETLINK', `${problem}: ${JSON.stringify(operation)}`, {
              errno: osConstants.errno[problem as 'EEXIST'] ?? 0,
            });
      return { operation, error };
    });
  }
}
