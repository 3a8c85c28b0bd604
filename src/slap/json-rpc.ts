/** The JSON-RPC API of a Master (spec/slap-protocol.md 6): a POST of an object for each method. */
import type { ErrorCode } from '../errors/catalogue.ts';
import { MasterError, UsageError } from '../errors/slapos-error.ts';
import type { CallLimits } from './bounded-call.ts';
import { boundedText } from './bounded-text.ts';
import { checkChoice } from './call-parameters.ts';
import type { SlapConnection } from './connection.ts';
import { MAX_EXPLANATION_BYTES, refusalOf } from './http-refusal.ts';
import type { HttpAnswer } from './http-transport.ts';
import type { RpcInput, RpcMethodName, RpcOutput } from './json-rpc-methods.ts';
import { findMisshape, RPC_METHOD_NAMES } from './json-rpc-shapes.ts';
import { isJsonObject, type JsonObject, type JsonValue } from './json-value.ts';
import type { PartitionId } from './master.ts';

/** HTTP 102 in the body of an answer: accepted, but nothing is there yet. */
const NOT_READY = 102;
const READ = /^slapos\.(get|allDocs)\./;

export interface RpcCallOptions extends CallLimits {
  /** The partition that asks, where a partition does. */
  readonly requester?: PartitionId | undefined;
}

/** Calls methods by their names on the wire. */
export interface JsonRpc {
  /**
   * @throws MasterError whose code says what went wrong; `context.type` is the Master's own word
   *   for it, such as `SOFTWARE-INSTANCE-NOT-FOUND`. CancelledError SLAPOS_ERR_CANCELLED.
   */
  call<M extends RpcMethodName>(
    method: M,
    input: RpcInput<M>,
    options?: RpcCallOptions,
  ): Promise<RpcOutput<M>>;
}

/**
 * Calls methods over a connection to a Master.
 * @internal
 */
export function createJsonRpc(connection: SlapConnection): JsonRpc {
  return {
    async call(method, input, { requester, ...limits } = {}) {
      checkChoice(method, RPC_METHOD_NAMES, 'method');
      const answer = await connection.within(limits).send({
        method: 'POST',
        path: method,
        headers: { 'content-type': 'application/json', ...senderHeaders(requester) },
        body: JSON.stringify(input),
        isRead: READ.test(method),
        refusal: (refused) => rpcRefusalOf(method, refused),
      });
      return parseRpcAnswer(method, answer);
    },
  };
}

/** No blank and no comma, which end an id in the header. */
const HEADER_ID = /^[\x21-\x2b\x2d-\x7e]+$/;

/**
 * By the header of slapos.core 1.26, and by those of spec/slap-protocol.md 6.4. To a Master it is
 * the certificate that tells who asks.
 */
function senderHeaders(requester: PartitionId | undefined): Record<string, string> {
  if (requester === undefined) return {};
  const { computerId, partitionId } = requester;
  if (!HEADER_ID.test(computerId) || !HEADER_ID.test(partitionId)) {
    const message =
      'JSON-RPC cannot tell a requester whose id holds a blank, a comma or other than ASCII.';
    throw new UsageError('SLAPOS_ERR_USAGE', message);
  }
  const list = `computer_id=${computerId}, computer_partition_id=${partitionId}`;
  return {
    authorization: `X-SlapPartition ${list}`,
    'x-computer-id': computerId,
    'x-computer-partition-id': partitionId,
  };
}

function parseRpcAnswer<M extends RpcMethodName>(method: M, answer: HttpAnswer): RpcOutput<M> {
  const body = parseJson(answer);
  if (body === undefined) throw misunderstood(method, 'it is not JSON');
  if (isJsonObject(body) && body['status'] === NOT_READY) throw notReady(method, body);
  const problem = findMisshape(method, body);
  if (problem !== undefined) throw misunderstood(method, problem);
  return body as RpcOutput<M>;
}

function parseJson(answer: HttpAnswer): JsonValue | undefined {
  try {
    return JSON.parse(answer.body.toString('utf8')) as JsonValue;
  } catch {
    return undefined;
  }
}

function notReady(method: RpcMethodName, body: JsonObject): MasterError {
  const explanation = boundedText(body['message']);
  return new MasterError(
    'SLAPOS_ERR_MASTER_NOT_READY',
    `The Master is not ready yet (${method}): ${explanation}`,
    {
      isRetryable: true,
      hint: 'Run the command again later.',
      context: { method, status: NOT_READY },
    },
  );
}

function misunderstood(method: RpcMethodName, problem: string): MasterError {
  return new MasterError(
    'SLAPOS_ERR_MASTER_PROTOCOL',
    `The answer of ${method} is not what this method gives: ${problem}.`,
    { hint: 'Check that master_url is the JSON-RPC address of a SlapOS Master.' },
  );
}

/** An error of the API says what it is by `type`; anything else is a refusal of HTTP. */
function rpcRefusalOf(method: RpcMethodName, answer: HttpAnswer): MasterError {
  const refusal = refusalOf(answer);
  const body = answer.body.length > MAX_EXPLANATION_BYTES ? undefined : parseJson(answer);
  if (!isJsonObject(body) || body['status'] !== answer.status) return refusal;
  const { type: word, title } = body;
  const type = boundedText(word);
  const code = codeOf(method, answer.status, type) ?? refusal.code;
  const message =
    code === refusal.code
      ? refusal.message
      : `The Master refused ${method} (${type}): ${boundedText(title)}`;
  return new MasterError(code, message, {
    isRetryable: refusal.isRetryable,
    context: { ...refusal.context, method, type },
    ...(code === 'SLAPOS_ERR_MASTER_UNAUTHENTICATED' && refusal.hint ? { hint: refusal.hint } : {}),
  });
}

/**
 * Masters say 403 for whatever they cannot do, and name it; slapproxy names nothing, and what it
 * refuses to look up or to request does not exist (spec/proxy.md 9).
 */
function codeOf(method: RpcMethodName, status: number, type: string): ErrorCode | undefined {
  if (/-NOT-FOUND$/.test(type)) return 'SLAPOS_ERR_MASTER_NOT_FOUND';
  if (status !== 403) return undefined;
  const isLookup = READ.test(method) || method === 'slapos.post.v0.software_instance';
  if (type === 'Forbidden' && isLookup) return 'SLAPOS_ERR_MASTER_NOT_FOUND';
  return type === 'Unauthorized' ? undefined : 'SLAPOS_ERR_MASTER_REFUSED';
}
