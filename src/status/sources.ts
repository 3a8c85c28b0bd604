/** What the status of a node is read from: readers that keep what has not changed. */

import type { readPartitions, readSeries } from '../collect/daemon/daemon-client.ts';
import { createGridHost } from '../host/create-grid-host.ts';
import { createHostFiles } from '../host/folder/host-files.ts';
import type { GridHost } from '../host/grid-host.ts';
import type { HostFiles } from '../host/host.ts';
import { readChangedLogEnd, readLogEnd } from '../host/log/log-end.ts';
import { UserDirectory } from '../host/user/user-directory.ts';
import { PromiseReader } from '../promise/result-reader.ts';
import { InstanceReader } from './assigned-instances.ts';
import { ConsumptionReader } from './consumption.ts';
import { HistoryCache } from './history-cache.ts';
import type { StatusSettings } from './settings.ts';
import { ServiceReader, type SupervisorCaller } from './supervised-services.ts';

/** The machine; tests may give another one. */
export interface StatusHost extends Pick<GridHost, 'isRoot' | 'look' | 'openFolder'> {
  readonly readLogEnd: typeof readLogEnd;
  readonly readChangedLogEnd: typeof readChangedLogEnd;
  readonly files: Pick<HostFiles, 'stat'>;
  /** Name of a user; undefined when nobody knows him. */
  readonly findUserName: (uid: number) => string | undefined;
  readonly openSupervisor?: (socket: string) => SupervisorCaller;
  readonly readSamples?: typeof readPartitions;
  readonly readSamplesOf?: typeof readSeries;
  readonly nowMs: () => number;
}

/** Open once and read from as often as wanted; close when done. */
export interface StatusSources {
  readonly settings: StatusSettings;
  readonly host: StatusHost;
  readonly instances: InstanceReader;
  readonly services: ServiceReader;
  readonly promises: PromiseReader;
  readonly histories: HistoryCache;
  readonly consumption: ConsumptionReader;
  close(): void;
}

export function createStatusHost(): StatusHost {
  const { isRoot, look, openFolder } = createGridHost();
  const directory = new UserDirectory();
  return {
    isRoot,
    look,
    openFolder,
    readLogEnd,
    readChangedLogEnd,
    files: createHostFiles(),
    findUserName: rememberNames(directory),
    nowMs: Date.now,
  };
}

/** Nothing is read before it is asked for. */
export function openStatusSources(
  settings: StatusSettings,
  host: StatusHost = createStatusHost(),
): StatusSources {
  const { instanceRoot } = settings;
  const { files, nowMs, openSupervisor: openClient, readSamples } = host;
  const services = new ServiceReader({
    files,
    instanceRoot,
    ...(openClient === undefined ? {} : { openClient }),
  });
  return {
    settings,
    host,
    instances: new InstanceReader(host, settings),
    services,
    promises: new PromiseReader({ host, instanceRoot, nowMs }),
    histories: new HistoryCache(),
    consumption: new ConsumptionReader({
      files,
      instanceRoot,
      nowMs,
      ...(readSamples === undefined ? {} : { readSamples }),
    }),
    close: () => services.close(),
  };
}

/** How long the files of accounts are not looked at again. */
const NAMES_MS = 1000;

/** Looking a user up looks at the files of accounts: once for all partitions is enough. */
function rememberNames(directory: UserDirectory): (uid: number) => string | undefined {
  const names = new Map<number, string | undefined>();
  let version = '';
  let untilMs = 0;
  return (uid) => {
    const nowMs = performance.now();
    if (nowMs > untilMs) {
      const current = directory.version();
      if (current !== version) names.clear();
      version = current;
      untilMs = nowMs + NAMES_MS;
    }
    if (!names.has(uid)) names.set(uid, directory.findUser(uid)?.name);
    return names.get(uid);
  };
}
