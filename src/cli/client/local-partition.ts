/** The partition of this very node that an instance runs in. */

import type { Config } from '../../config/config.ts';
import { chooseConfigPath } from '../../config/path.ts';
import { readConfig } from '../../config/read.ts';
import { homeOf } from '../../host/folder/home-of.ts';
import type { PartitionStatus } from '../../status/model.ts';
import { readNodeStatus } from '../../status/read-status.ts';
import { parseStatusSettings, type StatusSettings } from '../../status/settings.ts';
import { openStatusSources } from '../../status/sources.ts';
import type { CommandContext } from '../command.ts';

export interface WantedInstance {
  readonly title: string;
  readonly softwareUrl: string;
  /** Where the instance is known. */
  readonly masterUrl: string;
}

/** Null when there is no node here, or none of that Master, or when it is not ours to read. */
export async function findLocalPartition(
  context: CommandContext,
  wanted: WantedInstance,
): Promise<PartitionStatus | null> {
  const settings = findNode(context, wanted.masterUrl);
  if (settings === undefined) return null;
  const sources = openStatusSources(settings);
  try {
    const { partitions } = await readNodeStatus(sources);
    const { softwareUrl, title } = wanted;
    return (
      partitions.find(({ instance }) => {
        return instance?.title === title && instance.softwareUrl === softwareUrl;
      }) ?? null
    );
  } finally {
    sources.close();
  }
}

/** The client's own file may be the node's, else the node has its file at the usual place. */
function findNode(context: CommandContext, masterUrl: string): StatusSettings | undefined {
  const own = toSettings(() => context.config, context.cwd);
  const found = own ?? toSettings(() => readNodeConfig(context), context.cwd);
  return found !== undefined && isSame(found.masterUrl, masterUrl) ? found : undefined;
}

function readNodeConfig({ env }: CommandContext): Config {
  return readConfig(chooseConfigPath({ family: 'node', option: undefined, env, homeOf }));
}

function toSettings(read: () => Config, cwd: string): StatusSettings | undefined {
  try {
    return parseStatusSettings(read(), cwd);
  } catch {
    // No node here, or none that we may know of.
    return undefined;
  }
}

function isSame(one: string, other: string): boolean {
  return one.replace(/(?<!\/)\/+$/, '') === other.replace(/(?<!\/)\/+$/, '');
}
