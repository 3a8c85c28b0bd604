/** What a method of the JSON-RPC API is, and what several of them answer with. */
import type { Dictionary } from './form.ts';
import { forbidden } from './http-problem.ts';
import type { ProxyEnvironment, RouteRequest } from './route.ts';
import type { JsonObject, ObjectSchema, PropertySchema } from './rpc-schema.ts';
import type { PartitionRow, ProxyTables } from './store.ts';

export interface RpcCall extends Pick<RouteRequest, 'baseUrl' | 'ownUrls' | 'sender'> {
  /** An object of the body with its numbers and the order of its properties, empty if absent. */
  dictionary(name: string): Dictionary;
}

export interface RpcMethod {
  readonly input: ObjectSchema;
  run(body: JsonObject, call: RpcCall, environment: ProxyEnvironment): Promise<JsonObject>;
}

export const TEXT: PropertySchema = { type: 'string', isRequired: true };
/** What others wrote, of which nothing is stored as it is. */
export const LOG: PropertySchema = { ...TEXT, isAnything: true };
export const OPTIONAL_TEXT: PropertySchema = { type: 'string' };

export function success(title: string): JsonObject {
  return { type: 'success', title };
}

/** For reports of which a proxy keeps no record, and certificates, of which it has none. */
export function answerAlways(input: ObjectSchema, answer: JsonObject): RpcMethod {
  return { input, run: async () => answer };
}

/** A text that the schema requires. */
export function textOf(body: JsonObject, name: string): string {
  return String(body[name]);
}

/** How this API names an instance; another name than that of the XML API (spec/proxy.md 9). */
export interface InstanceName {
  readonly title: string;
  /** Title of the root of its tree, '' for a root. */
  readonly requestedBy: string;
  readonly isShared: boolean;
}

export function renderGuid({ title, requestedBy, isShared }: InstanceName): string {
  return `${title}___${requestedBy}___${Number(isShared)}`;
}

/** @throws HttpProblem 403 for what is no guid of ours. */
export function parseGuid(body: JsonObject): InstanceName {
  const name = findGuid(body);
  if (name === null) throw forbidden(`instance_guid ${textOf(body, 'instance_guid')} not handled.`);
  return name;
}

/** null for what is no guid of ours. */
export function findGuid(body: JsonObject): InstanceName | null {
  const guid = textOf(body, 'instance_guid');
  const [, title, requestedBy, shared] = /^(.*?)___(.*?)___([01])$/s.exec(guid) ?? [];
  if (title === undefined || requestedBy === undefined) return null;
  return { title, requestedBy, isShared: shared === '1' };
}

/** @throws HttpProblem 403 when there is no such instance. */
export async function expectInstance(
  name: InstanceName,
  tables: ProxyTables,
): Promise<PartitionRow> {
  const row = name.isShared ? null : await tables.findInstance(name.title, name.requestedBy);
  if (row === null) throw forbidden(`No software instance ${renderGuid(name)} found.`);
  return row;
}
