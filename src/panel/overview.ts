/** The overview from the rows of the proxy and the model of this node. Pure. */

import { splitSlave } from '../proxy/slave.ts';
import type { StatusSubject } from '../proxy/status.ts';
import type { AddressRow, PartitionKey, PartitionRow, SlaveRow } from '../proxy/store.ts';
import type { NodeStatus, PartitionStatus, ServiceStatus } from '../status/model.ts';
import type {
  PanelInstance,
  PanelNode,
  PanelOverview,
  PanelPartition,
  PanelSoftware,
} from './api.ts';
import { InstanceIndex, instanceReference, isInstance, sharedReference } from './instance-name.ts';
import type { PanelRows } from './rows.ts';

/** What is known of this machine. */
export interface LocalFacts {
  /** The computer that it is for the proxy. */
  readonly computerId: string;
  readonly status: NodeStatus | null;
  /** Why something cannot be told. */
  readonly problems: readonly string[];
}

export interface OverviewFacts {
  readonly rows: PanelRows;
  readonly local: LocalFacts;
  readonly defaultComputerId: string;
  readonly takenAtMs: number;
}

export function renderOverview(facts: OverviewFacts): PanelOverview {
  const { rows, takenAtMs } = facts;
  const context = createContext(facts);
  const instances = renderInstances(context);
  return {
    takenAtMs,
    nodes: listComputerIds(rows).map((computerId) => renderNode(computerId, context)),
    instances: [
      ...instances.filter(({ requestedBy }) => requestedBy === ''),
      ...instances.filter(({ requestedBy }) => requestedBy !== ''),
    ],
    software: rows.software.map((row): PanelSoftware => {
      const { url, computerReference } = row;
      const report = context.reports.get(
        subjectKey({ kind: 'software', computerReference, reference: url }),
      );
      return {
        url,
        computerId: computerReference,
        requestedState: row.requestedState ?? 'available',
        state: report === undefined ? '' : report.state || 'error',
        report: report?.text ?? '',
      };
    }),
  };
}

interface Context extends OverviewFacts {
  readonly index: InstanceIndex;
  readonly reports: ReadonlyMap<string, { readonly text: string; readonly state: string }>;
  readonly addresses: ReadonlyMap<string, readonly AddressRow[]>;
  readonly partitions: ReadonlyMap<string, readonly PartitionRow[]>;
  readonly here: ReadonlyMap<string, PartitionStatus>;
}

export function createContext(facts: OverviewFacts): Context {
  const { rows, local } = facts;
  return {
    ...facts,
    index: new InstanceIndex(rows.partitions),
    reports: new Map(rows.reports.map((report) => [subjectKey(report), report])),
    addresses: group(rows.addresses, (row) => keyOf({ ...row, reference: row.partitionReference })),
    partitions: group(rows.partitions, (row) => row.computerReference),
    here: new Map((local.status?.partitions ?? []).map((one) => [one.reference, one])),
  };
}

function group<Row>(rows: readonly Row[], nameOf: (row: Row) => string): Map<string, Row[]> {
  const groups = new Map<string, Row[]>();
  for (const row of rows) {
    const name = nameOf(row);
    const known = groups.get(name);
    if (known === undefined) groups.set(name, [row]);
    else known.push(row);
  }
  return groups;
}

function keyOf({ computerReference, reference }: PartitionKey): string {
  return `${computerReference}\n${reference}`;
}

function subjectKey({ kind, computerReference, reference }: StatusSubject): string {
  return `${kind}\n${keyOf({ computerReference, reference })}`;
}

/** Old databases have partitions and supplies of computers that never described themselves. */
function listComputerIds({ computers, partitions }: PanelRows): string[] {
  return [
    ...new Set([
      ...computers.map(({ reference }) => reference),
      ...partitions.map(({ computerReference }) => computerReference),
    ]),
  ];
}

