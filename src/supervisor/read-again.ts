/** What a supervisor could not read of its configuration when it started. */
import type { Logger } from '../log/logger.ts';
import type { SupervisorClient } from './client.ts';
import { FAULTS, type FaultName } from './rpc/fault.ts';
import { isRpcFault } from './rpc/xml-rpc.ts';
import type { GroupProblem } from './update.ts';

/** None of a supervisor that is not ours. */
async function listProblems(client: SupervisorClient): Promise<readonly GroupProblem[]> {
  const problems = await ignoring('UNKNOWN_METHOD', () =>
    client.call<GroupProblem[]>('slapos.getConfigProblems'),
  );
  return problems ?? [];
}

async function ignoring<Result>(
  name: FaultName,
  call: () => Promise<Result>,
): Promise<Result | undefined> {
  try {
    return await call();
  } catch (error) {
    if (isRpcFault(error) && error.faultCode === FAULTS[name]) return undefined;
    throw error;
  }
}

/**
 * Has files that could not be read for a moment read again, and their groups added; what stays wrong
 * is told.
 */
export async function readAgain(client: SupervisorClient, log: Logger): Promise<void> {
  if ((await listProblems(client)).length === 0) return;
  const [changes] = await client.call<string[][][]>('supervisor.reloadConfig');
  for (const group of changes?.[0] ?? []) {
    await ignoring('ALREADY_ADDED', () => client.call('supervisor.addProcessGroup', group));
  }
  for (const { file, message } of await listProblems(client)) {
    log.warning(message, { event: 'supervisor.file_problem', file });
  }
}
