/** A node for the panel whose test says what it has. */
import type { NodeView, ServiceAction } from '../../src/panel/node-view.ts';
import { absent } from '../../src/panel/problem.ts';
import type {
  Consumption,
  NodeStatus,
  PartitionStatus,
  PromiseStatus,
  ServiceStatus,
} from '../../src/status/model.ts';

export const CONSUMPTION: Consumption = {
  atMs: 1_000,
  cpu: 1.5,
  rssBytes: 1024,
  processes: 2,
  threads: 3,
  readBytesPerS: 4,
  writeBytesPerS: 5,
  netInBytesPerS: 6,
  netOutBytesPerS: 7,
  diskBytes: null,
};

export function service(name: string, state: string, changes: Partial<ServiceStatus> = {}) {
  const times = { startedAtMs: 1_000, stoppedAtMs: null };
  return { name, state, pid: 7, ...times, exitStatus: null, reason: '', ...changes };
}

export function promise(title: string, hasFailed: boolean, message = 'ok'): PromiseStatus {
  return { title, hasFailed, message, atMs: 2_000, executionS: 0.1 };
}

export function partitionStatus(
  reference: string,
  changes: Partial<PartitionStatus> = {},
): PartitionStatus {
  return {
    reference,
    path: `/srv/slapgrid/${reference}`,
    user: 'slapuser0',
    uid: 20001,
    instance: null,
    services: [],
    promises: [],
    consumption: null,
    ...changes,
  };
}

export class FakeNode implements NodeView {
  readonly computerId = 'COMP-1';
  partitions: readonly PartitionStatus[] = [];
  supervisor = { isAvailable: true, reason: '' };
  consumption = { isAvailable: true, reason: '', source: 'daemon' as const };
  logs: Readonly<Record<string, readonly string[]>> = {};
  readonly orders: string[] = [];
  reads = 0;
  /** In place of an answer. */
  failure: Error | Promise<never> | undefined;

  async readStatus(): Promise<NodeStatus> {
    this.reads += 1;
    if (this.failure instanceof Promise) return this.failure;
    if (this.failure !== undefined) throw this.failure;
    const { computerId, consumption, partitions, supervisor } = this;
    const document = { isAvailable: true, reason: '' };
    const places = { takenAtMs: 5_000, computerId, instanceRoot: '/srv/slapgrid' };
    return { ...places, supervisor, document, consumption, partitions };
  }

  async readHistory() {
    return { 'check-url': [promise('check-url', true, '<b>'), promise('check-url', false)] };
  }

  async listLogs() {
    return Object.keys(this.logs);
  }

  async readLog(partition: string, name: string) {
    const lines = Object.hasOwn(this.logs, name) ? this.logs[name] : undefined;
    return lines === undefined ? null : { partition, name, lines };
  }

  async readSeries(partition: string, sinceMs: number) {
    const resolution = 'sample' as const;
    return { partition, resolution, timesMs: [sinceMs + 1], values: { cpu: [0.5] }, reason: '' };
  }

  async steer(partition: string, name: string, action: ServiceAction) {
    const found = this.partitions.find(({ reference }) => reference === partition);
    const one = found?.services.find((service) => service.name === name);
    if (one === undefined) throw absent(`${partition} has no service ${name}.`);
    this.orders.push(`${action} ${partition}:${name}`);
    return one;
  }

  async close() {}
}
