/** The functions of the API by name. */
import type { FastifyRequest } from 'fastify';
import type { ProxyEnvironment } from '../proxy/route.ts';
import type { PanelOverview } from './api.ts';
import type { LocalNode } from './node-view.ts';
import type { LocalFacts } from './overview.ts';

export interface ApiContext {
  readonly request: FastifyRequest;
  readonly query: URLSearchParams;
  readonly environment: ProxyEnvironment;
  readonly node: LocalNode;
  /** The overview as it is now. */
  overview(): Promise<PanelOverview>;
  /** What is known of this machine. */
  status(): Promise<LocalFacts>;
}

export interface ApiRoute {
  readonly method: 'GET' | 'POST';
  /** @throws PanelError or HttpProblem for what cannot be done. */
  run(context: ApiContext): Promise<unknown>;
}

export const API_ROUTES: ReadonlyMap<string, ApiRoute> = new Map<string, ApiRoute>([
  ['overview', { method: 'GET', run: ({ overview }) => overview() }],
]);
