/**
 * The HTTP side of the control socket (spec/supervisor.md 4.1). Idle connections are never closed:
 * clients keep one for minutes and do not retry.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { errorMessage } from '../../errors/slapos-error.ts';
import type { ServerConfig } from '../configuration/program-config.ts';
import { findProcess } from '../operations.ts';
import { streamLog } from '../output/log-stream.ts';
import { fault } from './fault.ts';
import { ProcessInfoXml } from './process-info-xml.ts';
import { BodyReader, BodyRefusal, RPC_LIMITS, type RpcLimits } from './rpc-body.ts';
import { callMethod } from './rpc-dispatch.ts';
import type { RpcContext } from './rpc-method.ts';
import { mayAsk, mayConnect, mayUpgrade, peerOf } from './server-access.ts';
import {
  decodeCall,
  encodeFault,
  encodeReply,
  encodeValue,
  isRpcFault,
  type RpcCall,
} from './xml-rpc.ts';

/** The context as one client has it. */
function contextFor(context: RpcContext, config: ServerConfig, socket: Socket): RpcContext {
  return {
    ...context,
    async upgrade(program, words) {
      if (!mayUpgrade(config, peerOf(socket)?.uid, context.ownUid)) {
        throw fault('FAILED', 'only root may upgrade, over the unix socket');
      }
      await context.upgrade(program, words);
    },
  };
}

/** What one server serves from. */
interface Service {
  readonly context: RpcContext;
  readonly limits: RpcLimits;
  readonly bodies: BodyReader;
}

function sendPage(response: ServerResponse, status: number, text: string): void {
  const body = `<html><head><title>${text}</title></head><body><h1>${text}</h1></body></html>\n`;
  response.writeHead(status, {
    'content-type': 'text/html',
    'content-length': Buffer.byteLength(body),
  });
  response.end(body);
}

const UPGRADE = 'slapos.upgrade';
const infoXml = new ProcessInfoXml();

/** The one call whose answer grows with the number of processes. */
function isListing({ controller }: RpcContext, { method, params }: RpcCall): boolean {
  const isIt = method === 'supervisor.getAllProcessInfo' && params.length === 0;
  return isIt && controller.mood === 'RUNNING';
}

async function answer(context: RpcContext, call: RpcCall): Promise<Buffer[]> {
  if (isListing(context, call)) return infoXml.encodeAll(context.controller);
  try {
    return [Buffer.from(encodeReply(encodeValue(await callMethod(context, call))))];
  } catch (error) {
    if (!isRpcFault(error)) throw error;
    return [Buffer.from(encodeFault(error.faultCode, error.message))];
  }
}

/** A client that does not take its answer is let go: the answer is in our memory meanwhile. */
function sendAnswer(response: ServerResponse, parts: readonly Buffer[], timeoutMs: number): void {
  const timer = setTimeout(() => response.destroy(), timeoutMs);
  timer.unref();
  response.once('close', () => clearTimeout(timer));
  response.once('finish', () => clearTimeout(timer));
  const length = parts.reduce((total, part) => total + part.length, 0);
  response.writeHead(200, { 'content-type': 'text/xml', 'content-length': length });
  for (const part of parts) response.write(part);
  response.end();
}

async function serveRpc(
  { context, limits, bodies }: Service,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  if (request.method !== 'POST') return sendPage(response, 400, 'Bad Request');
  let call: RpcCall;
  try {
    call = decodeCall(await bodies.read(request));
  } catch (error) {
    // It went away, or took too long: nobody waits for an answer.
    if (request.destroyed && !request.complete) return;
    context.log.write('ERRO', `bad request on /RPC2: ${errorMessage(error)}`);
    const isRefused = error instanceof BodyRefusal;
    // What is left of the body is not read.
    if (isRefused) response.shouldKeepAlive = false;
    return sendPage(
      response,
      isRefused ? error.status : 400,
      isRefused ? error.message : 'Bad Request',
    );
  }
  const parts = await answer(context, call);
  // A controller that hands over decides nothing any more, so that what it says may be wrong. The
  // connection ends with it; only who asked for the upgrade must hear that it goes on.
  if (context.controller.isFrozen && call.method !== UPGRADE) return;
  sendAnswer(response, parts, limits.answerMs);
}

/** Path of the log that a `/logtail/NAME/CHANNEL` address means; '' when there is none. */
function processLogPath(context: RpcContext, path: string): string {
  const [name = '', channel = 'stdout', ...more] = path.split('/').map(decodeURIComponent);
  if (more.length > 0 || (channel !== 'stdout' && channel !== 'stderr')) return '';
  try {
    return findProcess(context.controller, name).logs[channel];
  } catch {
    return '';
  }
}

async function serveLog(
  context: RpcContext,
  path: string,
  response: ServerResponse,
): Promise<void> {
  const isMain = path.startsWith('/mainlogtail');
  const file = isMain ? context.log.path : processLogPath(context, path.slice('/logtail/'.length));
  const headers: Record<string, string> = isMain ? {} : { 'x-accel-buffering': 'no' };
  const isSent = file !== '' && (await streamLog(file, response, headers));
  if (!isSent) sendPage(response, 404, 'Not Found');
}

async function serve(
  service: Service,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const path = (request.url ?? '/').replace(/[?#].*$/, '');
  if (path.startsWith('/RPC2')) await serveRpc(service, request, response);
  else if (path.startsWith('/logtail/') || path.startsWith('/mainlogtail')) {
    await serveLog(service.context, path, response);
  } else if (path === '/') sendPage(response, 200, 'Supervisor');
  else sendPage(response, 404, 'Not Found');
}

function askForPassword(response: ServerResponse): void {
  response.setHeader('www-authenticate', 'Basic realm="default"');
  sendPage(response, 401, 'Unauthorized');
}

/** Ends connections of users who have no business here. */
function guard(server: Server, config: ServerConfig, { log, ownUid }: RpcContext): void {
  if (config.kind !== 'unix') return;
  server.on('connection', (socket: Socket) => {
    const peer = peerOf(socket);
    if (peer !== undefined && mayConnect(config, peer.uid, ownUid)) return;
    log.write('WARN', `refused user ${peer?.uid} (process ${peer?.pid}) on ${config.path}`);
    socket.destroy();
  });
}

/** Accepts nothing more and ends every connection; the listening socket lives on in its copies. */
export function closeServer(server: Server): void {
  server.close();
  server.closeAllConnections();
}

/** The server; the caller makes it listen. */
export function createRpcServer(
  context: RpcContext,
  config: ServerConfig,
  limits: RpcLimits = RPC_LIMITS,
): Server {
  const service: Service = { context, limits, bodies: new BodyReader(limits) };
  const { requestMs } = limits;
  // Node counts from the first byte of a request: a connection that is idle between two is kept.
  const options = {
    keepAliveTimeout: 0,
    headersTimeout: requestMs,
    requestTimeout: requestMs,
    connectionsCheckingInterval: requestMs / 4,
  };
  const server = createServer(options, (request, response) => {
    if (!mayAsk(config, request)) return askForPassword(response);
    const own = { ...service, context: contextFor(context, config, request.socket) };
    serve(own, request, response).catch((error: unknown) => {
      context.log.write('CRIT', `${request.url}: ${error instanceof Error ? error.stack : error}`);
      if (response.headersSent) response.destroy();
      else sendPage(response, 500, 'Internal Server Error');
    });
  });
  guard(server, config, context);
  server.timeout = 0;
  return server;
}
