/** {@link ServiceSupervisor} over XML-RPC. */
import { errorCode, isSlaposError, SlaposError } from '../errors/slapos-error.ts';
import { coalesce } from '../host/coalesce.ts';
import type { HostFiles } from '../host/host.ts';
import type { Logger } from '../log/logger.ts';
import { isUnreachable, type ProcessInfo, SupervisorClient } from '../supervisor/client.ts';
import { isShuttingDown, shuttingDown } from '../supervisor/ending.ts';
import { ensureSupervisor, supervisorSocket } from '../supervisor/launch.ts';
import { isRpcFault } from '../supervisor/rpc/xml-rpc.ts';
import { updateGroups } from '../supervisor/update.ts';
import type { ServiceSupervisor } from './service-supervisor.ts';

export interface SupervisorAccess {
  readonly files: HostFiles;
  readonly instanceRoot: string;
  readonly isLaunchForbidden: boolean;
  readonly log: Logger;
}

const BAD_NAME = 10;
const CUT_OFF: ReadonlySet<string> = new Set(['ECONNRESET', 'EPIPE']);
const ATTEMPTS = 3;

/** Makes sure that the supervisor runs, unless that is forbidden, and connects to it. */
export async function openServiceSupervisor(access: SupervisorAccess): Promise<ServiceSupervisor> {
  const socket = access.isLaunchForbidden
    ? await supervisorSocket(access.files, access.instanceRoot)
    : await ensureSupervisor(access);
  return connectSupervisor(new SupervisorClient(socket), access.log);
}

/** The calls of the grid over a client. */
export function connectSupervisor(client: SupervisorClient, log: Logger): ServiceSupervisor {
  return {
    update: coalesce(async () => (await explain(client, () => updateGroups(client, log))).problems),
    startUnstarted: (group) => explain(client, () => startUnstarted(client, group)),
    startGroup: (group) => explain(client, () => startGroup(client, group)),
    async startAll() {
      await explain(client, () => client.call('supervisor.startAllProcesses', false));
    },
    async listStates() {
      const all = await explain(client, () => listProcesses(client));
      return new Map(all.map(({ group, name, statename }) => [`${group}:${name}`, statename]));
    },
    close: () => client.close(),
  };
}

function listProcesses(client: SupervisorClient): Promise<ProcessInfo[]> {
  return client.call<ProcessInfo[]>('supervisor.getAllProcessInfo');
}

async function startGroup(client: SupervisorClient, group: string): Promise<boolean> {
  try {
    await client.call('supervisor.startProcessGroup', group, false);
    return true;
  } catch (error) {
    if (isRpcFault(error) && error.faultCode === BAD_NAME) return false;
    throw error;
  }
}

async function startUnstarted(client: SupervisorClient, group: string): Promise<boolean> {
  const all = await listProcesses(client);
  const members = all.filter((each) => each.group === group);
  // The time of the last start: 0 before the first one.
  for (const process of members.filter(({ start }) => start === 0)) {
    await client.call('supervisor.startProcess', `${group}:${process.name}`, false);
  }
  return members.length > 0;
}

/**
 * A controller that was killed, or that handed over to another one, ends its connections in the
 * middle of a call. Its successor gets the same socket, where who connects waits for it, and each
 * call of the grid says how things are to be, so that it may be made twice.
 */
async function insist<Result>(call: () => Promise<Result>): Promise<Result> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await call();
    } catch (error) {
      if (attempt === ATTEMPTS || !isCutOff(error)) throw error;
    }
  }
}

function isCutOff(error: unknown): boolean {
  return isUnreachable(error) && CUT_OFF.has(errorCode((error as Error).cause) ?? '');
}

/** Makes a call, once more where it was cut off; a refusal is told in words of the grid. */
async function explain<Result>(
  client: SupervisorClient,
  call: () => Promise<Result>,
): Promise<Result> {
  try {
    return await insist(call);
  } catch (cause) {
    if (isSlaposError(cause) || !isRpcFault(cause)) throw cause;
    if (isShuttingDown(cause)) throw shuttingDown(client.address, cause);
    throw new SlaposError('SLAPOS_ERR_SUPERVISOR', `The supervisor refused: ${cause.message}`, {
      cause,
      hint: 'Look at var/log/supervisord.log below the instance root.',
    });
  }
}
