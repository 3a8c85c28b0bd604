/** A process of a group as it is added: with its logs chosen and nothing started. */

import type { GroupConfig, ProcessConfig } from '../configuration/program-config.ts';
import { type LogPaths, ManagedProcess, type ProcessOwner } from './managed-process.ts';

export type CreateAutoLog = (processName: string, channel: 'stdout' | 'stderr') => Promise<string>;

async function chooseLogs(
  config: ProcessConfig,
  isListener: boolean,
  createAutoLog: CreateAutoLog,
): Promise<LogPaths> {
  const choose = async (channel: 'stdout' | 'stderr') => {
    if (channel === 'stderr' && config.isStderrRedirected && !isListener) return '';
    const { target } = config[channel];
    if (target.kind === 'file') return target.path;
    if (target.kind !== 'auto') return '';
    return createAutoLog(config.name, channel);
  };
  return { stdout: await choose('stdout'), stderr: await choose('stderr') };
}

/** Creates the logs whose names are left to the daemon, and the process. */
export async function createProcess(
  group: GroupConfig,
  config: ProcessConfig,
  owner: ProcessOwner,
  createAutoLog: CreateAutoLog,
): Promise<ManagedProcess> {
  const logs = await chooseLogs(config, group.listener !== undefined, createAutoLog);
  return new ManagedProcess(group.name, config, logs, owner);
}

/** Order of starting within a group. */
export function byPriority(a: ManagedProcess, b: ManagedProcess): number {
  return a.config.priority - b.config.priority;
}
