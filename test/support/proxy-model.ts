/**
 * A plain model of a proxy: the request semantics of spec/proxy.md 7.1 to 7.3 and 8 on a list of
 * partitions, with what docs/proxy.md decides otherwise. No database, no XML, no time.
 */

/** A partition of a computer, such as `COMP-1/slappart0`. */
export type Place = `${string}/${string}`;
type Texts = Readonly<Record<string, string>>;
type State = 'started' | 'stopped' | 'destroyed';

export interface Wanted {
  readonly title: string;
  /** Partition that asks, null for a user. */
  readonly from: Place | null;
  readonly state: State | null;
  readonly software: string;
  readonly type: string;
  readonly parameters: Texts;
  readonly computer: string | null;
}

export type Command =
  | ({ readonly kind: 'request' } & Wanted)
  | ({ readonly kind: 'share'; readonly host: string | null } & Wanted)
  | { readonly kind: 'destroyed' | 'bang'; readonly at: Place }
  | { readonly kind: 'rename'; readonly at: Place; readonly title: string }
  | {
      readonly kind: 'publish';
      readonly at: Place;
      readonly slave: string | null;
      readonly connection: Texts;
    }
  | { readonly kind: 'format'; readonly computer: string; readonly count: number };

export interface Outcome {
  readonly status: number;
  /** Of a request: where, '/' for nowhere. */
  readonly place?: string;
  readonly state?: string;
  readonly connection?: Texts;
  readonly text?: string;
  /** Whether the specification of slapproxy 1.24 or 1.26 itself says something else. */
  readonly isDecided?: boolean;
}

export interface Slot {
  readonly place: Place;
  title: string | null;
  root: string;
  state: State;
  software: string;
  type: string;
  parameters: Texts;
  connection: Texts;
  slaves: Array<{ readonly reference: string; readonly type: string; readonly parameters: Texts }>;
  /** Counts the changes of the timestamp. */
  stamp: number;
}

interface Slave {
  readonly reference: string;
  readonly computer: string;
  host: Place;
  connection: Texts;
}

export const DEFAULT_COMPUTER = 'COMP-1';
const EMPTY = { title: null, root: '', state: 'started', software: '', type: '' } as const;
const computerOf = (place: Place) => place.split('/')[0] ?? '';
const idOf = (place: Place) => place.split('/')[1] ?? '';
const typeName = (type: string) => (type === 'RootSoftwareInstance' ? 'default' : type);
const isSame = (left: unknown, right: unknown) => JSON.stringify(left) === JSON.stringify(right);
const sorted = (texts: Texts): Texts => Object.fromEntries(Object.entries(texts).sort());

export class ProxyModel {
  slots: Slot[] = [];
  slaves: Slave[] = [];

  /** A model in the same state, to see what a command would do. */
  copy(): ProxyModel {
    const model = new ProxyModel();
    model.slots = structuredClone(this.slots);
    model.slaves = structuredClone(this.slaves);
    return model;
  }

  run(command: Command): Outcome {
    if (command.kind === 'format') return this.#format(command.computer, command.count);
    if (command.kind === 'request') return this.#request(command);
    if (command.kind === 'share') return this.#share(command);
    if (command.kind === 'destroyed') return this.#destroyed(command.at);
    if (command.kind === 'rename') return this.#rename(command.at, command.title);
    if (command.kind === 'publish') return this.#publish(command);
    return this.#bang(command.at);
  }

