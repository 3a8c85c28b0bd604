/** A plan as text, one line a step, and as JSON. Pure. */
import type { AccountTransaction } from '../host/native.ts';
import type { NetlinkOperation } from '../host/network/native-network.ts';
import type { AddressChange, LinkSet, RouteChange, Step, StepKind, StepOf } from './step.ts';

const TEXTS: { readonly [Kind in StepKind]: (step: StepOf<Kind>) => string[] } = {
  accounts: ({ transaction }) => accountLines(transaction),
  directoryCreate: ({ path, mode, owner }) => [
    `create folder ${path} mode ${octal(mode)}${owner === null ? '' : ` owner ${owner.name}`}`,
  ],
  directoryChange: ({ path, mode, owner }) => [
    ...(owner === null ? [] : [`give folder ${path} to ${owner.name}`]),
    ...(mode === null ? [] : [`set mode of folder ${path} to ${octal(mode)}`]),
  ],
  deviceCreate: ({ name, mode, owner }) => [`create ${mode} ${name} owner ${owner.name}`],
  bridgeCreate: ({ name, mac }) => [`create bridge ${name} mac ${mac}`],
  uplinkJournal: ({ path, content }) => [
    content === null ? `remove ${path}` : `write ${path} (${Buffer.byteLength(content)} bytes)`,
  ],
  uplinkMove: ({ bridge, forward, gateways, journal }) => [
    ...forward.flatMap(operationLines),
    ...(gateways.length === 0
      ? []
      : [`wait for ${gateways.join(' and ')} to answer through ${bridge}, else undo all of it`]),
    `remove ${journal}`,
  ],
  uplinkRestore: ({ backward, journal }) => [
    ...backward.flatMap(operationLines),
    `remove ${journal}`,
  ],
  deviceDelete: ({ name, mode }) => [`delete ${mode} ${name}`],
  link: ({ change }) => [linkLine(change)],
  address: ({ change }) => [addressLine(change)],
  route: ({ change }) => [routeLine(change)],
  controlWrite: ({ path, value }) => [`set ${path} = ${value}`],
  sysctl: ({ name, value }) => [`set ${name} = ${value}`],
  awaitDad: ({ addresses }) => [
    `wait for duplicate address detection of ${addresses.length} addresses`,
  ],
  fileWrite: ({ path, content }) => [`write ${path} (${Buffer.byteLength(content)} bytes)`],
  historyAppend: ({ path }) => [`add the former state to ${path}`],
  fileRemove: ({ path }) => [`remove ${path}`],
};

const masterText = (bridge: string): string => (bridge === '' ? 'nomaster' : `master ${bridge}`);

/** An operation of a batch that is one step. */
function operationLines(operation: NetlinkOperation): string[] {
  switch (operation.op) {
    case 'linkSet':
      return [linkLine(operation)];
    case 'linkDel':
      return [`delete link ${operation.dev}`];
    case 'addrAdd':
    case 'addrDel':
    case 'addrReplace':
      return [addressLine(operation)];
    case 'routeAdd':
    case 'routeAppend':
    case 'routeDel':
    case 'routeReplace':
      return [routeLine(operation)];
    default:
      return [operation.op];
  }
}

function linkLine(change: LinkSet): string {
  return [
    `set link ${change.dev}`,
    ...(change.isUp === true ? ['up'] : []),
    ...(change.isUp !== true && change.group !== undefined ? [`group ${change.group}`] : []),
    ...(change.master === undefined ? [] : [masterText(change.master)]),
  ].join(' ');
}

/** Lines of one step, without newlines. */
export function renderStep(step: Step): string[] {
  const render = TEXTS[step.kind] as (step: Step) => string[];
  return render(step);
}

/** What a dry run prints. */
export function renderPlan(steps: readonly Step[], notes: readonly string[] = []): string {
  if (steps.length === 0) return 'Nothing to do.\n';
  const lines = [...notes, ...steps.flatMap(renderStep)];
  return `${lines.join('\n')}\n${steps.length} steps.\n`;
}

