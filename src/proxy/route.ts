/** What a route of the proxy gets and gives. */
import type { Logger } from '../log/logger.ts';
import { encodeMarshal } from '../slap/marshal.ts';
import type { MarshalValue } from '../slap/marshal-value.ts';
import type { Clock } from './clock.ts';
import type { DocumentCache } from './document-cache.ts';
import type { ExternalMasters } from './external-masters.ts';
import type { Form } from './form.ts';
import type { PartitionTexts } from './partition-texts.ts';
import type { PartitionScope } from './peer-scope.ts';
import type { PartitionKey, ProxyStore } from './store.ts';

export interface ProxyEnvironment {
  readonly store: ProxyStore;
  readonly log: Logger;
  readonly clock: Clock;
  readonly defaultComputerId: string;
  readonly products: ReadonlyMap<string, string>;
  /** 32 letters or digits, constant while the process lives. */
  readonly runId: string;
  readonly documents: DocumentCache;
  readonly partitionTexts: PartitionTexts;
  readonly masters: ExternalMasters;
  /** Seconds since the epoch at which each known computer last asked for its document. */
  readonly contacts: Map<string, number>;
  /** Under `peer_check`, what the user of a partition may see; absent for everything. */
  readonly scope?: PartitionScope;
}

export interface RouteRequest {
  readonly form: Form;
  /** The partition that the headers name as the one that asks. */
  readonly sender: PartitionKey | null;
  /** Absolute address of the proxy as this client sees it, with a slash at the end. */
  readonly baseUrl: string;
  /** Addresses that mean this server, each with a slash at the end. */
  readonly ownUrls: readonly string[];
  readonly ifNoneMatch: string | undefined;
}

export interface Reply {
  readonly status?: number;
  readonly contentType: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body: string | Buffer;
}

export type Route = (request: RouteRequest, environment: ProxyEnvironment) => Promise<Reply>;

export function textReply(body: string, status = 200): Reply {
  return { status, contentType: 'text/plain; charset=utf-8', body };
}

export function xmlReply(value: MarshalValue): Reply {
  return { contentType: XML_TYPE, body: encodeMarshal(value) };
}

export const XML_TYPE = 'text/xml; charset=utf-8';

/** As bytes: fastify would add a charset to the type of a text, which JSON has none of. */
export function jsonReply(json: string, status = 200): Reply {
  return { status, contentType: 'application/json', body: Buffer.from(json) };
}
