/**
 * Walks: a node whose configuration and host change again and again. Each must end as a fresh machine
 * with the last configuration, but for what spec/format.md says is kept, written down here.
 */
import { decodeMarshal } from '../../src/slap/unmarshal.ts';

export const PREFIXES = [
  ['2001:db8:aaaa::1', 48],
  ['2001:db8:bbbb::1', 48],
  ['2001:db8:cccc:1::1', 64],
] as const;
export const GATEWAY = ['10.8.0.1', 24] as const;

/** A configuration, and the network of the host that it is for. */
export interface WalkNode {
  readonly amount: number;
  readonly userBase: 'slapuser' | 'other';
  readonly prefix: 0 | 1 | 2;
  /** What carries the prefix of the host. */
  readonly uplink: 'br0' | 'up0';
  readonly interfaceName: 'br0' | 'br1';
  readonly createsBridge: boolean;
  readonly tapMode: 'auto' | 'routed' | 'bridged';
  readonly hasTaps: boolean;
  readonly isTapIpv6: boolean;
  readonly hasTapGateway: boolean;
  readonly hasTuns: boolean;
  readonly isTunIpv6: boolean;
  readonly hasRange: boolean;
  readonly storages: 0 | 1 | 2;
}

export const FIRST_NODE: WalkNode = {
  amount: 2,
  userBase: 'slapuser',
  prefix: 0,
  uplink: 'br0',
  interfaceName: 'br0',
  createsBridge: false,
  tapMode: 'auto',
  hasTaps: true,
  isTapIpv6: true,
  hasTapGateway: false,
  hasTuns: false,
  isTunIpv6: true,
  hasRange: true,
  storages: 0,
};

const LARGEST_AMOUNT = 6;

/** What an operator may do to a node, by name. */
export const CHANGES: ReadonlyArray<readonly [string, (node: WalkNode) => WalkNode]> = [
  ...[1, 2, 3].map((more) => [`grow by ${more}`, (node: WalkNode) => resized(node, more)] as const),
  ...[1, 2, 4].map(
    (less) => [`shrink by ${less}`, (node: WalkNode) => resized(node, -less)] as const,
  ),
  ...setting('prefix', [0, 1, 2]),
  ...setting('userBase', ['slapuser', 'other']),
  ...setting('uplink', ['br0', 'up0']),
  ...setting('interfaceName', ['br0', 'br1']),
  ...setting('createsBridge', [true, false]),
  ...setting('tapMode', ['auto', 'routed', 'bridged']),
  ...setting('hasTaps', [true, false]),
  ...setting('isTapIpv6', [true, false]),
  ...setting('hasTapGateway', [true, false]),
  ...setting('hasTuns', [true, false]),
  ...setting('isTunIpv6', [true, false]),
  ...setting('hasRange', [true, false]),
  ['one more storage', (node) => ({ ...node, storages: node.storages === 0 ? 1 : 2 })],
];

function resized(node: WalkNode, more: number): WalkNode {
  return { ...node, amount: Math.min(LARGEST_AMOUNT, Math.max(0, node.amount + more)) };
}

function setting<Key extends keyof WalkNode>(key: Key, values: ReadonlyArray<WalkNode[Key]>) {
  return values.map(
    (value) => [`${key} = ${value}`, (node: WalkNode) => ({ ...node, [key]: value })] as const,
  );
}

/** True when the bridge is for format to make: only then may the host come up without it. */
export function isBridgeOurs(node: WalkNode): boolean {
  return node.createsBridge && node.interfaceName === 'br0' && node.uplink === 'up0';
}

/** The keys of `[slapformat]` for a node. */
export function walkSettings(node: WalkNode): Record<string, string> {
  const isGateway = node.hasTapGateway && node.tapMode !== 'bridged';
  return {
    interface_name: node.interfaceName,
    ipv6_interface: node.uplink === node.interfaceName ? '' : node.uplink,
    partition_amount: String(node.amount),
    user_base_name: node.userBase,
    create_bridge: String(isBridgeOurs(node)),
    tap_mode: node.tapMode,
    create_tap: String(node.hasTaps),
    tap_ipv6: String(node.isTapIpv6),
    tap_gateway_interface: isGateway ? 'gw0' : '',
    create_tun: String(node.hasTuns),
    tun_ipv6: String(node.isTunIpv6),
    partition_has_ipv6_range: String(node.hasRange),
    instance_storage_home: '/srv/storage',
    computer_json: '/srv/slapos/slapos.json',
  };
}

/** The same node with all that an option can make: what a switched-off one may have left. */
export function withEverything(node: WalkNode): WalkNode {
  return {
    ...node,
    tapMode: 'routed',
    hasTaps: true,
    isTapIpv6: true,
    hasTapGateway: true,
    hasTuns: true,
    isTunIpv6: true,
    hasRange: true,
  };
}

