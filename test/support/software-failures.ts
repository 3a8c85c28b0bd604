/**
 * The n-th failing operation of `node software`: for each operation on the machine and each call of
 * the Master in a pass, a machine on which that one failed, or after which the node was gone, and then
 * one undisturbed pass. It must end as a machine on which nothing failed.
 */
import { HostError, isSlaposError, MasterError } from '../../src/errors/slapos-error.ts';
import type { GridContext } from '../../src/grid/context.ts';
import type { SlapMaster } from '../../src/slap/master.ts';
import { softwarePath } from '../../src/software/release.ts';
import { runSoftware } from '../../src/software/run-software.ts';
import { createFakeMaster, type FakeMaster } from './fake-master.ts';
import { memoryContext } from './memory-context.ts';
import { MemoryMachine } from './memory-machine.ts';

export const RELEASE = 'https://host/software.cfg';
export const SOFTWARE_ROOT = '/software';
export const RELEASE_PATH = softwarePath(SOFTWARE_ROOT, RELEASE);
const OWNER = { uid: 500, gid: 500 };

/** `error`: one operation fails. `kill`: the node does nothing any more from there on. */
export type Fault = 'error' | 'kill';

export class SoftwareNode {
  readonly machine = new MemoryMachine('/nowhere');
  readonly master: FakeMaster = createFakeMaster();

  constructor() {
    this.machine.putFolder(SOFTWARE_ROOT, OWNER);
    this.machine.put('/bootstrap', '#!/bin/sh\n');
    this.machine.command = (argv, cwd) => this.#command(argv, cwd);
    this.supply('available');
  }

  supply(...states: ReadonlyArray<'available' | 'destroyed'>): void {
    this.master.softwareReleases = states.map((requestedState) => {
      return { url: RELEASE, computerId: 'COMP-1', requestedState };
    });
  }

  /** An error of the pass itself is an answer too. */
  async run(cli: Record<string, string | boolean> = {}): Promise<number | string> {
    try {
      return await runSoftware(this.#context(cli));
    } catch (error) {
      if (!isSlaposError(error)) throw error;
      return error.code;
    }
  }

  /** What lasts; logs tell of the failure. */
  snapshot(): readonly string[] {
    return this.machine.snapshot().filter((line) => !line.startsWith(`${SOFTWARE_ROOT}/.log`));
  }

  #command(argv: readonly string[], cwd: string): number {
    const put = (path: string) => this.machine.put(path, '#!/bin/sh\n', OWNER);
    if (argv[0] === '/usr/bin/tar') {
      const folder = `${cwd}/${RELEASE_PATH.slice(SOFTWARE_ROOT.length + 1)}`;
      this.machine.putFolder(folder, OWNER);
      put(`${folder}/.completed`);
      put(`${folder}/tool`);
    } else if (argv.at(-1) === 'bootstrap') {
      this.machine.putFolder(`${cwd}/bin`, OWNER);
      put(`${cwd}/bin/buildout`);
    } else put(`${cwd}/built`);
    return 0;
  }

  #context(cli: Record<string, string | boolean>): GridContext {
    const settings = {
      software_root: SOFTWARE_ROOT,
      instance_root: '/instance',
      buildout: '/bootstrap',
    };
    const master = this.#gatedMaster();
    return memoryContext({ settings, cli, machine: this.machine, master, jobs: 1 });
  }

  #gatedMaster(): SlapMaster {
    const { machine, master } = this;
    return new Proxy(master, {
      get: (target, name: keyof SlapMaster) => {
        const method = target[name];
        if (typeof method !== 'function') return method;
        return async (...args: unknown[]) => {
          machine.gate(`master.${name}`, 'before');
          const answer = await (method as (...given: unknown[]) => unknown)(...args);
          machine.gate(`master.${name}`, 'after');
          return answer;
        };
      },
    });
  }
}

function failure(operation: string): Error {
  const text = `${operation} failed`;
  return operation.startsWith('master.')
    ? new MasterError('SLAPOS_ERR_MASTER_UNAVAILABLE', text)
    : new HostError('SLAPOS_ERR_FILE', text, { syscall: 'write' });
}

export interface FailurePoint {
  readonly operation: string;
  readonly moment: 'before' | 'after';
  readonly fault: Fault;
}

/** Makes one moment of a pass fail, by its number. @returns what failed, as soon as it has. */
export function armFault(
  machine: MemoryMachine,
  number: number,
  fault: Fault,
): () => FailurePoint | undefined {
  let seen = 0;
  let point: FailurePoint | undefined;
  machine.gate = (operation, moment) => {
    seen += 1;
    if (seen < number || (seen > number && fault === 'error')) return;
    point ??= { operation, moment, fault };
    throw failure(operation);
  };
  return () => point;
}
