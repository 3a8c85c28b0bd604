/** A relay in front of a server that breaks connections at a chosen message of the client. */
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

export interface CuttingRelay {
  readonly port: number;
  /**
   * Breaks the connection that next sends this text: before the server gets it, or after it has
   * answered, before the client gets that.
   */
  cutAt(text: string, when: 'before' | 'after'): void;
  close(): Promise<void>;
}

export async function startCuttingRelay(serverPort: number): Promise<CuttingRelay> {
  let cut: { readonly text: string; readonly when: 'before' | 'after' } | undefined;
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    const upstream = connect(serverPort, '127.0.0.1');
    let isAnswerCut = false;
    const drop = (): void => {
      client.destroy();
      upstream.destroy();
    };
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on('error', drop);
      socket.on('close', drop);
    }
    client.on('data', (data) => {
      const isHit = cut !== undefined && data.includes(cut.text);
      const when = cut?.when;
      if (isHit) cut = undefined;
      if (isHit && when === 'before') return drop();
      isAnswerCut ||= isHit;
      upstream.write(data);
    });
    upstream.on('data', (data) => {
      if (isAnswerCut) drop();
      else client.write(data);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    cutAt(text, when) {
      cut = { text, when };
    },
    async close() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}
