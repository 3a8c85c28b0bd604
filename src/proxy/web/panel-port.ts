/** What answers below `/panel/`. The proxy knows no more of the panel, which knows the proxy. */
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { ProxyEnvironment } from '../route.ts';

export interface PanelPort {
  /** Answers a request, of which the body was not read. */
  answer(
    request: FastifyRequest,
    reply: FastifyReply,
    environment: ProxyEnvironment,
  ): Promise<FastifyReply>;
  /** A request may have changed what is shown. */
  changed(): void;
  /** Ends what is under way, such as streams. */
  close(): Promise<void>;
}

/** The panel of a server, and what its requests may use. */
export interface PanelPlace {
  readonly port: PanelPort;
  /** @throws HttpProblem 403 for a request that `peer_check` never admitted. */
  environmentOf(request: FastifyRequest): ProxyEnvironment;
}
