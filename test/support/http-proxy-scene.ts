/** A proxy whose HTTP proxy may lead to some places, and servers of many kinds for it. */
import { once } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';
import {
  type AddressInfo,
  createServer as createTcpServer,
  type Server as TcpServer,
} from 'node:net';
import { parseAllowRule } from '../../src/proxy/web/allow-list.ts';
import { type HttpProxyOptions, NO_WEB } from '../../src/proxy/web/web-options.ts';
import { type ProxyFixture, startProxy } from './proxy-fixture.ts';

const closers: Array<() => Promise<unknown>> = [];
/** Stops all that was started. */
export async function closeAll(): Promise<void> {
  for (const close of closers.splice(0).reverse()) await close();
}

/** Stops what was started last. */
export async function closeLast(): Promise<void> {
  await closers.pop()?.();
}

export function closeLater(close: () => Promise<unknown>): void {
  closers.push(close);
}

export async function proxyWith(
  allow: readonly string[],
  options: Partial<HttpProxyOptions> = {},
): Promise<ProxyFixture> {
  const rules = allow.map((line) => {
    const rule = parseAllowRule(line);
    if (typeof rule === 'string') throw new Error(rule);
    return rule;
  });
  const httpProxy = { ...NO_WEB.httpProxy, ...options, allow: rules };
  const proxy = await startProxy({ web: { ...NO_WEB, httpProxy } });
  closers.push(proxy.close);
  return proxy;
}

export async function listening<T extends Server | TcpServer>(
  server: T,
  host = '127.0.0.1',
): Promise<number> {
  server.listen(0, host);
  await once(server, 'listening');
  closers.push(async () => {
    if ('closeAllConnections' in server) server.closeAllConnections();
    await new Promise((done) => server.close(done));
  });
  return (server.address() as AddressInfo).port;
}

export const serve = (listener: RequestListener, host?: string) =>
  listening(createServer(listener), host);

/** A server that says these bytes to whoever connects, then keeps quiet or ends. */
export function say(bytes: string, isEnding = true): Promise<number> {
  const sockets = new Set<{ destroy(): void }>();
  const server = createTcpServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.once('data', () => (isEnding ? socket.end(bytes) : socket.write(bytes)));
  });
  closers.push(async () => {
    for (const socket of sockets) socket.destroy();
  });
  return listening(server);
}

export function whenever() {
  let resolve = (): void => undefined;
  const promise = new Promise<void>((done) => {
    resolve = done;
  });
  return { promise, resolve };
}
