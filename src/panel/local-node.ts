/** The node of this machine, by its status and its supervisor. */

import { createHostFiles } from '../host/folder/host-files.ts';
import type { HostFiles } from '../host/host.ts';
import { listLogs, readLog } from '../status/logs.ts';
import { readPromiseHistory } from '../status/promise-history.ts';
import { readNodeStatus } from '../status/read-status.ts';
import { readSeries } from '../status/series.ts';
import type { StatusSettings } from '../status/settings.ts';
import { openStatusSources, type StatusSources } from '../status/sources.ts';
import { SupervisorClient } from '../supervisor/client.ts';
import { supervisorPaths } from '../supervisor/layout.ts';
import type { NodeView } from './node-view.ts';
import { absent } from './problem.ts';
import { steerService } from './steer-service.ts';

/** Nothing is read before it is asked for. */
export function openLocalNode(
  settings: StatusSettings,
  sources: StatusSources = openStatusSources(settings),
): NodeView {
  return {
    computerId: settings.computerId,
    readStatus: () => readNodeStatus(sources),
    readHistory: (partition) => readPromiseHistory(sources, partition),
    listLogs: (partition) => listLogs(sources, partition),
    async readLog(partition, name) {
      const found = await readLog(sources, partition, name);
      return found === undefined ? null : { partition, name, ...found };
    },
    async readSeries(partition, sinceMs) {
      return (await readSeries(sources, partition, sinceMs)) ?? null;
    },
    async steer(partition, name, action) {
      const socket = await findSocket(settings.instanceRoot, createHostFiles());
      const open = () => new SupervisorClient(socket);
      await steerService(open, { partition, name, action });
      // A reading that is under way may have begun before.
      await sources.services.read();
      const { groups } = await sources.services.read();
      const service = groups.get(partition)?.services.find((one) => one.name === name);
      if (service === undefined) throw absent(`There is no service ${name} any more.`);
      return service;
    },
    close: async () => sources.close(),
  };
}

async function findSocket(instanceRoot: string, files: Pick<HostFiles, 'stat'>): Promise<string> {
  const { legacySocket, socket } = supervisorPaths(instanceRoot);
  return (await files.stat(legacySocket)) === undefined ? socket : legacySocket;
}