function renderNode(computerId: string, context: Context): PanelNode {
  const { rows, local, partitions } = context;
  const contact = rows.contacts.get(computerId);
  const isLocal = computerId === local.computerId;
  return {
    computerId,
    isLocal,
    lastContactMs: contact === undefined ? null : Math.round(contact.createdAt * 1000),
    report: contact?.text ?? '',
    problems: isLocal ? local.problems : [],
    partitions: (partitions.get(computerId) ?? []).map((row) => {
      return renderPartition(row, isLocal, context);
    }),
  };
}

function renderPartition(row: PartitionRow, isLocal: boolean, context: Context): PanelPartition {
  const { local, here, addresses, reports } = context;
  const status = isLocal ? here.get(row.reference) : undefined;
  const isBusy = isInstance(row);
  return {
    reference: row.reference,
    isFree: row.slapState === 'free',
    instance: isBusy ? instanceReference(row) : '',
    addresses: (addresses.get(keyOf(row)) ?? []).flatMap(({ address }) => address ?? []),
    report: reports.get(subjectKey({ ...row, kind: 'partition' }))?.text ?? '',
    services:
      status === undefined || local.status?.supervisor.isAvailable !== true
        ? null
        : countServices(status.services),
    promises: status === undefined ? null : countPromises(status),
    consumption: status?.consumption ?? null,
  };
}

const FAILED = new Set(['BACKOFF', 'FATAL', 'UNKNOWN']);

function countServices(services: readonly ServiceStatus[]) {
  const isFailed = ({ state, exitStatus }: ServiceStatus) =>
    FAILED.has(state) || (state === 'EXITED' && exitStatus !== null && exitStatus !== 0);
  return {
    running: services.filter(({ state }) => state === 'RUNNING').length,
    failed: services.filter(isFailed).length,
    all: services.length,
  };
}

function countPromises({ promises }: PartitionStatus) {
  return { failed: promises.filter(({ hasFailed }) => hasFailed).length, all: promises.length };
}

function renderInstances(context: Context): PanelInstance[] {
  const { rows } = context;
  return [
    ...rows.partitions.filter(isInstance).map((row) => renderInstance(row, context)),
    ...rows.shared.map((row) => renderShared(row, context)),
  ];
}

/** What an instance is rendered with. */
export type InstanceContext = Pick<Context, 'index' | 'reports' | 'defaultComputerId'>;

export function renderInstance(
  row: PartitionRow,
  { index, reports }: InstanceContext,
): PanelInstance {
  const { computerReference, requestedBy, requesterId } = row;
  const requester = index.requesterOf(requestedBy, requesterId, computerReference);
  return {
    reference: instanceReference(row),
    title: row.title ?? '',
    requestedBy: requester === undefined ? '' : instanceReference(requester),
    softwareUrl: row.softwareRelease ?? '',
    softwareType: row.softwareType ?? '',
    isShared: false,
    requestedState: stateOf(row.requestedState),
    computerId: computerReference,
    partition: row.reference,
    report: reports.get(subjectKey({ ...row, kind: 'partition' }))?.text ?? '',
  };
}

export function renderShared(row: SlaveRow, context: InstanceContext): PanelInstance {
  const { index, reports, defaultComputerId } = context;
  const { computerReference, hostedBy, requesterId } = row;
  const { title, requestedBy } = splitSlave(row);
  const requester = index.requesterOf(requestedBy, requesterId, computerReference);
  const key = { computerReference, reference: hostedBy ?? '' };
  const host = index.onPartition(key);
  return {
    reference: sharedReference(row, defaultComputerId),
    title,
    requestedBy: requester === undefined ? '' : instanceReference(requester),
    softwareUrl: host?.softwareRelease ?? '',
    softwareType: host?.softwareType ?? '',
    isShared: true,
    requestedState: 'started',
    computerId: computerReference,
    partition: hostedBy ?? '',
    report: reports.get(subjectKey({ ...key, kind: 'partition' }))?.text ?? '',
  };
}

function stateOf(text: string): PanelInstance['requestedState'] {
  return text === 'stopped' || text === 'destroyed' ? text : 'started';
}
