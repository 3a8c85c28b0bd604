/**
 * The services as the supervisor knows them. Ours tells what changed since it was asked before; a
 * stock one tells everything each time.
 */
import { errorCode } from '../errors/slapos-error.ts';
import type { HostFiles } from '../host/host.ts';
import { isUnreachable, type ProcessInfo, SupervisorClient } from '../supervisor/client.ts';
import { describeReason, type ProcessReason } from '../supervisor/ctl/status-action.ts';
import { type SupervisorPaths, supervisorPaths } from '../supervisor/layout.ts';
import { FAULTS } from '../supervisor/rpc/fault.ts';
import { isRpcFault } from '../supervisor/rpc/xml-rpc.ts';
import { AVAILABLE, reasonOf, unavailable } from './availability.ts';
import type { Availability, ServiceStatus } from './model.ts';

interface SupervisedService {
  readonly group: string;
  readonly service: ServiceStatus;
  readonly logs: ServiceLogs;
}

export interface SupervisedServices {
  readonly supervisor: Availability;
  readonly groups: ReadonlyMap<string, ServiceGroup>;
}

export interface ServiceGroup {
  /** In the order of their names; the same list while nothing changes. */
  readonly services: readonly ServiceStatus[];
  /** In the same order. */
  readonly logs: readonly ServiceLogs[];
}

/** Paths; empty for none. */
export interface ServiceLogs {
  readonly stdout: string;
  readonly stderr: string;
}

interface Changes {
  readonly token: string;
  readonly full: boolean;
  readonly processes: readonly ProcessInfo[];
  readonly removed: readonly string[];
}

export type SupervisorCaller = Pick<SupervisorClient, 'callWithin' | 'close'>;

/** A supervisor answers within milliseconds unless it hangs. */
const TIMEOUT_MS = 5000;
/** Each has the end of its log read. */
const EXPLAINED_AT_ONCE = 500;
const DOWN: ReadonlySet<string> = new Set(['EXITED', 'FATAL', 'BACKOFF', 'STOPPED', 'UNKNOWN']);
/** States that tell in their description why, rather than when. */
const TELLING: ReadonlySet<string> = new Set(['FATAL', 'BACKOFF']);

export interface ServiceReaderOptions {
  readonly files: Pick<HostFiles, 'stat'>;
  readonly instanceRoot: string;
  readonly openClient?: (socket: string) => SupervisorCaller;
}

/** Keeps its connection and what it was told; those who ask meanwhile share one answer. */
export class ServiceReader {
  readonly #options: ServiceReaderOptions;
  readonly #paths: SupervisorPaths;
  #client: { readonly socket: string; readonly caller: SupervisorCaller } | undefined;
  #running: Promise<SupervisedServices> | undefined;
  #token = '';
  /** By full name. */
  readonly #known = new Map<string, SupervisedService>();
  #groups: ReadonlyMap<string, ServiceGroup> = new Map();

  constructor(options: ServiceReaderOptions) {
    this.#options = options;
    this.#paths = supervisorPaths(options.instanceRoot);
  }

