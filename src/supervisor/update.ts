/** The sequence that makes the running groups what the files describe (spec/supervisor.md 1.2). */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from '../log/logger.ts';
import type { SupervisorClient } from './client.ts';
import { isRpcFault } from './rpc/xml-rpc.ts';

export interface UpdateResult {
  readonly added: readonly string[];
  readonly changed: readonly string[];
  readonly removed: readonly string[];
  /** Files that could not be understood: their groups stay as they were. */
  readonly problems: readonly GroupProblem[];
}

export interface GroupProblem {
  /** Absolute path. */
  readonly file: string;
  readonly message: string;
}

const STILL_RUNNING = 91;
const REMOVE_TRIES = 10;

async function removeGroup(client: SupervisorClient, name: string): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      await client.call('supervisor.removeProcessGroup', name);
      return;
    } catch (error) {
      const mayRetry = isRpcFault(error) && error.faultCode === STILL_RUNNING;
      if (!mayRetry || attempt === REMOVE_TRIES) throw error;
      await sleep(1000);
    }
  }
}

const UNKNOWN_METHOD = 1;

/** One call does it all, where the supervisor is ours; undefined where it is not. */
async function updateAtOnce(client: SupervisorClient): Promise<UpdateResult | undefined> {
  try {
    return await client.call<UpdateResult>('slapos.applyUpdate');
  } catch (error) {
    if (isRpcFault(error) && error.faultCode === UNKNOWN_METHOD) return undefined;
    throw error;
  }
}

function report({ added, changed, removed }: UpdateResult, log: Logger): void {
  for (const group of removed) {
    log.info(`Removed group ${group}.`, { event: 'supervisor.group_removed', group });
  }
  for (const group of changed) {
    log.info(`Updated group ${group}.`, { event: 'supervisor.group_changed', group });
  }
  for (const group of added) {
    log.info(`Added group ${group}.`, { event: 'supervisor.group_added', group });
  }
}

/**
 * Re-reads the files, then stops and removes what went away, replaces what changed, adds what is
 * new; of all partitions, as upstream does.
 * @throws RpcFault 92 when the main configuration file is wrong, SlaposError when unreachable.
 */
export async function updateGroups(client: SupervisorClient, log: Logger): Promise<UpdateResult> {
  const result = (await updateAtOnce(client)) ?? (await updateStepByStep(client));
  const { added, changed, problems, removed } = result;
  report(result, log);
  for (const { message } of problems) log.warning(message);
  return { added, changed, problems, removed };
}

/** The sequence that a stock supervisord needs. */
async function updateStepByStep(client: SupervisorClient): Promise<UpdateResult> {
  const [diff] = await client.call<string[][][]>('supervisor.reloadConfig');
  const [added = [], changed = [], removed = []] = diff ?? [];
  for (const name of removed) {
    await client.call('supervisor.stopProcessGroup', name);
    await removeGroup(client, name);
  }
  for (const name of changed) {
    await client.call('supervisor.stopProcessGroup', name);
    await removeGroup(client, name);
    await client.call('supervisor.addProcessGroup', name);
  }
  for (const name of added) {
    await client.call('supervisor.addProcessGroup', name);
  }
  return { added, changed, removed, problems: [] };
}
