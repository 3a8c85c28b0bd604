/**
 * Descriptors of the services that live: the process itself (pidfd_open(2)) and the ends of its
 * pipes. Only a holder of such a descriptor can learn how a process ended that it did not start, and
 * only since Linux 6.15 (PIDFD_GET_INFO); they go to the keeper that takes over.
 */
import { closeSync } from 'node:fs';
import type { NativeAddon } from '../native.ts';
import type { KeptDescriptor } from './keeper-event.ts';

interface Identity {
  readonly pid: number;
  readonly startTicks: number;
}

export interface HeldService extends Identity {
  readonly pidfd: number;
  readonly kept: readonly KeptDescriptor[];
}

/** Invariant: every descriptor in it belongs to it alone. */
export class ServiceDescriptors {
  readonly #addon: Pick<NativeAddon, 'fdDuplicate'>;
  readonly #services = new Map<string, HeldService>();

  constructor(addon: Pick<NativeAddon, 'fdDuplicate'>) {
    this.#addon = addon;
  }

  all(): HeldService[] {
    return [...this.#services.values()];
  }

  /** Copies of descriptors that belong to somebody else. */
  copy(kept: readonly KeptDescriptor[]): KeptDescriptor[] {
    return kept.map(({ label, fd }) => ({ label, fd: this.#addon.fdDuplicate({ fd }) }));
  }

  close(kept: readonly KeptDescriptor[]): void {
    for (const { fd } of kept) closeSync(fd);
  }

  /** Takes over the descriptors of a process. */
  add({ pid, startTicks }: Identity, pidfd: number, kept: readonly KeptDescriptor[]): void {
    if (pidfd < 0) this.close(kept);
    else this.#services.set(keyOf({ pid, startTicks }), { pid, startTicks, pidfd, kept });
  }

  /** The process has ended. */
  drop(process: Identity): void {
    const held = this.#services.get(keyOf(process));
    if (held === undefined) return;
    this.#services.delete(keyOf(process));
    closeSync(held.pidfd);
    this.close(held.kept);
  }
}

function keyOf({ pid, startTicks }: Identity): string {
  return `${pid} ${startTicks}`;
}
