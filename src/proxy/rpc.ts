/** The JSON-RPC API: a POST of a JSON object for each method (spec/proxy.md 9). */
import type { FastifyRequest } from 'fastify';
import { badRequest, HttpProblem } from './http-problem.ts';
import { addressesOf, parseSender } from './http-request.ts';
import { jsonReply, type ProxyEnvironment, type Reply } from './route.ts';
import { COMPUTER_METHODS } from './rpc-computer.ts';
import { INSTANCE_METHODS } from './rpc-instance.ts';
import { parseExactJson, renderExactJson } from './rpc-json.ts';
import type { RpcCall, RpcMethod } from './rpc-method.ts';
import { checkBody, type JsonObject, type JsonValue, toDictionary } from './rpc-schema.ts';

export const RPC_PREFIX = '/slapos.';

export const RPC_METHODS: Readonly<Record<string, RpcMethod>> = {
  ...COMPUTER_METHODS,
  ...INSTANCE_METHODS,
};

/** @throws HttpProblem 400 for a body that the method does not take, 406 for other answers. */
export function parseCall(
  method: RpcMethod,
  request: FastifyRequest,
): { readonly body: JsonObject; readonly call: RpcCall } {
  const body = checkBody(parseBody(request), method.input);
  // Before anything is done: a refusal changes nothing.
  if (!acceptsJson(request.headers.accept)) {
    throw new HttpProblem(406, 'The answer is JSON, which header Accept does not allow.');
  }
  const call: RpcCall = {
    ...addressesOf(request),
    sender: parseSender(request.headers),
    dictionary: (name) => toDictionary(toDictionary(parseExactJson(String(request.body)))[name]),
  };
  return { body, call };
}

export async function callMethod(
  method: RpcMethod,
  request: FastifyRequest,
  environment: ProxyEnvironment,
): Promise<Reply> {
  const { body, call } = parseCall(method, request);
  return jsonReply(renderExactJson(await method.run(body, call, environment)));
}

function parseBody(request: FastifyRequest): JsonValue {
  const type = request.headers['content-type'] ?? '';
  if (!/^application\/(.+\+)?json\s*(;|$)/i.test(type)) {
    throw badRequest('The body must be JSON, with Content-Type: application/json.');
  }
  try {
    return JSON.parse(String(request.body)) as JsonValue;
  } catch {
    throw badRequest('The body is not valid JSON.');
  }
}

function acceptsJson(accept: string | undefined): boolean {
  if (accept === undefined || accept.trim() === '') return true;
  return accept.split(',').some((range) => {
    const [type = '', ...parameters] = range.split(';').map((part) => part.trim().toLowerCase());
    const isRefused = parameters.some((parameter) => /^q=0(\.0*)?$/.test(parameter));
    return !isRefused && ['*/*', 'application/*', 'application/json'].includes(type);
  });
}
