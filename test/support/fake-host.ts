/**
 * A machine in memory behind the Host port: enough of links, addresses, routes, devices, accounts,
 * folders and files to run `node format` against. `crashAfter` makes it die after so many changes,
 * as a process killed between two of them would leave the real one.
 */
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
  NativeRoute,
  NetlinkOperation,
  TuntapDevice,
} from '../../src/host/native-network.ts';
import { RTPROT_SLAPOS } from '../../src/host/native-network.ts';
import { applyUsers, findNames } from './fake-accounts.ts';
import { type FakeFile, fakeFiles, fakePartitionFiles } from './fake-files.ts';

const IFF_UP = 0x1;
const IFF_LOOPBACK = 0x8;
const IFA_F_DADFAILED = 0x08;

export class CrashError extends Error {}

export class FakeHost implements Host {
  readonly links: NativeLink[] = [];
  readonly addressList: NativeAddress[] = [];
  readonly routeList: NativeRoute[] = [];
  readonly users = new Map<string, PasswdEntry>();
  readonly groups = new Map<string, GroupEntry>();
  readonly passwords = new Map<string, string>();
  readonly folders = new Map<string, { mode: number; uid: number; gid: number }>();
  readonly fileTable = new Map<string, FakeFile>();
  readonly settings = new Map<string, string>([['net.ipv6.ip_nonlocal_bind', '0']]);
  /** Users and groups that only a name service knows. */
  readonly outside: { users: PasswdEntry[]; groups: GroupEntry[] } = { users: [], groups: [] };
  /** Addresses that another machine answers for. */
  readonly foreign = new Set<string>();
  /** Changes left before the machine dies; undefined for never. */
  crashAfter: number | undefined;
  changes = 0;

  constructor() {
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

  addLink(name: string, facts: Partial<NativeLink> = {}): void {
    this.links.push({
      ifindex: Math.max(0, ...this.links.map(({ ifindex }) => ifindex)) + 1,
      name,
      flags: IFF_UP,
      hasCarrier: true,
      master: 0,
      kind: '',
      mac: '02:00:00:00:00:01',
      mtu: 1500,
      group: 0,
      tunMode: '',
      tunOwner: -1,
      isTunPersistent: false,
      ...facts,
    });
  }

  addAddress(dev: string, address: string, prefixLength: number, flags = 0x80): void {
    const family = address.includes(':') ? 6 : 4;
    const ifindex = this.#link(dev).ifindex;
    this.addressList.push({ ifindex, family, address, prefixLength, scope: 0, flags });
  }

  removeAddress(address: string): void {
    const at = this.addressList.findIndex((one) => one.address === address);
    if (at >= 0) this.addressList.splice(at, 1);
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
      this.#batch(operations, (operation) => this.#applyNetlink(operation)),
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

  #link(name: string): NativeLink {
    const link = this.links.find((one) => one.name === name);
    if (link === undefined) throw new Error(`no link ${name}`);
    return link;
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
          : new HostError('SLAPOS_ERR_NETLINK', `${problem}: ${JSON.stringify(operation)}`, {});
      return { operation, error };
    });
  }

  #applyNetlink(operation: NetlinkOperation): string | undefined {
    switch (operation.op) {
      case 'linkSet':
        return this.#setLink(operation);
      case 'linkAdd':
        if (this.links.some(({ name }) => name === operation.dev)) return 'EEXIST';
        this.addLink(operation.dev, { kind: 'bridge', flags: 0, mac: operation.mac ?? '' });
        return undefined;
      case 'linkDelGroup':
        return this.#deleteGroup(operation.group);
      case 'addrAdd':
        return this.#addAddress(operation);
      case 'addrDel':
        return this.#removeOne(
          this.addressList,
          (one) =>
            one.ifindex === this.#link(operation.dev).ifindex &&
            one.address === operation.address &&
            one.prefixLength === operation.prefixLength,
        );
      case 'routeAdd':
        return this.#addRoute(operation);
      case 'routeDel':
        return this.#removeOne(
          this.routeList,
          (one) =>
            one.destination === operation.destination &&
            one.prefixLength === operation.prefixLength &&
            one.ifindex === this.#link(operation.dev).ifindex &&
            one.gateway === (operation.gateway ?? ''),
        );
      default:
        return 'not known here';
    }
  }

  #setLink({ dev, isUp, group, master }: Extract<NetlinkOperation, { op: 'linkSet' }>): undefined {
    const link = this.#link(dev);
    this.links[this.links.indexOf(link)] = {
      ...link,
      flags: isUp === true ? link.flags | IFF_UP : link.flags,
      group: group ?? link.group,
      master: this.#masterOf(master) ?? link.master,
    };
  }

  #deleteGroup(group: number): string | undefined {
    const gone = this.links.filter((link) => link.group === group);
    for (const link of gone) {
      this.links.splice(this.links.indexOf(link), 1);
      for (const list of [this.addressList, this.routeList]) {
        const left = list.filter(({ ifindex }) => ifindex !== link.ifindex);
        list.splice(0, list.length, ...(left as never[]));
      }
    }
    return gone.length === 0 ? 'ENODEV' : undefined;
  }

  /** '' is no bridge; undefined leaves things as they are. */
  #masterOf(bridge: string | undefined): number | undefined {
    if (bridge === undefined || bridge === '') return bridge === '' ? 0 : undefined;
    return this.#link(bridge).ifindex;
  }

  #addAddress(change: { dev: string; address: string; prefixLength: number }): string | undefined {
    const { ifindex } = this.#link(change.dev);
    const isThere = this.addressList.some(
      ({ ifindex: index, address, prefixLength }) =>
        index === ifindex &&
        address === change.address &&
        (address.includes(':') || prefixLength === change.prefixLength),
    );
    if (isThere) return 'EEXIST';
    this.addAddress(change.dev, change.address, change.prefixLength);
    return undefined;
  }

  #addRoute(change: Extract<NetlinkOperation, { op: 'routeAdd' | 'routeReplace' | 'routeDel' }>) {
    const link = this.#link(change.dev);
    if ((link.flags & IFF_UP) === 0) return 'ENETDOWN';
    const { family, destination, prefixLength, gateway = '', table = 254, type = 1 } = change;
    const isThere = this.routeList.some(
      (one) =>
        one.destination === destination && one.prefixLength === prefixLength && one.table === table,
    );
    if (isThere) return 'EEXIST';
    this.routeList.push({
      family,
      destination,
      prefixLength,
      gateway,
      table,
      type,
      ifindex: link.ifindex,
      protocol: RTPROT_SLAPOS,
      metric: 1024,
    });
    return undefined;
  }

  #removeOne<Item>(list: Item[], matches: (item: Item) => boolean): string | undefined {
    const at = list.findIndex(matches);
    if (at < 0) return 'ESRCH';
    list.splice(at, 1);
    return undefined;
  }
}
