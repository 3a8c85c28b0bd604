/** What a function of the API gets and gives. */
import type { FastifyRequest } from 'fastify';
import type { ProxyEnvironment } from '../proxy/route.ts';
import type { PanelOverview } from './api.ts';
import type { LocalNode } from './node-view.ts';
import type { LocalFacts, OverviewFacts } from './overview.ts';

export interface ApiContext {
  readonly request: FastifyRequest;
  readonly query: URLSearchParams;
  readonly environment: ProxyEnvironment;
  readonly node: LocalNode;
  /** Everything that the overview is made of, as it is now. */
  facts(): Promise<OverviewFacts>;
  overview(): Promise<PanelOverview>;
  /** What is known of this machine. */
  status(): Promise<LocalFacts>;
}

export interface ApiRoute {
  readonly method: 'GET' | 'POST';
  /** @throws PanelError or HttpProblem for what cannot be done. */
  run(context: ApiContext): Promise<unknown>;
}
