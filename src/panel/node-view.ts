/** What of this machine the panel shows and steers; `local-node.ts` is the real one. */
import type { NodeStatus, PromiseStatus, ServiceStatus } from '../status/model.ts';
import type { PanelLog, PanelSeries } from './api.ts';

export type ServiceAction = 'start' | 'stop' | 'restart';

/**
 * The node of this machine. Partitions are named by their references, which the caller took from
 * {@link NodeView.readStatus}: nothing else reaches the file system.
 */
export interface NodeView {
  readonly computerId: string;
  readStatus(): Promise<NodeStatus>;
  /** Results from old to new by title of the promise. */
  readHistory(partition: string): Promise<Readonly<Record<string, readonly PromiseStatus[]>>>;
  listLogs(partition: string): Promise<readonly string[]>;
  /** The last lines; null when there is no such log. */
  readLog(partition: string, name: string): Promise<PanelLog | null>;
  /** Null for a name that is no partition's. */
  readSeries(partition: string, sinceMs: number): Promise<PanelSeries | null>;
  /**
   * Acts on a service, and resolves when that is done or takes long.
   * @throws PanelError 404 for an unknown one, 409 when the supervisor refuses, 503 without one.
   */
  steer(partition: string, name: string, action: ServiceAction): Promise<ServiceStatus>;
  close(): Promise<void>;
}

/** The node, or why there is none to be seen. */
export type LocalNode =
  | { readonly view: NodeView }
  | { readonly view: null; readonly computerId: string; readonly reason: string };

export function localComputerId(node: LocalNode): string {
  return node.view === null ? node.computerId : node.view.computerId;
}
