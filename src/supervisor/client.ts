/**
 * XML-RPC client of the supervisor over its unix socket. One connection is kept for a whole
 * sequence of calls, as the protocol expects (spec/supervisor.md 1.2); no call has a time limit,
 * since stopping a group may take as long as its `stopwaitsecs`.
 */
import { Agent, type IncomingMessage, request } from 'node:http';
import { errorCode, errorMessage, SlaposError } from '../errors/slapos-error.ts';
import { decodeReply, encodeCall, type RpcValue } from './rpc/xml-rpc.ts';

/** The 14 fields of `getProcessInfo` (spec 4.5). */
export interface ProcessInfo {
  readonly name: string;
  readonly group: string;
  /** Seconds since the epoch, 0 for never. */
  readonly start: number;
  readonly stop: number;
  readonly now: number;
  readonly state: number;
  readonly statename: string;
  readonly spawnerr: string;
  readonly exitstatus: number;
  readonly logfile: string;
  readonly stdout_logfile: string;
  readonly stderr_logfile: string;
  readonly pid: number;
  readonly description: string;
}

/** One row of what start, stop and signal of several processes answer. */
export interface CallStatus {
  readonly name: string;
  readonly group: string;
  /** Fault code; 80 is success. */
  readonly status: number;
  readonly description: string;
}

/** HTTP status other than 200. */
export class HttpStatusError extends Error {
  readonly code = 'XML_RPC_HTTP';
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

export function isHttpStatusError(error: unknown): error is HttpStatusError {
  return errorCode(error) === 'XML_RPC_HTTP';
}

interface Answer {
  readonly status: number;
  readonly reason: string;
  readonly body: string;
}

async function readBody(response: IncomingMessage): Promise<Answer> {
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  const body = Buffer.concat(chunks).toString('utf8');
  return { status: response.statusCode ?? 0, reason: response.statusMessage ?? '', body };
}

/** Where a supervisor listens, and how to prove who we are. */
export interface ClientTarget {
  /** Path of the unix socket; else host and port. */
  readonly socketPath?: string;
  readonly host?: string;
  readonly port?: number;
  readonly username?: string;
  readonly password?: string;
}

/**
 * Reads `unix:///path` or `http://host:port`.
 * @throws TypeError when it is neither.
 */
export function parseServerUrl(url: string): ClientTarget {
  if (url.startsWith('unix://')) return { socketPath: url.slice('unix://'.length) };
  const { hostname, port } = new URL(url);
  const host = hostname.startsWith('[') ? hostname.slice(1, -1) : hostname;
  return { host, port: Number(port === '' ? 80 : port) };
}

export class SupervisorClient {
  readonly target: ClientTarget;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 1, timeout: 0 });

  constructor(target: ClientTarget | string) {
    this.target = typeof target === 'string' ? { socketPath: target } : target;
  }

  /**
   * Calls a method, `supervisor.getState` for example.
   * @throws RpcFault (`isRpcFault`) when the supervisor refuses, HttpStatusError on another HTTP
   * status than 200, SlaposError SLAPOS_ERR_SUPERVISOR when it cannot be reached; its cause has
   * the errno code.
   */
  call<T = RpcValue>(method: string, ...params: readonly RpcValue[]): Promise<T> {
    return this.#call<T>(method, params, undefined);
  }

  /**
   * Calls a method that is answered at once.
   * @throws as {@link SupervisorClient.call}, also when nothing comes within the time.
   */
  callWithin<T = RpcValue>(
    timeoutMs: number,
    method: string,
    ...params: readonly RpcValue[]
  ): Promise<T> {
    return this.#call<T>(method, params, timeoutMs);
  }

  async #call<T>(
    method: string,
    params: readonly RpcValue[],
    timeoutMs: number | undefined,
  ): Promise<T> {
    const answer = await this.#post(encodeCall(method, params), timeoutMs).catch(
      (cause: unknown) => {
        throw new SlaposError(
          'SLAPOS_ERR_SUPERVISOR',
          `The supervisor cannot be reached at ${this.address}: ${errorMessage(cause)}.`,
          { cause, context: { address: this.address, method, errno: errorCode(cause) } },
        );
      },
    );
    if (answer.status !== 200) throw new HttpStatusError(answer.status, answer.reason);
    return decodeReply(answer.body) as T;
  }

  /** Text that names the server in messages: `unix:///path` or `http://host:port`. */
  get address(): string {
    const { socketPath, host, port } = this.target;
    return socketPath === undefined ? `http://${host}:${port}` : `unix://${socketPath}`;
  }

  /** Header that proves who we are, when there is a user name. */
  authorization(): Record<string, string> {
    const { username, password } = this.target;
    if (username === undefined) return {};
    const token = Buffer.from(`${username}:${password ?? ''}`).toString('base64');
    return { authorization: `Basic ${token}` };
  }

  /** Ends the connection. */
  close(): void {
    this.#agent.destroy();
  }

  #post(body: string, timeoutMs: number | undefined): Promise<Answer> {
    const { socketPath, host, port } = this.target;
    const data = Buffer.from(body);
    return new Promise((resolve, reject) => {
      const outgoing = request({
        ...(socketPath === undefined ? { host, port } : { socketPath, host: 'localhost' }),
        agent: this.#agent,
        ...NO_SERVER_NAME,
        method: 'POST',
        path: '/RPC2',
        headers: {
          'content-type': 'text/xml',
          'content-length': data.length,
          ...this.authorization(),
        },
      });
      if (timeoutMs !== undefined) {
        const text = `no answer within ${timeoutMs / 1000} s`;
        outgoing.setTimeout(timeoutMs, () => outgoing.destroy(silence(text)));
      }
      outgoing.on('error', reject);
      outgoing.on('response', (response) => readBody(response).then(resolve, reject));
      outgoing.end(data);
    });
  }
}

/** Else the agent works a name for TLS out, with expressions that take 3 ms to compile. */
const NO_SERVER_NAME = { servername: '' };

function silence(text: string): Error {
  return Object.assign(new Error(text), { code: 'ETIMEDOUT' });
}

/** True when nothing listens: no socket file, nobody behind it, or it went away meanwhile. */
export function isUnreachable(error: unknown): boolean {
  return errorCode(error) === 'SLAPOS_ERR_SUPERVISOR';
}
