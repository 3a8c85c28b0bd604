/** HTTP clients that do what no library would. */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

export class RawClient {
  readonly socket: Socket;
  /** Settles once the connection is closed, by whomever. */
  readonly closed: Promise<void>;
  #received = '';

  constructor(url: string) {
    const { hostname, port } = new URL(url);
    this.socket = connect({ host: hostname, port: Number(port) });
    this.socket.on('error', () => undefined);
    this.closed = new Promise((done) => this.socket.once('close', () => done()));
    this.socket.setEncoding('latin1');
    this.socket.on('data', (piece) => {
      this.#received += piece;
    });
  }

  get received(): string {
    return this.#received;
  }

  /** Resolves once the kernel has it. */
  send(text: string): Promise<void> {
    return new Promise((done) => this.socket.write(text, () => done()));
  }

  get(path: string): Promise<string> {
    return this.ask(`GET ${path} HTTP/1.1\r\nHost: proxy\r\n\r\n`);
  }

  /** Sends the end of a request and waits for the end of its answer. */
  async ask(text: string): Promise<string> {
    const start = this.#received.length;
    this.socket.write(text);
    for (;;) {
      const answer = this.#received.slice(start);
      const [head = '', body] = answer.split('\r\n\r\n', 2);
      const length = /content-length: (\d+)/i.exec(head)?.[1];
      if (body !== undefined && length !== undefined && body.length >= Number(length))
        return answer;
      await Promise.race([once(this.socket, 'data'), this.closed.then(() => fail(answer))]);
    }
  }

  /** Sends one character again and again until the connection is closed. */
  async dribble(intervalMs: number): Promise<void> {
    const timer = setInterval(() => this.socket.write('x'), intervalMs);
    await this.closed.finally(() => clearInterval(timer));
  }

  end(): void {
    this.socket.destroy();
  }
}

function fail(answer: string): never {
  throw new Error(`the connection was closed after ${JSON.stringify(answer)}`);
}
