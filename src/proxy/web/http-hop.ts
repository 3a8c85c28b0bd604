/** One request of the HTTP proxy to a server, up to the head of the answer. */
import type { LookupAddress } from 'node:dns';
import {
  type ClientRequest,
  type IncomingMessage,
  type OutgoingHttpHeaders,
  request,
} from 'node:http';
import { request as requestTls } from 'node:https';
import type { LookupFunction } from 'node:net';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { SecureContext } from 'node:tls';
import { errorCode, errorMessage } from '../../errors/slapos-error.ts';
import { HttpProblem } from '../http-problem.ts';
import { readBounded } from './bounded-body.ts';
import { Deadline } from './deadline.ts';
import { renderHost, renderOrigin, type Target } from './http-target.ts';

export interface Hop {
  readonly target: Target;
  /** Where to connect: nothing else is asked for. */
  readonly addresses: readonly LookupAddress[];
  readonly method: string;
  readonly headers: OutgoingHttpHeaders;
  readonly body: Readable | undefined;
  readonly isTlsVerified: boolean;
  readonly secureContext: SecureContext | undefined;
  /** For the connection, and for the answer once everything is sent. */
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

type Stage = 'connecting' | 'securing' | 'waiting';

/** Between two addresses of one name. */
const NEXT_ADDRESS_MS = 2000;
const CUT_OFF = new Set(['ECONNRESET', 'EPIPE', 'ETIMEDOUT']);

/** @throws HttpProblem 523 for the connection, 524 for an answer that is late, 526 for TLS. */
export function sendHop(hop: Hop): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    let stage: Stage = 'connecting';
    const fail = (cause: unknown): void => {
      deadline.stop();
      reject(cause instanceof HttpProblem ? cause : hopProblem(stage, cause, hop.target));
    };
    let sent: ClientRequest;
    const deadline = new Deadline(hop.timeoutMs, () => {
      // The body is the client's affair, which has limits of its own.
      if (stage === 'waiting' && !sent.writableFinished) deadline.restart();
      else sent.destroy(lateProblem(stage, hop.target));
    });
    const enter = (next: Stage) => (): void => {
      stage = next;
      deadline.restart();
    };
    try {
      sent = open(hop);
    } catch (error) {
      // Node refuses characters in a path that no server should see.
      return fail(new HttpProblem(400, errorMessage(error)));
    }
    const isTls = hop.target.scheme === 'https';
    sent.once('socket', (socket) => {
      socket.once('connect', enter(isTls ? 'securing' : 'waiting'));
      socket.once('secureConnect', enter('waiting'));
    });
    sent.once('finish', () => deadline.restart());
    sent.once('response', (answer) => {
      deadline.stop();
      resolve(answer);
    });
    sent.once('upgrade', (_answer, socket) => {
      socket.destroy();
      fail(new HttpProblem(520, `${renderOrigin(hop.target)} speaks another protocol.`));
    });
    // Errors of the body come here too, when there is nobody to be told any more.
    sent.on('error', fail);
    sent.once('close', () => fail(new Error('the connection was closed')));
    sendBody(sent, hop.body);
  });
}

/** A server that goes away leaves the rest of the body unread: the client gets to see a status. */
function sendBody(sent: ClientRequest, body: Readable | undefined): void {
  if (body === undefined) {
    sent.end();
    return;
  }
  pipeline(readBounded(body, Number.POSITIVE_INFINITY), sent).catch(() => {
    // The request tells of it itself, and an answer that is there already may still be whole.
  });
}

function open({ addresses, target, ...hop }: Hop): ClientRequest {
  const lookup: LookupFunction = (_name, options, done) => {
    const [first] = addresses;
    if (options.all) done(null, [...addresses]);
    else done(null, first?.address ?? '', first?.family ?? 4);
  };
  const options = {
    agent: false,
    host: target.host,
    port: target.port,
    path: target.path,
    method: hop.method,
    headers: { ...hop.headers, host: renderHost(target) },
    lookup,
    autoSelectFamilyAttemptTimeout: NEXT_ADDRESS_MS,
    signal: hop.signal,
  };
  if (target.scheme === 'http') return request(options);
  const { isTlsVerified: rejectUnauthorized, secureContext } = hop;
  return requestTls({
    ...options,
    rejectUnauthorized,
    ...(secureContext === undefined ? {} : { secureContext }),
  });
}

function lateProblem(stage: Stage, target: Target): HttpProblem {
  const origin = renderOrigin(target);
  return stage === 'connecting'
    ? new HttpProblem(523, `${origin} takes too long to connect.`)
    : new HttpProblem(524, `${origin} does not answer in time.`);
}

function hopProblem(stage: Stage, cause: unknown, target: Target): HttpProblem {
  const isTls = stage === 'securing' && !CUT_OFF.has(errorCode(cause));
  const problem = new HttpProblem(
    isTls ? 526 : 523,
    `${renderOrigin(target)} ${isTls ? 'cannot be trusted' : 'cannot be reached'}: ${reasonOf(cause)}`,
  );
  problem.cause = cause;
  return problem;
}

/** Addresses of inner machines are not told: the code says enough. */
function reasonOf(cause: unknown): string {
  return errorCode(cause) || 'the connection failed';
}
