/**
 * What a plan is made of. A step is a value: `render.ts` prints it, `apply.ts` has the one table
 * from kind to effect. Steps of a kind that stand together are applied in one batch.
 */
import type { AccountTransaction } from '../host/native.ts';
import type { NetlinkOperation } from '../host/network/native-network.ts';

/** The batches of NetlinkOperation that format uses. */
export type LinkSet = Extract<NetlinkOperation, { op: 'linkSet' }>;
export type AddressChange = Extract<
  NetlinkOperation,
  { op: 'addrAdd' | 'addrReplace' | 'addrDel' }
>;
export type RouteChange = Extract<
  NetlinkOperation,
  { op: 'routeAdd' | 'routeAppend' | 'routeReplace' | 'routeDel' }
>;

export interface Owner {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
}

interface StepPayloads {
  /** All users and groups in one transaction. */
  accounts: { readonly transaction: Omit<AccountTransaction, 'etc'> };
  directoryCreate: {
    readonly path: string;
    readonly mode: number;
    readonly isRecursive: boolean;
    readonly owner: Owner | null;
  };
  /** Mode or owner (or both) of a folder that exists. */
  directoryChange: {
    readonly path: string;
    readonly mode: number | null;
    readonly owner: Owner | null;
  };
  bridgeCreate: { readonly name: string; readonly mac: string };
  /** Writes, or with null removes, the journal of a move to the bridge. */
  uplinkJournal: { readonly path: string; readonly content: string | null };
  /**
   * Gives the bridge its ports with all that they carry, in one batch, and waits for the default
   * gateways. Undoes it all when one of them is lost. Then the journal goes.
   */
  uplinkMove: {
    readonly bridge: string;
    readonly ports: readonly string[];
    readonly forward: readonly NetlinkOperation[];
    readonly backward: readonly NetlinkOperation[];
    readonly gateways: readonly string[];
    readonly timeoutMs: number;
    readonly journal: string;
  };
  /** Gives ports back what a run that was cut off moved to a bridge that is not wanted any more. */
  uplinkRestore: {
    readonly bridge: string;
    readonly ports: readonly string[];
    readonly backward: readonly NetlinkOperation[];
    readonly journal: string;
  };
  deviceCreate: {
    readonly name: string;
    readonly mode: 'tap' | 'tun';
    readonly owner: Pick<Owner, 'name' | 'uid'>;
  };
  /** All in one group deletion: one by one the kernel takes 20 ms each. */
  deviceDelete: { readonly name: string; readonly mode: 'tap' | 'tun' };
  link: { readonly change: LinkSet };
  address: { readonly change: AddressChange };
  route: { readonly change: RouteChange };
  /** A setting of a control group. */
  controlWrite: { readonly path: string; readonly value: string };
  sysctl: { readonly name: string; readonly value: string };
  /** Waits once until no address of the list is tentative (RFC 4862 5.4). */
  awaitDad: {
    readonly addresses: ReadonlyArray<{ readonly dev: string; readonly address: string }>;
  };
  /** Writes a file atomically; `beneath` is set for files in folders that others own. */
  fileWrite: {
    readonly path: string;
    readonly mode: number;
    readonly content: string;
    readonly beneath: string | null;
  };
  /** Adds the former content of the state file to the zip of its history. */
  historyAppend: {
    readonly path: string;
    readonly entryBaseName: string;
    readonly content: string;
  };
  fileRemove: { readonly path: string; readonly beneath: string | null };
}

export type StepKind = keyof StepPayloads;
export type StepOf<Kind extends StepKind> = { readonly kind: Kind } & Readonly<StepPayloads[Kind]>;
export type Step = { [Kind in StepKind]: StepOf<Kind> }[StepKind];
