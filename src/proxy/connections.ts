/**
 * Bounds on connections, so that clients that are slow, silent or many leave the proxy to others.
 *
 * - A head that does not come, or a body that does not end, is cut off with 408.
 * - A connection on which no byte moves is closed: its client went away, or does not read.
 * - When places run short, connections between two requests are closed for new ones.
 * - Without a place left a new connection is closed at once, and those that are there go on.
 *   Then too idle connections are closed, so that who tries again gets in.
 */
import { readFileSync } from 'node:fs';
import type { Server, ServerOptions } from 'node:http';
import type { Socket } from 'node:net';
import { errorMessage } from '../errors/slapos-error.ts';
import type { Logger } from '../log/logger.ts';

export interface ConnectionLimits {
  /** From the connection or the first byte of a request to the end of its head. */
  readonly headMs: number;
  /** To the end of its body; a release for the cache may be long. */
  readonly requestMs: number;
  /** Without a byte in either direction; longer than another Master may take to answer. */
  readonly silenceMs: number;
  readonly maxConnections: number;
}

/** Open files besides connections: database, log, connections to other Masters. */
const RESERVED_FILES = 64;
const MAX_CONNECTIONS = 4096;
/** Part of the places that may be taken before idle connections are closed. */
const CROWDED = 7 / 8;

/** @param openFiles how many files this process may have open */
export function defaultLimits(openFiles = readOpenFileLimit()): ConnectionLimits {
  const room = Math.max(openFiles - RESERVED_FILES, Math.floor(openFiles / 4));
  return {
    headMs: 20_000,
    requestMs: 600_000,
    silenceMs: 180_000,
    maxConnections: Math.min(room, MAX_CONNECTIONS),
  };
}

/** RLIMIT_NOFILE of this process, from proc_pid_limits(5); Node has raised it to the hard limit. */
function readOpenFileLimit(): number {
  const text = readFileSync('/proc/self/limits', 'utf8');
  const [, soft = ''] = /^Max open files +(\d+)/m.exec(text) ?? [];
  return soft === '' ? Number.POSITIVE_INFINITY : Number(soft);
}

/** What Node's server is created with. */
export function serverOptions({ headMs, requestMs }: ConnectionLimits): ServerOptions {
  const connectionsCheckingInterval = Math.ceil(Math.min(headMs, requestMs) / 10);
  return { headersTimeout: headMs, requestTimeout: requestMs, connectionsCheckingInterval };
}

/** Keeps places for new connections. */
export function boundConnections(
  server: Server,
  { maxConnections }: ConnectionLimits,
  log: Logger,
): void {
  let count = 0;
  server.maxConnections = maxConnections;
  server.on('connection', (socket: Socket) => {
    count += 1;
    socket.once('close', () => {
      count -= 1;
    });
    if (count > maxConnections * CROWDED) server.closeIdleConnections();
  });
  server.on('drop', () => {
    server.closeIdleConnections();
    log.warning(`All ${maxConnections} connections are in use: a new one is closed.`, {
      event: 'proxy.connection_refused',
    });
  });
  // Without a listener one failed accept(2), such as EMFILE, would end the process.
  // Before it listens whoever asked it to is told.
  server.on('error', (error) => {
    if (server.listening) log.error(`Connections fail: ${errorMessage(error)}`);
  });
}
