/**
 * Where the daemon listens: the socket that the keeper made, and ports of our own, which are taken
 * before anything is started, so that one in use is an error of the start.
 */
import type { Server } from 'node:http';
import { errorCode, errorMessage } from '../../errors/slapos-error.ts';
import { loadNative, type NativeAddon } from '../../host/native.ts';
import { ConfigurationError, type ServerConfig } from '../configuration/program-config.ts';
import type { RpcContext } from './rpc-method.ts';
import { createRpcServer } from './rpc-server.ts';

const BACKLOG = 1024;

const IN_USE =
  'Another program is already listening on a port that one of our HTTP servers is configured to ' +
  'use.  Shut this program down first before starting supervisord.';

/** A socket that listens already, though nobody accepts from it yet. */
export interface ListeningSocket {
  readonly config: ServerConfig;
  readonly fd: number;
}

function openPort(
  config: Extract<ServerConfig, { kind: 'inet' }>,
  addon: Pick<NativeAddon, 'socketListen'>,
): number {
  const { host, port } = config;
  try {
    return addon.socketListen({ host, port, backlog: BACKLOG });
  } catch (error) {
    if (errorCode(error) === 'EADDRINUSE') throw new ConfigurationError(IN_USE);
    throw new ConfigurationError(`Cannot listen on ${host}:${port}: ${errorMessage(error)}`);
  }
}

/**
 * Takes the ports.
 * @param listenFd the first unix socket, made by the keeper
 * @throws ConfigurationError for a port that cannot be had.
 */
export function openServers(
  servers: readonly ServerConfig[],
  listenFd: number | undefined,
  addon: Pick<NativeAddon, 'socketListen'> = loadNative(),
): ListeningSocket[] {
  const socket = servers.find(({ kind }) => kind === 'unix');
  const unix =
    listenFd === undefined || socket === undefined ? [] : [{ config: socket, fd: listenFd }];
  const ports = servers.flatMap((config) => {
    return config.kind === 'inet' ? [{ config, fd: openPort(config, addon) }] : [];
  });
  return [...unix, ...ports];
}

/** What an operator should know of the servers. Pure. */
export function serverWarnings(servers: readonly ServerConfig[]): string[] {
  const unix = servers.filter((server) => server.kind === 'unix');
  const open = servers.filter(({ kind, credentials }) => {
    return kind === 'inet' && credentials === undefined;
  });
  return [
    ...unix.slice(1).map(({ path }) => `only the first unix socket is served, not ${path}`),
    ...open.map(() => "Server 'inet_http_server' running without any HTTP authentication checking"),
  ];
}

/** Starts to answer; `onRequest` hears of every request. `servers` gets each as soon as it is there. */
export async function serveAll(
  context: RpcContext,
  sockets: readonly ListeningSocket[],
  onRequest: () => void,
  servers: Server[],
): Promise<void> {
  for (const { config, fd } of sockets) {
    const server = createRpcServer(context, config);
    server.on('request', onRequest);
    servers.push(server);
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen({ fd }, resolve);
    });
  }
}
