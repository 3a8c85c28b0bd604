/** Stands between programs and a proxy and writes down every request as it came over the wire. */
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { text } from 'node:stream/consumers';

export interface WireRequest {
  /** Requests of one connection have the same number. */
  readonly connection: number;
  readonly method: string;
  /** With its query. */
  readonly path: string;
  /** In their order, names as they were written. */
  readonly headers: ReadonlyArray<readonly [name: string, value: string]>;
  readonly body: string;
}

export class WireRecorder {
  readonly #server;
  readonly #connections = new Map<Socket, number>();
  #seen: WireRequest[] = [];

  /** @param targetPort of the proxy on loopback */
  constructor(targetPort: number) {
    this.#server = createServer((incoming, answer) => {
      // While the proxy does not listen, neither do we.
      this.#pass(targetPort, incoming, answer).catch(() => incoming.socket.destroy());
    });
  }

  async #pass(port: number, incoming: IncomingMessage, answer: ServerResponse): Promise<void> {
    const { method = '', url: path = '', rawHeaders, socket } = incoming;
    const connection = this.#connections.get(socket) ?? this.#connections.size + 1;
    this.#connections.set(socket, connection);
    const body = await text(incoming);
    const names = rawHeaders.filter((_, index) => index % 2 === 0);
    const headers = names.map((name, index) => [name, rawHeaders[2 * index + 1] ?? ''] as const);
    this.#seen.push({ connection, method, path, headers, body });
    await new Promise<void>((resolve, reject) => {
      const target = {
        host: '127.0.0.1',
        port,
        method,
        path,
        headers: Object.fromEntries(headers),
      };
      const outgoing = request(target, (response) => {
        answer.writeHead(response.statusCode ?? 502, response.headers);
        response.pipe(answer).once('close', resolve).once('error', reject);
      });
      outgoing.once('error', reject).end(body);
    });
  }

  async listen(port: number): Promise<void> {
    await new Promise<void>((resolve) => this.#server.listen(port, '127.0.0.1', resolve));
  }

  /** What came since the last time. */
  take(): readonly WireRequest[] {
    const taken = this.#seen;
    this.#seen = [];
    return taken;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
