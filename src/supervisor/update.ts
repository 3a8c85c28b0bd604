/** The sequence that makes the running groups what the files describe (spec/supervisor.md 1.2). */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from '../log/logger.ts';
import type { SupervisorClient } from './client.ts';
import { isRpcFault } from './xml-rpc.ts';

export interface UpdateResult {
  readonly added: readonly string[];
  readonly changed: readonly string[];
  readonly removed: readonly string[];
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

/**
 * Re-reads the files, then stops and removes what went away, replaces what changed, adds what is
 * new; of all partitions, as upstream does.
 * @throws RpcFault 92 when the main configuration file is wrong, SlaposError when unreachable.
 */
export async function updateGroups(client: SupervisorClient, log: Logger): Promise<UpdateResult> {
  const [diff] = await client.call<string[][][]>('supervisor.reloadConfig');
  const [added = [], changed = [], removed = []] = diff ?? [];
  for (const name of removed) {
    await client.call('supervisor.stopProcessGroup', name);
    log.debug(`Stopped group ${name}.`);
    await removeGroup(client, name);
    log.info(`Removed group ${name}.`, { event: 'supervisor.group_removed', group: name });
  }
  for (const name of changed) {
    await client.call('supervisor.stopProcessGroup', name);
    await removeGroup(client, name);
    await client.call('supervisor.addProcessGroup', name);
    log.info(`Updated group ${name}.`, { event: 'supervisor.group_changed', group: name });
  }
  for (const name of added) {
    await client.call('supervisor.addProcessGroup', name);
    log.info(`Added group ${name}.`, { event: 'supervisor.group_added', group: name });
  }
  return { added, changed, removed };
}
