/** Which partitions a step is for, so that a step that fails costs no partition but its own. Pure. */
import { dirname } from 'node:path';
import type { AccountTransaction } from '../host/native.ts';
import type { Computer } from '../model/computer.ts';
import type { Step } from './step.ts';

export class Attribution {
  readonly #byPath = new Map<string, string>();
  readonly #byDevice = new Map<string, string>();
  readonly #byAddress = new Map<string, string>();
  readonly #byUser = new Map<string, string>();

  constructor({ partitions }: Computer) {
    for (const partition of partitions) {
      const { reference, path, externalStorages, tap, tun, addresses, ipv6Range, user } = partition;
      for (const folder of [path, ...externalStorages]) this.#byPath.set(folder, reference);
      for (const device of [tap, tun]) if (device?.name) this.#byDevice.set(device.name, reference);
      for (const { address } of addresses) this.#byAddress.set(address, reference);
      if (ipv6Range !== null) this.#byAddress.set(ipv6Range.address, reference);
      this.#byUser.set(user.name, reference);
    }
  }

  /** References of partitions; none for a step that concerns the computer, or nobody any more. */
  partitionsOf(step: Step): readonly string[] {
    switch (step.kind) {
      case 'accounts':
        return this.#known(this.#byUser, transactionUsers(step.transaction));
      case 'directoryCreate':
      case 'directoryChange':
        return this.#known(this.#byPath, [step.path]);
      case 'deviceCreate':
        return this.#known(this.#byDevice, [step.name]);
      case 'link':
        return this.#known(this.#byDevice, [step.change.dev]);
      case 'address':
        return this.#onNetwork(step.change.dev, step.change.address);
      case 'route':
        return this.#onNetwork(step.change.dev, step.change.destination);
      case 'awaitDad':
        return step.addresses.flatMap(({ dev, address }) => this.#onNetwork(dev, address));
      case 'fileWrite':
      case 'fileRemove':
        return step.beneath === null ? [] : this.#known(this.#byPath, [dirname(step.path)]);
      default:
        return [];
    }
  }

  #onNetwork(device: string, address: string): readonly string[] {
    const owners = this.#known(this.#byDevice, [device]);
    return owners.length > 0 ? owners : this.#known(this.#byAddress, [address]);
  }

  #known(index: ReadonlyMap<string, string>, keys: readonly string[]): readonly string[] {
    return keys.flatMap((key) => index.get(key) ?? []);
  }
}

function transactionUsers(transaction: Omit<AccountTransaction, 'etc'>): string[] {
  const { addUsers, changeUsers, lockUsers, addMembers } = transaction;
  return [
    ...addUsers.map(({ name }) => name),
    ...changeUsers.map(({ name }) => name),
    ...lockUsers,
    ...addMembers.map(({ user }) => user),
  ];
}

/** True for what tells others about the computer as a whole: written only when all went well. */
export function isStateFile(step: Step): boolean {
  if (step.kind === 'historyAppend') return true;
  return (step.kind === 'fileWrite' || step.kind === 'fileRemove') && step.beneath === null;
}

/** True for taking away what was replaced: nothing else rests on it. */
export function isRemoval(step: Step): boolean {
  if (step.kind === 'deviceDelete' || step.kind === 'fileRemove') return true;
  if (step.kind === 'address') return step.change.op === 'addrDel';
  return step.kind === 'route' && step.change.op === 'routeDel';
}