  #find(title: string, root: string): Slot | undefined {
    return this.slots.find((slot) => slot.title === title && slot.root === root);
  }

  /** The instance at a place. */
  #instance(place: Place): Slot | undefined {
    return this.slots.find((slot) => slot.place === place && slot.title !== null);
  }

  /** Title of the root of the tree of who asks; undefined for a partition without instance. */
  #asker(from: Place | null): string | undefined {
    if (from === null) return '';
    const slot = this.#instance(from);
    return slot === undefined ? undefined : slot.root || (slot.title ?? '');
  }

  #request(wanted: Wanted): Outcome {
    const root = this.#asker(wanted.from);
    if (root === undefined) return { status: 404, isDecided: true };
    const known = this.#find(wanted.title, root);
    if (known === undefined && wanted.state === 'destroyed') {
      return { status: 200, place: '/', state: 'destroyed', isDecided: true };
    }
    const slot = known ?? this.#allocate(wanted, root);
    if (slot === undefined) return { status: 404 };
    const { state, isDecided } = this.#effectiveState(slot, wanted.state);
    const type = wanted.type || 'default';
    const next = { state, software: wanted.software, type, parameters: sorted(wanted.parameters) };
    const { software, parameters } = slot;
    if (!isSame({ state: slot.state, software, type: slot.type, parameters }, next))
      slot.stamp += 1;
    Object.assign(slot, next);
    const { place, connection } = slot;
    const isTypeDecided = known !== undefined && wanted.type === '';
    return { status: 200, place, state, connection, isDecided: isDecided || isTypeDecided };
  }

  #allocate({ title, computer }: Wanted, root: string): Slot | undefined {
    const wanted = computer ?? DEFAULT_COMPUTER;
    const free = this.slots.find(
      (slot) => computerOf(slot.place) === wanted && slot.title === null,
    );
    return free && Object.assign(free, { title, root });
  }

  #effectiveState(slot: Slot, wanted: State | null): { state: State; isDecided: boolean } {
    if (slot.root === '') {
      return {
        state: wanted ?? slot.state,
        isDecided: wanted === null && slot.state !== 'started',
      };
    }
    const root = this.#find(slot.root, '');
    if (root !== undefined && root.state !== 'started') {
      // Upstream does so from the second request of a child on.
      return { state: root.state, isDecided: slot.software === '' };
    }
    return { state: wanted ?? 'started', isDecided: wanted === null && slot.state !== 'started' };
  }

  #share(wanted: Wanted & { readonly host: string | null }): Outcome {
    const root = this.#asker(wanted.from);
    if (root === undefined) return { status: 404, isDecided: true };
    const reference = `${root}_${wanted.title}`;
    const computer = wanted.computer ?? DEFAULT_COMPUTER;
    const known = this.slaves.find(
      (row) => row.reference === reference && row.computer === computer,
    );
    if (wanted.state === 'destroyed') return this.#unshare(known);
    const hosts = this.slots.filter((slot) => isHost(slot, wanted, computer));
    const [first] = hosts;
    if (first === undefined) return { status: 404 };
    const host = hosts.find((slot) => slot.place === known?.host) ?? first;
    const isLeft = known !== undefined && known.host !== host.place;
    if (isLeft) this.#leave(known);
    const { type } = wanted;
    const entry = { reference, type, parameters: sorted(wanted.parameters) };
    const index = host.slaves.findIndex((other) => other.reference === reference);
    const next = index < 0 ? [...host.slaves, entry] : host.slaves.with(index, entry);
    if (!isSame(next, host.slaves)) host.stamp += 1;
    host.slaves = next;
    const row = known ?? { reference, computer, host: host.place, connection: {} };
    row.host = host.place;
    if (known === undefined) this.slaves.push(row);
    const isAlias = typeName(type) !== type || typeName(host.type) !== host.type;
    const isDecided = isLeft || host !== first || isAlias;
    const { place } = host;
    return { status: 200, place, state: 'started', connection: row.connection, isDecided };
  }

  #unshare(known: Slave | undefined): Outcome {
    if (known === undefined) {
      return { status: 200, place: '/', state: 'destroyed', isDecided: true };
    }
    this.#leave(known);
    this.slaves = this.slaves.filter((row) => row !== known);
    const { host, connection } = known;
    return { status: 200, place: host, state: 'destroyed', connection, isDecided: true };
  }

  #leave({ host, reference }: Slave): void {
    const slot = this.slots.find(({ place }) => place === host);
    if (slot === undefined) return;
    const left = slot.slaves.filter((entry) => entry.reference !== reference);
    if (left.length !== slot.slaves.length) slot.stamp += 1;
    slot.slaves = left;
  }

  #destroyed(at: Place): Outcome {
    const slot = this.slots.find(({ place }) => place === at);
    if (slot === undefined) {
      return { status: 200, text: `Unknown partition '${idOf(at)}' on '${computerOf(at)}'` };
    }
    const children = slot.root === '' && slot.title !== null ? this.#children(slot.title) : [];
    if (children.length > 0) {
      for (const child of children) child.state = 'destroyed';
      const names = children
        .map(({ title }) => title)
        .sort()
        .join(', ');
      const text = `Not destroying yet because this partition has child partitions: ${names}`;
      return { status: 200, text };
    }
    const isDecided = this.slaves.some(({ host }) => host === at);
    this.slaves = this.slaves.filter(({ host }) => host !== at);
    Object.assign(slot, EMPTY, { parameters: {}, connection: {}, slaves: [] });
    return { status: 200, text: 'OK', isDecided };
  }

  #children(title: string): Slot[] {
    return this.slots.filter((slot) => slot.root === title);
  }

  #rename(at: Place, title: string): Outcome {
    const slot = this.#instance(at);
    if (slot === undefined) {
      return {
        status: 200,
        text: `Unknown partition '${idOf(at)}' on '${computerOf(at)}'`,
        isDecided: true,
      };
    }
    const other = this.#find(title, slot.root);
    if (other !== undefined && other !== slot) return { status: 400, isDecided: true };
    const children = slot.root === '' ? this.#children(slot.title ?? '') : [];
    for (const child of children) child.root = title;
    slot.title = title;
    return { status: 200, text: 'done' };
  }

  #bang(at: Place): Outcome {
    const slot = this.#instance(at);
    if (slot !== undefined) {
      const title = slot.root || (slot.title ?? '');
      const root = this.#find(title, '');
      for (const member of [...(root ? [root] : []), ...this.#children(title)]) member.stamp += 1;
    }
    return { status: 200, text: 'OK' };
  }

  #publish({ at, slave, connection }: Extract<Command, { kind: 'publish' }>): Outcome {
    const slot = this.#instance(at);
    if (slave === null) {
      if (slot !== undefined) slot.connection = connection;
      return { status: 200, text: 'done', isDecided: slot === undefined };
    }
    const rows = this.slaves.filter(({ reference }) => reference === slave);
    const row = rows.find(({ computer }) => computer === computerOf(at));
    const isServed = slot?.slaves.some(({ reference }) => reference === slave) === true;
    if (row !== undefined && isServed) Object.assign(row, { connection, host: at });
    const isPlain = rows.length === 0 || (rows.length === 1 && row !== undefined && isServed);
    return { status: 200, text: 'done', isDecided: !isPlain };
  }

  #format(computer: string, count: number): Outcome {
    const listed = Array.from(
      { length: count },
      (_, index): Place => `${computer}/slappart${index}`,
    );
    const isGone = ({ place, title }: Slot) =>
      computerOf(place) === computer && !listed.includes(place) && title === null;
    const isKept = this.slots.some(
      ({ place, title }) =>
        computerOf(place) === computer && !listed.includes(place) && title !== null,
    );
    this.slots = this.slots.filter((slot) => !isGone(slot));
    for (const place of listed) {
      if (this.slots.some((slot) => slot.place === place)) continue;
      this.slots.push({ place, ...EMPTY, parameters: {}, connection: {}, slaves: [], stamp: 0 });
    }
    return { status: 200, text: 'done', isDecided: isKept };
  }
}

function isHost(slot: Slot, wanted: Wanted & { readonly host: string | null }, computer: string) {
  if (computerOf(slot.place) !== computer || slot.title === null) return false;
  if (slot.software !== wanted.software) return false;
  if (wanted.type !== '' && typeName(slot.type) !== typeName(wanted.type)) return false;
  return (
    wanted.host === null || [idOf(slot.place), slot.place.replace('/', '-')].includes(wanted.host)
  );
}
