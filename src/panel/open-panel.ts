/** Makes the panel of a proxy: the one module that the proxy loads when somebody looks at it. */
import type { PanelPort } from '../proxy/web/panel-port.ts';
import type { StatusSettings } from '../status/settings.ts';
import { openLocalNode } from './local-node.ts';
import { Panel, type PanelOptions } from './serve.ts';

export interface OpenPanelOptions extends Omit<PanelOptions, 'node'> {
  /** The computer of this machine for the proxy. */
  readonly computerId: string;
  /** Where its node is. */
  readonly node: StatusSettings | { readonly reason: string };
}

export function openPanel({ node, computerId, ...options }: OpenPanelOptions): PanelPort {
  if ('reason' in node) {
    return new Panel({ ...options, node: { view: null, computerId, reason: node.reason } });
  }
  return new Panel({ ...options, node: { view: openLocalNode(node) } });
}
