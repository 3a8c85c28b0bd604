/** {@link ServiceSupervisor} over XML-RPC. */
import { isSlaposError, SlaposError } from '../errors/slapos-error.ts';
import { coalesce } from '../host/coalesce.ts';
import type { HostFiles } from '../host/host.ts';
import type { Logger } from '../log/logger.ts';
import { type ProcessInfo, SupervisorClient } from '../supervisor/client.ts';
import { ensureSupervisor, supervisorSocket } from '../supervisor/launch.ts';
import { isShuttingDown, shuttingDown } from '../supervisor/process/ending.ts';
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
    update: coalesce(async () => (await explain(client, updateGroups(client, log))).problems),
    startUnstarted: (group) => explain(client, startUnstarted(client, group)),
    async startGroup(group) {
      try {
        await client.call('supervisor.startProcessGroup', group, false);
        return true;
      } catch (error) {
        if (isRpcFault(error) && error.faultCode === BAD_NAME) return false;
        return explain(client, Promise.reject(error));
      }
    },
    async startAll() {
      await explain(client, client.call('supervisor.startAllProcesses', false));
    },
    async listStates() {
      const all = await explain(client, client.call<ProcessInfo[]>('supervisor.getAllProcessInfo'));
      return new Map(all.map(({ group, name, statename }) => [`${group}:${name}`, statename]));
    },
    close: () => client.close(),
  };
}

async function startUnstarted(client: SupervisorClient, group: string): Promise<boolean> {
  const all = await client.call<ProcessInfo[]>('supervisor.getAllProcessInfo');
  const members = all.filter((each) => each.group === group);
  // The time of the last start: 0 before the first one.
  for (const process of members.filter(({ start }) => start === 0)) {
    await client.call('supervisor.startProcess', `${group}:${process.name}`, false);
  }
  return members.length > 0;
}

/** A refusal of the supervisor in words of the grid. */
async function explain<Result>(client: SupervisorClient, call: Promise<Result>): Promise<Result> {
  try {
    return await call;
  } catch (cause) {
    if (isSlaposError(cause) || !isRpcFault(cause)) throw cause;
    if (isShuttingDown(cause)) throw shuttingDown(client.address, cause);
    throw new SlaposError('SLAPOS_ERR_SUPERVISOR', `The supervisor refused: ${cause.message}`, {
      cause,
      hint: 'Look at var/log/supervisord.log below the instance root.',
    });
  }
}
