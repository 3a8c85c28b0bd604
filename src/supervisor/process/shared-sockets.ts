/**
 * The sockets of `[fcgi-program:x]`: open as long as one of the processes runs that accept from
 * them. The keeper holds a copy for the next controller.
 */
import { closeSync } from 'node:fs';
import { openSharedSocket, removeSharedSocket } from '../../host/keeper/shared-socket.ts';
import type { SharedSocket } from '../configuration/program-config.ts';
import type { MainLog } from '../output/main-log.ts';
import type { ManagedProcess } from './managed-process.ts';
import { isStoppedState } from './process-state.ts';

/** Label under which the keeper holds the copy. */
export const SOCKET_LABEL = 'socket';

interface OpenSocket {
  readonly socket: SharedSocket;
  readonly fd: number;
  /** Full names of the processes that use it. */
  readonly users: Set<string>;
}

export class SharedSockets {
  readonly #log: Pick<MainLog, 'write'>;
  readonly #sockets = new Map<string, OpenSocket>();

  constructor(log: Pick<MainLog, 'write'>) {
    this.#log = log;
  }

  /**
   * Descriptor of a socket for a process that is about to start; it stays ours.
   * @throws the system's error when it cannot be opened.
   */
  acquire(socket: SharedSocket, fullName: string): number {
    const open = this.#sockets.get(socket.url) ?? this.#open(socket);
    open.users.add(fullName);
    return open.fd;
  }

  /** A process of an earlier controller uses a socket, of which the keeper gave us a copy. */
  adopt(socket: SharedSocket, fullName: string, fd: number): void {
    const open = this.#sockets.get(socket.url);
    if (open === undefined) {
      this.#sockets.set(socket.url, { socket, fd, users: new Set([fullName]) });
      return;
    }
    open.users.add(fullName);
    closeSync(fd);
  }

  /** A process does not run any more; the last one closes the socket. */
  release(socket: SharedSocket, fullName: string): void {
    const open = this.#sockets.get(socket.url);
    if (open === undefined || !open.users.delete(fullName) || open.users.size > 0) return;
    this.#log.write('INFO', `Closing socket ${socket.url}`);
    this.#sockets.delete(socket.url);
    closeSync(open.fd);
    removeSharedSocket(open.socket.address);
  }

  #open(socket: SharedSocket): OpenSocket {
    this.#log.write('INFO', `Creating socket ${socket.url}`);
    const fd = openSharedSocket(socket.address, socket.backlog);
    const open = { socket, fd, users: new Set<string>() };
    this.#sockets.set(socket.url, open);
    return open;
  }
}

/** Gives back the socket of a process that does not run any more. */
export function releaseSocket(process: ManagedProcess, sockets: SharedSockets): void {
  const { socket } = process.config;
  const { state } = process.status;
  if (socket === undefined || !(isStoppedState(state) || state === 'BACKOFF')) return;
  sockets.release(socket, process.fullName);
}