  read(): Promise<SupervisedServices> {
    this.#running ??= this.#read().finally(() => {
      this.#running = undefined;
    });
    return this.#running;
  }

  async #read(): Promise<SupervisedServices> {
    try {
      await this.#update(await this.#connect());
      return { supervisor: AVAILABLE, groups: this.#groups };
    } catch (error) {
      this.close();
      return { supervisor: unavailable(this.#reason(error)), groups: new Map() };
    }
  }

  close(): void {
    this.#client?.caller.close();
    this.#client = undefined;
    this.#forget();
  }

  #forget(): void {
    this.#token = '';
    this.#known.clear();
    this.#groups = new Map();
  }

  async #connect(): Promise<SupervisorCaller> {
    const { legacySocket, socket } = this.#paths;
    const isLegacy = (await this.#options.files.stat(legacySocket)) !== undefined;
    const path = isLegacy ? legacySocket : socket;
    if (this.#client?.socket === path) return this.#client.caller;
    this.close();
    const open = this.#options.openClient ?? ((at: string) => new SupervisorClient(at));
    const caller = open(path);
    this.#client = { socket: path, caller };
    return caller;
  }

  async #update(caller: SupervisorCaller): Promise<void> {
    const { full, processes, removed, token } = await askChanges(caller, this.#token);
    if (full) this.#forget();
    if (processes.length > 0 || removed.length > 0 || full) {
      const reasons = await explain(caller, processes);
      const changed = new Set<string>();
      const names = processes.map(({ group, name }) => `${group}:${name}`);
      for (const name of [...removed, ...names]) {
        changed.add(this.#known.get(name)?.group ?? '');
        this.#known.delete(name);
      }
      for (const [index, info] of processes.entries()) {
        const name = names[index] ?? '';
        this.#known.set(name, toService(info, reasons.get(name)));
        changed.add(info.group);
      }
      this.#groups = regroup(this.#groups, this.#known.values(), changed);
    }
    this.#token = token;
  }

  #reason(error: unknown): string {
    const { socket } = this.#paths;
    const cause = errorCode((error as { cause?: unknown } | null)?.cause);
    if (cause === 'EACCES') return `Only root may ask the supervisor at ${socket}.`;
    if (!isUnreachable(error) || cause === 'ETIMEDOUT') return reasonOf(error);
    return `The supervisor does not run: nothing listens on ${socket}.`;
  }
}

/** A token of '' is for everything. */
async function askChanges(caller: SupervisorCaller, token: string): Promise<Changes> {
  try {
    return await caller.callWithin<Changes>(TIMEOUT_MS, 'slapos.getChanges', token);
  } catch (error) {
    if (!isUnknownMethod(error)) throw error;
    const method = 'supervisor.getAllProcessInfo';
    const processes = await caller.callWithin<readonly ProcessInfo[]>(TIMEOUT_MS, method);
    return { token: '', full: true, processes, removed: [] };
  }
}

/** Reasons by full name of those that do not run; none from a stock supervisor. */
async function explain(
  caller: SupervisorCaller,
  processes: readonly ProcessInfo[],
): Promise<ReadonlyMap<string, ProcessReason>> {
  const reasons = new Map<string, ProcessReason>();
  const names = processes
    .filter(({ start, statename }) => DOWN.has(statename) && start !== 0)
    .map(({ group, name }) => `${group}:${name}`);
  for (let first = 0; first < names.length; first += EXPLAINED_AT_ONCE) {
    const some = names.slice(first, first + EXPLAINED_AT_ONCE);
    try {
      const method = 'slapos.explainProcesses';
      const rows = await caller.callWithin<readonly ProcessReason[]>(TIMEOUT_MS, method, some);
      for (const row of rows) reasons.set(`${row.group}:${row.name}`, row);
    } catch (error) {
      if (isUnknownMethod(error)) break;
      throw error;
    }
  }
  return reasons;
}

function isUnknownMethod(error: unknown): boolean {
  return isRpcFault(error) && error.faultCode === FAULTS.UNKNOWN_METHOD;
}

function toService(info: ProcessInfo, reason: ProcessReason | undefined): SupervisedService {
  const { exitstatus, group, name, pid, start, statename, stop } = info;
  const service: ServiceStatus = {
    name,
    state: statename,
    pid: pid === 0 ? null : pid,
    startedAtMs: start === 0 ? null : start * 1000,
    stoppedAtMs: stop === 0 ? null : stop * 1000,
    exitStatus: stop === 0 ? null : exitstatus,
    reason: describe(info, reason),
  };
  return { group, service, logs: { stdout: info.stdout_logfile, stderr: info.stderr_logfile } };
}

function describe(
  { description, start, statename }: ProcessInfo,
  reason: ProcessReason | undefined,
): string {
  const isTelling = TELLING.has(statename) || (statename === 'STOPPED' && start === 0);
  const parts = [isTelling ? description : '', reason === undefined ? '' : describeReason(reason)];
  return parts.filter((part) => part !== '').join('; ');
}

/** The groups that changed are made anew, the others are as before. */
function regroup(
  before: ReadonlyMap<string, ServiceGroup>,
  known: Iterable<SupervisedService>,
  changed: ReadonlySet<string>,
): ReadonlyMap<string, ServiceGroup> {
  const members = new Map<string, SupervisedService[]>();
  for (const one of known) {
    if (!changed.has(one.group)) continue;
    const group = members.get(one.group);
    if (group === undefined) members.set(one.group, [one]);
    else group.push(one);
  }
  const groups = new Map(before);
  for (const name of changed) groups.delete(name);
  for (const [name, group] of members) {
    group.sort((a, b) => (a.service.name < b.service.name ? -1 : 1));
    const services = group.map(({ service }) => service);
    groups.set(name, { services, logs: group.map(({ logs }) => logs) });
  }
  return groups;
}
