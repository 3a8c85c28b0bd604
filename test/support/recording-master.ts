/** Stands between a node and its Master and writes down what the node says. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';

/** A call that changes something: its path and its fields. */
export interface Saying {
  readonly path: string;
  readonly fields: Readonly<Record<string, string>>;
}

export class RecordingMaster {
  private readonly server: Server;
  private said: Saying[] = [];

  /** @param target address of the Master, ending with a slash */
  constructor(target: string) {
    this.server = createServer((request, response) => {
      // While the Master does not listen, neither do we.
      this.answer(target, request, response).catch(() => request.socket.destroy());
    });
  }

  private async answer(target: string, request: IncomingMessage, response: ServerResponse) {
    const path = (request.url ?? '/').slice(1);
    const body = await readBody(request);
    const isPost = request.method === 'POST';
    if (isPost) this.said.push({ path, fields: Object.fromEntries(new URLSearchParams(body)) });
    const headers = { 'content-type': 'application/x-www-form-urlencoded' };
    const answer = await fetch(target + path, isPost ? { method: 'POST', body, headers } : {});
    response.statusCode = answer.status;
    response.setHeader('content-type', answer.headers.get('content-type') ?? 'text/plain');
    response.end(Buffer.from(await answer.arrayBuffer()));
  }

  async listen(port: number): Promise<void> {
    await new Promise<void>((resolve) => this.server.listen(port, '127.0.0.1', resolve));
  }

  /** What was said since the last time. */
  take(): readonly Saying[] {
    const taken = this.said;
    this.said = [];
    return taken;
  }

  async close(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }
}

async function readBody(request: IncomingMessage): Promise<string> {
  const pieces: Buffer[] = [];
  for await (const piece of request) pieces.push(piece);
  return Buffer.concat(pieces).toString();
}