/** Facts by name, for each subject; files by their path with their text. */
export type MachineState = Readonly<Record<Subject, Readonly<Record<string, string>>>>;
const SUBJECTS = [
  'links',
  'addresses',
  'routes',
  'users',
  'groups',
  'folders',
  'files',
  'settings',
] as const;
export type Subject = (typeof SUBJECTS)[number];

/**
 * What stays although a fresh format of the same configuration would not make it:
 * - names once given (spec 6): the base of user names is left out of what is compared;
 * - the IPv4 network of a tun, fixed when it was made (14), so that is left out as well;
 * - devices, addresses, routes and kernel settings of an option that was switched off ("Edge
 *   cases": device addresses and routes stay), while their partition and prefix are there;
 * - what is recorded of a tun (6: "present: kept even if create_tun is now false") and of a tap
 *   while there are none.
 */
const KEPT: Readonly<Partial<Record<Subject, RegExp>>> = {
  links: /^slapt(ap|un)\d+$/,
  addresses: /^slapt(ap|un)\d+ /,
  routes: / (dev slaptap\d+|local dev lo)$/,
  settings: /^net\.ipv6\.ip_nonlocal_bind$/,
  files: /#(.*\.)?tun\.\w+$/,
};
const RECORDED_TAP = /#(.*\.)?tap\.\w+$/;

/**
 * Where a machine differs from a fresh one, but for what is kept; empty when it is as it must be.
 * @param everything A fresh machine with {@link withEverything}: nothing else may be left.
 */
export function differences(
  node: WalkNode,
  state: MachineState,
  fresh: MachineState,
  everything: MachineState,
): string[] {
  const [is, must, may] = [state, fresh, everything].map(comparable);
  return SUBJECTS.flatMap((subject) => {
    const [found, expected, allowed] = [is?.[subject], must?.[subject], may?.[subject]];
    const keys = new Set([...Object.keys(found ?? {}), ...Object.keys(expected ?? {})]);
    return [...keys].flatMap((key) => {
      const [one, other, third] = [found?.[key], expected?.[key], allowed?.[key]];
      const isKeepable = KEPT[subject]?.test(key) || (!node.hasTaps && RECORDED_TAP.test(key));
      const isKept = isKeepable && isLeft(subject, one, other, third);
      return one === other || isKept ? [] : [`${subject} ${key}: ${one}, expected ${other}`];
    });
  });
}

function isLeft(
  subject: Subject,
  found: string | undefined,
  expected: string | undefined,
  allowed: string | undefined,
): boolean {
  // A device that a killed run had not set up yet, or that is still in the bridge, stays so.
  if (subject === 'links') return expected === undefined && allowed !== undefined;
  // A setting and a field of a record are there always, everything else only when it is made.
  const isField = subject === 'settings' || subject === 'files';
  // A tun that was made while tun_ipv6 was off has empty fields.
  const isEmpty = subject === 'files' && found === '';
  return (isField || expected === undefined) && (found === allowed || isEmpty);
}

/** The state with files taken apart, and without what is kept of names and numbers. */
function comparable(state: MachineState): MachineState {
  const files = Object.entries(state.files).flatMap(([path, text]) => flattenFile(path, text));
  const all = { ...state, files: Object.fromEntries(files) };
  const subjects = SUBJECTS.map((subject) => {
    const entries = Object.entries(all[subject]).map(([key, value]) => [
      withoutNumbers(key),
      subject === 'groups' ? sorted(withoutNumbers(value)) : withoutNumbers(value),
    ]);
    const unique = Object.fromEntries(entries) as Record<string, string>;
    if (Object.keys(unique).length === entries.length) return [subject, unique] as const;
    throw new Error(`something stands twice: ${entries.map(([key]) => key).join(', ')}`);
  });
  return Object.fromEntries(subjects) as unknown as MachineState;
}

const sorted = (members: string) => members.split(',').sort().join();

function withoutNumbers(text: string): string {
  return text
    .replaceAll(/\b(slapuser|other)(?=\d)/g, 'user')
    .replaceAll(/\b172\.(1[6-9]|2\d|3[01])\.\d+\.\d+(\/[\d.]+)?/g, 'tun4')
    .replaceAll(/^255\.\d+\.\d+\.0$/g, 'tun4mask');
}

/** State files leaf by leaf; a null is no leaf. */
function flattenFile(path: string, text: string): Array<[string, string]> {
  if (path.endsWith('.xml')) return flatten(`${path}#`, decodeMarshal(text, path));
  if (/json$|resource$/.test(path)) return flatten(`${path}#`, JSON.parse(text));
  return [[path, text]];
}

function flatten(name: string, value: unknown): Array<[string, string]> {
  if (value === null || value === undefined) return [];
  if (typeof value !== 'object') return [[name, String(value)]];
  return Object.entries(value).flatMap(([key, inner]) => {
    return flatten(name.endsWith('#') ? `${name}${key}` : `${name}.${key}`, inner);
  });
}
