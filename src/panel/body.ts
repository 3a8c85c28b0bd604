/** Bodies of requests to the panel, within bounds. */
import type { FastifyRequest } from 'fastify';
import { errorMessage } from '../errors/slapos-error.ts';
import { parseExactJson } from '../proxy/rpc-json.ts';
import {
  checkBody,
  type JsonObject,
  type JsonValue,
  type ObjectSchema,
  toDictionary,
} from '../proxy/rpc-schema.ts';
import { readBounded } from '../proxy/web/bounded-body.ts';
import type { MarshalValue } from '../slap/marshal-value.ts';
import { PanelError } from './problem.ts';

/** @throws PanelError 400 or 415, HttpProblem 413. */
export async function readBody(request: FastifyRequest, maxBytes: number): Promise<string> {
  const encoding = request.headers['content-encoding'] ?? 'identity';
  if (!/^(identity)?$/i.test(encoding)) {
    throw new PanelError(415, 'Content-Encoding is not taken: send the body as it is.');
  }
  const pieces: Uint8Array[] = [];
  for await (const piece of readBounded(request.raw, maxBytes)) pieces.push(piece);
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(Buffer.concat(pieces));
  } catch {
    throw new PanelError(400, 'The body is not UTF-8.');
  }
}

/** A checked JSON object, and its objects with the numbers as they were written. */
export interface JsonBody {
  readonly fields: JsonObject;
  /** The properties of an object of the body; empty when it is absent. */
  exact(name: string): Readonly<Record<string, MarshalValue>>;
}

const MAX_JSON_BYTES = 1024 * 1024;

/** @throws PanelError 400 or 415, HttpProblem 413. */
export async function readJson(request: FastifyRequest, schema: ObjectSchema): Promise<JsonBody> {
  if (!/^application\/json\s*(?:;|$)/i.test(request.headers['content-type'] ?? '')) {
    throw new PanelError(415, 'The body must be JSON, with Content-Type: application/json.');
  }
  const text = await readBody(request, MAX_JSON_BYTES);
  let value: JsonValue;
  try {
    value = JSON.parse(text) as JsonValue;
  } catch (error) {
    throw new PanelError(400, `The body is not JSON: ${errorMessage(error)}`);
  }
  const fields = checkBody(value, schema);
  return { fields, exact: (name) => toDictionary(toDictionary(parseExactJson(text))[name]) };
}
