/**
 * Stands between clients and a PostgreSQL server and does harm to single statements (protocol 3.0,
 * PostgreSQL manual 55): the connection breaks before the server sees it, or after it took effect and
 * before the client is told, or the server seems to answer with a serialization failure.
 */

import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';

export type Harm = 'before' | 'after' | 'conflict';

const QUERY = 'Q';
const SYNC = 'S';
const READY = 'Z';

export class PostgresRelay {
  /** Asked for every statement, with its text where it is a simple one. */
  decide: (text: string) => Harm | undefined = () => undefined;
  /** Statements seen. */
  statements = 0;
  readonly #server: Server;
  readonly #targetPort: number;
  readonly #connections = new Set<RelayedConnection>();

  private constructor(targetPort: number) {
    this.#targetPort = targetPort;
    this.#server = createServer((client) => {
      const connection = new RelayedConnection(client, connect(targetPort, '127.0.0.1'), this);
      this.#connections.add(connection);
      client.once('close', () => this.#connections.delete(connection));
    });
  }

  static async start(targetPort: number): Promise<PostgresRelay> {
    const relay = new PostgresRelay(targetPort);
    relay.#server.listen(0, '127.0.0.1');
    await once(relay.#server, 'listening');
    return relay;
  }

  /** The address of a database over this relay. */
  uri(direct: string): string {
    const { port } = this.#server.address() as { readonly port: number };
    return direct.replace(`:${this.#targetPort}/`, `:${port}/`);
  }

  async close(): Promise<void> {
    for (const connection of this.#connections) connection.cut();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

interface Message {
  /** Empty for what opens the connection. */
  readonly type: string;
  readonly bytes: Buffer;
}

class RelayedConnection {
  readonly #client: Socket;
  readonly #server: Socket;
  readonly #relay: PostgresRelay;
  readonly #fromClient = new Splitter(true);
  readonly #fromServer = new Splitter(false);
  /** The statement that the client is sending. */
  #unit: Message[] = [];
  /** What becomes of the answers to statements under way, the oldest first. */
  readonly #pending: Array<Harm | undefined> = [];
  #isOpen = false;

  constructor(client: Socket, server: Socket, relay: PostgresRelay) {
    this.#client = client;
    this.#server = server;
    this.#relay = relay;
    for (const socket of [client, server]) {
      socket.setNoDelay(true);
      socket.on('error', () => this.cut());
      socket.on('close', () => this.cut());
    }
    client.on('data', (data: Buffer) => {
      for (const message of this.#fromClient.take(data)) this.#passUp(message);
    });
    server.on('data', (data: Buffer) => {
      for (const message of this.#fromServer.take(data)) this.#passDown(message);
    });
  }

  cut(): void {
    this.#client.destroy();
    this.#server.destroy();
  }

  #passUp(message: Message): void {
    if (!this.#isOpen) {
      this.#server.write(message.bytes);
      return;
    }
    this.#unit.push(message);
    if (message.type === 'X') this.#server.write(message.bytes);
    if (message.type !== QUERY && message.type !== SYNC) return;
    const unit = this.#unit;
    this.#unit = [];
    this.#relay.statements += 1;
    const text =
      message.type === QUERY ? message.bytes.toString('utf8', 5, message.bytes.length - 1) : '';
    const harm = this.#relay.decide(text);
    if (harm === 'before') {
      this.cut();
      return;
    }
    this.#pending.push(harm);
    if (harm === 'conflict') this.#server.write(frame(QUERY, `${failing(text)}\0`));
    else for (const { bytes } of unit) this.#server.write(bytes);
  }

  #passDown({ type, bytes }: Message): void {
    if (!this.#isOpen) {
      this.#isOpen = type === READY;
      this.#client.write(bytes);
      return;
    }
    const [harm] = this.#pending;
    if (type === READY) this.#pending.shift();
    if (harm === undefined) this.#client.write(bytes);
    else if (type !== READY) return;
    else if (harm === 'after') this.cut();
    else this.#client.write(Buffer.concat([CONFLICT, bytes]));
  }
}

/**
 * What leaves the server as the statement would that could not be serialized: a commit ends the
 * transaction; after anything else all that was sent behind it is refused until the ROLLBACK.
 */
function failing(text: string): string {
  if (text.startsWith('COMMIT')) return 'ROLLBACK';
  return text.startsWith('BEGIN') ? 'BEGIN; SELECT 1/0' : 'SELECT 1/0';
}

function frame(type: string, body: string): Buffer {
  const bytes = Buffer.from(`${type}\0\0\0\0${body}`);
  bytes.writeUInt32BE(bytes.length - 1, 1);
  return bytes;
}

const CONFLICT = frame('E', 'SERROR\0VERROR\0C40001\0Mcould not serialize access (injected)\0\0');

/** Cuts a stream into messages. */
class Splitter {
  #rest: Buffer = Buffer.alloc(0);
  /** What opens a connection has no type. */
  #isFirst: boolean;

  constructor(isClient: boolean) {
    this.#isFirst = isClient;
  }

  take(data: Buffer): Message[] {
    this.#rest = Buffer.concat([this.#rest, data]);
    const messages: Message[] = [];
    for (;;) {
      const head = this.#isFirst ? 0 : 1;
      if (this.#rest.length < head + 4) return messages;
      const length = head + this.#rest.readUInt32BE(head);
      if (this.#rest.length < length) return messages;
      const bytes = this.#rest.subarray(0, length);
      messages.push({ type: this.#isFirst ? '' : String.fromCharCode(bytes[0] ?? 0), bytes });
      this.#rest = this.#rest.subarray(length);
      this.#isFirst = false;
    }
  }
}
