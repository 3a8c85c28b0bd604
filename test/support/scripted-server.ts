import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface SeenRequest {
  readonly method: string;
  /** Path and query. */
  readonly target: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
  /** Tells connections apart. */
  readonly remotePort: number | undefined;
}

export interface ScriptedAnswer {
  readonly status?: number;
  readonly headers?: Record<string, string>;
  readonly body?: string;
  /** Closes the connection instead of answering. */
  readonly isCut?: boolean;
}

/** A server on loopback that answers as told and remembers what it was asked. */
export async function startScriptedServer(answer: (request: SeenRequest) => ScriptedAnswer | null) {
  const seen: SeenRequest[] = [];
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const body = Buffer.concat(chunks).toString();
    const target = request.url ?? '';
    const { method = '', headers, socket } = request;
    seen.push({ method, target, headers, body, remotePort: socket.remotePort });
    const scripted = answer(seen.at(-1) as SeenRequest);
    if (scripted === null) return;
    if (scripted.isCut === true) request.socket.destroy();
    else response.writeHead(scripted.status ?? 200, scripted.headers).end(scripted.body ?? '');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/`,
    seen,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
