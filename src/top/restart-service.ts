/** Restarts one service through the supervisor, as `supervisorctl restart` does. */
import { errorMessage } from '../errors/slapos-error.ts';
import type { HostFiles } from '../host/host.ts';
import { SupervisorClient } from '../supervisor/client.ts';
import { supervisorPaths } from '../supervisor/layout.ts';
import { FAULTS } from '../supervisor/rpc/fault.ts';
import { isRpcFault } from '../supervisor/rpc/xml-rpc.ts';

/** What became of it, in a line. */
export async function restartService(
  files: Pick<HostFiles, 'stat'>,
  instanceRoot: string,
  name: string,
): Promise<string> {
  const { legacySocket, socket } = supervisorPaths(instanceRoot);
  const isLegacy = (await files.stat(legacySocket)) !== undefined;
  const client = new SupervisorClient(isLegacy ? legacySocket : socket);
  try {
    await client.call('supervisor.stopProcess', name, true).catch(ignoreNotRunning);
    await client.call('supervisor.startProcess', name, true);
    return `${name} was restarted.`;
  } catch (error) {
    return `${name} was not restarted: ${errorMessage(error)}`;
  } finally {
    client.close();
  }
}

function ignoreNotRunning(error: unknown): void {
  if (!isRpcFault(error) || error.faultCode !== FAULTS.NOT_RUNNING) throw error;
}
