/** Whether something listens at the address of a URL. */
import { connect } from 'node:net';

const DEFAULT_PORTS: Readonly<Record<string, number>> = { 'http:': 80, 'https:': 443 };

/** Resolves when a connection is made; it is closed again. Rejects with the reason when it is not. */
export function connectTo(url: string, timeoutMs: number): Promise<void> {
  const { hostname, port, protocol } = new URL(url);
  const host = hostname.replace(/^\[(.*)\]$/, '$1');
  return new Promise((resolve, reject) => {
    const socket = connect({
      host,
      port: Number(port) || (DEFAULT_PORTS[protocol] ?? 80),
      signal: AbortSignal.timeout(timeoutMs),
    });
    socket.once('error', (error) => {
      reject(error.name === 'AbortError' ? new Error(`no answer within ${timeoutMs} ms`) : error);
    });
    socket.once('connect', () => {
      socket.destroy();
      resolve();
    });
  });
}
