/** What a method of the XML-RPC interface is: data for dispatch, help and signatures. */

import type { FileProblem, GroupConfig } from '../configuration/program-config.ts';
import type { Controller } from '../controller.ts';
import type { MainLog } from '../output/main-log.ts';
import { fault } from './fault.ts';
import type { RpcValue } from './xml-rpc.ts';

/** Who runs: versions and pids of both halves. */
export type SupervisorVersions = Readonly<
  Record<'keeper' | 'controller', string> & Record<'keeper_pid' | 'controller_pid', number>
>;

/** What methods act on. */
export interface RpcContext {
  readonly controller: Controller;
  readonly log: MainLog;
  readonly identifier: string;
  /** Pid of the keeper: the daemon as clients know it. */
  readonly daemonPid: number;
  /** User that the daemon runs as. */
  readonly ownUid: number;
  /** Groups as last read from the files. */
  wantedGroups(): readonly GroupConfig[];
  /** Reads the files again. Throws ConfigurationError. */
  reload(): readonly GroupConfig[];
  /** Problems of the last reading. */
  problems(): readonly FileProblem[];
  /** Resolves when what was changed so far outlives this process: only then is it done. */
  settle(): Promise<void>;
  /** Begins to stop, after the answer was sent. */
  leave(mood: 'SHUTDOWN' | 'RESTARTING'): void;
  versions(): SupervisorVersions;
  /**
   * Replaces keeper and controller after the answer was sent.
   * @throws RpcFault FAILED, SHUTDOWN_STATE
   */
  upgrade(program: string, words: readonly string[]): Promise<void>;
}

export type RpcType = 'string' | 'int' | 'boolean' | 'array' | 'struct';

export interface RpcMethod {
  readonly name: string;
  readonly returns: RpcType;
  readonly params: ReadonlyArray<readonly [name: string, type: RpcType]>;
  /** Parameters at the end that may be left out. */
  readonly optional?: number;
  readonly help: string;
  /** True when it answers while the daemon stops. */
  readonly isAlwaysServed?: boolean;
  run(context: RpcContext, params: readonly RpcValue[]): RpcValue | Promise<RpcValue>;
}

/** Parameters of one call, typed. */
export class Params {
  readonly #values: readonly RpcValue[];

  constructor(values: readonly RpcValue[]) {
    this.#values = values;
  }

  text(index: number): string {
    const value = this.#values[index];
    if (typeof value === 'string') return value;
    if (typeof value === 'number') return String(value);
    throw fault('INCORRECT_PARAMETERS');
  }

  integer(index: number): number {
    const value = this.#values[index];
    if (typeof value === 'number' && Number.isInteger(value)) return value;
    throw fault('INCORRECT_PARAMETERS');
  }

  flag(index: number, fallback: boolean): boolean {
    const value = this.#values[index];
    return value === undefined ? fallback : value !== false && value !== 0 && value !== '';
  }
}

/** @throws RpcFault INCORRECT_PARAMETERS when the number of parameters is wrong. */
export function checkArity(method: RpcMethod, params: readonly RpcValue[]): void {
  const most = method.params.length;
  const least = most - (method.optional ?? 0);
  if (params.length < least || params.length > most) throw fault('INCORRECT_PARAMETERS');
}