/** The same for programs: the very steps. */
export function renderPlanJson(plan: {
  readonly steps: readonly Step[];
  readonly warnings: readonly string[];
  readonly notes: readonly string[];
}): string {
  const { steps, warnings, notes } = plan;
  return `${JSON.stringify({ steps, warnings, notes }, null, 2)}\n`;
}

function octal(mode: number): string {
  return `0${mode.toString(8)}`;
}

function accountLines(transaction: Omit<AccountTransaction, 'etc'>): string[] {
  return [
    ...transaction.removeUsers.map((name) => `delete user ${name}`),
    ...transaction.removeGroups.map((name) => `delete group ${name}`),
    ...transaction.addGroups.map(({ name, gid }) => `create group ${name} gid ${gid}`),
    ...transaction.addUsers.map(
      ({ name, uid, home }) => `create user ${name} uid ${uid} home ${home}`,
    ),
    ...transaction.changeUsers.map(({ name, ...change }) => {
      const fields = Object.entries(change).map(([field, value]) => `${field} ${value}`);
      return `change user ${name}: ${fields.join(', ')}`;
    }),
    ...transaction.lockUsers.map((name) => `lock the password of ${name}`),
    ...transaction.addMembers.map(({ group, user }) => `add user ${user} to group ${group}`),
  ];
}

function addressLine(change: AddressChange): string {
  const where = `${change.address}/${change.prefixLength} dev ${change.dev}`;
  if (change.op === 'addrDel') return `delete address ${where}`;
  return [
    `add address ${where}`,
    ...(change.isNodad === true ? ['nodad'] : []),
    ...(change.isNoPrefixRoute === true ? ['noprefixroute'] : []),
  ].join(' ');
}

const LOCAL_TABLE = 255;

function routeLine(change: RouteChange): string {
  return [
    change.op === 'routeDel' ? 'delete route' : 'add route',
    ...(change.table === LOCAL_TABLE ? ['local'] : []),
    change.destination === '' ? 'default' : `${change.destination}/${change.prefixLength}`,
    ...(change.gateway ? [`via ${change.gateway}`] : []),
    `dev ${change.dev}`,
    ...(isOtherTable(change) ? [`table ${change.table}`] : []),
    ...(change.preferredSource === undefined ? [] : [`src ${change.preferredSource}`]),
    ...(isUsualMetric(change) ? [] : [`metric ${change.metric}`]),
  ].join(' ');
}

const MAIN_TABLE = 254;

const isOtherTable = ({ table = MAIN_TABLE }: RouteChange): boolean =>
  table !== MAIN_TABLE && table !== LOCAL_TABLE;

/** 0 of IPv4, and what the kernel gives IPv6 routes (IP6_RT_PRIO_USER). */
const isUsualMetric = ({ metric = 0, family }: RouteChange): boolean =>
  metric === 0 || (family === 6 && metric === 1024);

const BATCH_TEXTS: Readonly<Record<StepKind, string>> = {
  accounts: 'users and groups',
  directoryCreate: 'new folders',
  directoryChange: 'owners and modes of folders',
  deviceCreate: 'tap and tun devices',
  bridgeCreate: 'bridges',
  uplinkJournal: 'journal of the move to the bridge',
  uplinkMove: 'moving to the bridge, waiting for the gateway',
  uplinkRestore: 'putting back what was moved to a bridge',
  deviceDelete: 'devices to delete',
  link: 'links to set up',
  address: 'addresses',
  route: 'routes',
  controlWrite: 'settings of control groups',
  sysctl: 'kernel settings',
  awaitDad: 'waiting for duplicate address detection',
  fileWrite: 'files',
  historyAppend: 'history of the state file',
  fileRemove: 'files to remove',
};

/** What a batch is, for progress: `tap and tun devices: 100`. */
export function renderBatch(kind: StepKind, count: number): string {
  const isOneThing = kind === 'accounts' || kind === 'awaitDad' || kind === 'historyAppend';
  return isOneThing ? BATCH_TEXTS[kind] : `${BATCH_TEXTS[kind]}: ${count}`;
}
