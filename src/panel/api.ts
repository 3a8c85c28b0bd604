/**
 * What the panel's page and its server say to each other, below `/panel/api/`. Every answer is JSON;
 * a failure is `{"problem": "…", "hint": "…", "field": "/parameters/port"}` with an HTTP status.
 * The page is TypeScript too and uses these very types: nothing here may import anything of Node.
 *
 *     GET  overview                                  PanelOverview
 *     GET  events                                    server-sent events: `overview` PanelOverview, when it changed
 *     GET  instance?reference=                       PanelInstanceDetail
 *     GET  partition?computer=&partition=            PanelPartitionDetail
 *     GET  log?partition=&name=                      PanelLog, the last lines
 *     GET  series?partition=&since=                  PanelSeries
 *     GET  schema?url=&type=&shared=                 PanelSchema
 *     POST request {PanelRequest}                    PanelInstance
 *     POST state {reference, state}                  PanelInstance
 *     POST service {partition, name, action}         ServiceStatus
 *
 * POST needs the header `X-Slapos-Panel: 1`, which no other site can have a browser send. 401 is for
 * who has to enter the token: the page is to be loaded again, which then is the one that asks for it.
 */
import type { Consumption, PartitionStatus, PromiseStatus } from '../status/model.ts';

export interface PanelOverview {
  readonly takenAtMs: number;
  readonly nodes: readonly PanelNode[];
  /** Roots first; children name their root and who asked for them. */
  readonly instances: readonly PanelInstance[];
  readonly software: readonly PanelSoftware[];
}

export interface PanelNode {
  readonly computerId: string;
  /** Whether it is this machine, of which services, promises, logs and consumption are known. */
  readonly isLocal: boolean;
  /** Milliseconds since the epoch; null for never. */
  readonly lastContactMs: number | null;
  /** What it reported last, such as `#access …` or `#error …`. */
  readonly report: string;
  /** Why services, promises or consumption cannot be told; empty when they can, or are not local. */
  readonly problems: readonly string[];
  readonly partitions: readonly PanelPartition[];
}

export interface PanelPartition {
  readonly reference: string;
  readonly isFree: boolean;
  /** Reference of the instance in it; empty when it is free. */
  readonly instance: string;
  readonly addresses: readonly string[];
  readonly report: string;
  /** The rest is null for partitions of other machines. */
  readonly services: {
    readonly running: number;
    readonly failed: number;
    readonly all: number;
  } | null;
  readonly promises: { readonly failed: number; readonly all: number } | null;
  readonly consumption: Consumption | null;
}

export interface PanelInstance {
  /** Names the instance as long as it is there, and never another one after it. */
  readonly reference: string;
  readonly title: string;
  /** Reference of who asked for it; empty for a root, and when who asked is not there any more. */
  readonly requestedBy: string;
  readonly softwareUrl: string;
  readonly softwareType: string;
  readonly isShared: boolean;
  readonly requestedState: 'started' | 'stopped' | 'destroyed';
  readonly computerId: string;
  readonly partition: string;
  /** What its partition reported last. */
  readonly report: string;
}

export interface PanelSoftware {
  readonly url: string;
  readonly computerId: string;
  readonly requestedState: string;
  /** `available`, `building`, `error` or empty for no report yet. */
  readonly state: string;
  readonly report: string;
}

export interface PanelInstanceDetail extends PanelInstance {
  readonly parameters: PanelParameters;
  readonly connection: PanelParameters;
}

export interface PanelParameters {
  /** `json` when they are one document in `_`. */
  readonly serialisation: 'xml' | 'json';
  readonly values: Readonly<Record<string, unknown>>;
}

export interface PanelPartitionDetail {
  readonly partition: PartitionStatus;
  /** By title of the promise, results from old to new. */
  readonly history: Readonly<Record<string, readonly PromiseStatus[]>>;
  /** Names that `log` knows. */
  readonly logs: readonly string[];
}

export interface PanelLog {
  readonly partition: string;
  readonly name: string;
  readonly lines: readonly string[];
  /** Whether there is more before them. */
  readonly isCut?: boolean;
  /** Why there is nothing; empty when it could be read. */
  readonly problem?: string;
}

export interface PanelSeries {
  readonly partition: string;
  /** One a sample of the collector's daemon, or one a minute from its database. */
  readonly resolution: 'sample' | 'minute';
  /** Milliseconds since the epoch, oldest first. */
  readonly timesMs: readonly number[];
  /** By names of Consumption; as many values as there are times. */
  readonly values: Readonly<Record<string, readonly number[]>>;
  /** Why there is nothing; empty when there is. */
  readonly reason?: string;
}

export interface PanelSchema {
  /** Null when the software has none, with the reason. */
  readonly schema: unknown;
  readonly serialisation: 'xml' | 'json';
  readonly softwareTypes: readonly string[];
  readonly reason: string;
}

export interface PanelRequest {
  readonly title: string;
  readonly softwareUrl: string;
  readonly softwareType: string;
  readonly isShared: boolean;
  readonly state: 'started' | 'stopped';
  readonly parameters: Readonly<Record<string, unknown>>;
  /** Where to; empty for any computer. */
  readonly computerId: string;
  /** Refuses a title that is there already (409, field `/title`) rather than change that instance. */
  readonly isNew?: boolean;
}

export interface PanelProblem {
  readonly problem: string;
  readonly hint: string;
  /** JSON pointer into the request, such as `/parameters/port`; empty for the whole. */
  readonly field: string;
}
